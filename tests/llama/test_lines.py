from __future__ import annotations

import pytest

from proxy_core.llama.lines import Frame, clean, frame
from tests.llama.corpus import PROMPT, WRAPPERS, prefixed, slot, srv, structured


def test_colours_and_carriage_returns_are_removed() -> None:
    assert clean("\x1b[0m\x1b[34m0.01\x1b[0m \x1b[35mW slot\x1b[K\r") == "0.01 W slot"
    assert clean("plain [0m text") == "plain [0m text"


def test_a_prefixed_line_is_taken_apart() -> None:
    found = frame("12.03.729.393 W slot   operator(): id  3 | task 24 | n_past was set to 6889")
    assert found == Frame("", None, 723.729393, "W", "slot", 3, 24, "n_past was set to 6889")


def test_without_prefix_stamp_and_level_are_unknown() -> None:
    found = frame(srv("update_slots", "all slots are idle"))
    assert found == Frame("", None, None, None, "srv", None, None, "all slots are idle")


def test_colours_do_not_change_what_is_read() -> None:
    line = slot("release", "stop processing: n_tokens = 66, truncated = 0")
    (plain,), (coloured,) = prefixed([line]), prefixed([line], colour=True)
    assert frame(coloured) == frame(plain)
    assert frame(plain) is not None


@pytest.mark.parametrize(
    "name", [name for name in WRAPPERS if name not in ("bare", "carriage return", "reset in front")]
)
@pytest.mark.parametrize(
    "inner", [slot("release", "x"), srv("init", "y"), PROMPT, *prefixed([slot("release", "z")])]
)
def test_wrappers_are_kept_apart(name: str, inner: str) -> None:
    plain, wrapped = frame(inner), frame(WRAPPERS[name](inner))
    assert plain is not None
    assert wrapped is not None
    assert wrapped.wrapper
    assert wrapped.message == plain.message
    assert (wrapped.slot, wrapped.task, wrapped.stamp, wrapped.level) == (
        plain.slot,
        plain.task,
        plain.stamp,
        plain.level,
    )


@pytest.mark.parametrize("wrap", [WRAPPERS["bare"], WRAPPERS["journald"]])
def test_a_router_names_the_port_of_its_child(wrap: object) -> None:
    assert callable(wrap)
    found = frame(wrap("[57130] 0.33.810.930 W slot update_slots: id  3 | task 12 | hello"))
    assert found is not None
    assert (found.port, found.slot, found.task, found.stamp) == (57130, 3, 12, 33.81093)
    block = frame(wrap(f"[ 8081] {PROMPT}"))
    assert block is not None
    assert (block.port, block.message) == (8081, PROMPT)


def test_structured_lines_carry_slot_and_task_as_keys() -> None:
    found = frame(structured("WARN", "update_slots", "slot context shift", "id_slot=2 id_task=31 n_keep=0"))
    assert found is not None
    assert (found.level, found.slot, found.task) == ("W", 2, 31)
    assert found.message.startswith("slot context shift | ")


def test_a_json_line_reads_like_its_text_form() -> None:
    found = frame(
        '{"tid":"1","level":"VERB","msg":"slot released","id_slot":2,"id_task":31,"truncated":false}'
    )
    assert found is not None
    assert (found.level, found.slot, found.task) == ("D", 2, 31)
    assert found.message == "slot released | id_slot=2 id_task=31 truncated=false"


@pytest.mark.parametrize(
    ("value", "number"), [("7", 7), ("-1", -1), ("1.5", None), ("true", None), ('"7"', None), ("[1]", None)]
)
def test_only_an_integer_names_a_slot(value: str, number: int | None) -> None:
    found = frame(f'{{"level":"INFO","msg":"slot released","id_slot":{value},"more":{{"a":[1]}}}}')
    assert found is not None
    assert (found.slot, found.component) == (number, None if number is None else "slot")


def test_a_request_s_body_is_no_line_of_its_own() -> None:
    body = '{"level":"INFO","msg":"slot released","id_slot":0,"id_task":7}'
    found = frame(WRAPPERS["journald"](srv("log_server_r", f"request:  {body}")))
    assert found is not None
    assert (found.component, found.slot) == ("srv", None)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "llama_model_loader: loaded meta data with 21 key-value pairs",
        f"llama_perf_context_print: {PROMPT}",
        '{"level":"INFO","msg":',
        '{"level":"INFO","msg":7}',
        '{"level":' + "[" * 5000,
        "you have slot machines",
        "x" * 200 + " " + slot("release", "stop processing: n_tokens = 1, truncated = 0"),
    ],
)
def test_lines_of_others_have_no_frame(line: str) -> None:
    assert frame(line) is None


def test_a_quoted_log_line_inside_a_message_stays_text() -> None:
    quoted = slot("release", "stop processing: n_tokens = 66, truncated = 0")
    found = frame(srv("log_server_r", f"request:  {quoted}"))
    assert found is not None
    assert (found.component, found.slot) == ("srv", None)


@pytest.mark.parametrize(
    "function", ["update_slots", "  operator()", "operator ()", "<lambda_1>::", "server_conte"]
)
def test_function_names_do_not_matter(function: str) -> None:
    found = frame(slot(function, "n_past was set to 3"))
    assert found is not None
    assert found.message == "n_past was set to 3"
