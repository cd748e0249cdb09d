"""`kvconsole diff`: two requests compared, however they are named."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from proxy_core.captures import jsonl
from tests.captures.kit import chat, request
from tests.console_process import BOUND, COMMAND
from tests.pseudo_terminal import in_terminal
from tests.study.test_steps import captured
from tests.verbs.runs import Ran, kept, ran

TOOLS = [{"type": "function", "function": {"name": name, "description": name * 9}} for name in "abcdef"]
ESCAPES = "\x1b[31mred\x1b]0;title\x07\u202e"


def written(path: Path, body: dict[str, Any] | bytes) -> str:
    path.write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
    return str(path)


@pytest.fixture
def two(tmp_path: Path) -> tuple[str, str]:
    """Bodies that differ in the system text, and of which the second goes on."""
    before = chat("# Clock\n20:48\n# Rules\nBe brief.", "Hi", tools=TOOLS)
    after = chat("# Clock\n20:49\n# Rules\nBe brief.", "Hi", "Hello", "Bye", tools=TOOLS, temperature=0.5)
    return written(tmp_path / "a.json", before), written(tmp_path / "b.json", after)


def diff(*args: object, **more: Any) -> Ran:
    return ran("diff", *args, **more)


def test_parts_are_listed_in_the_order_of_the_prompt(two: tuple[str, str]) -> None:
    shown = diff(*two)
    assert shown.code == 0
    rows = [line for line in shown.out.splitlines() if line[:2] in ("= ", "~ ", "+ ", "- ", "> ")]
    names = [line.split("  ")[0] for line in rows]
    assert names[:5] == [
        "~ system",
        "= 6 tools",
        "= message 2 (user)",
        "+ message 3 (assistant)",
        "+ message 4 (user)",
    ]
    assert "temperature: (not there) → 0.5" in shown.out
    assert 'system, "Clock": reads otherwise.' in shown.out
    assert "- 20:48" in shown.out
    assert "+ 20:49" in shown.out


def test_only_exit_code_tells_by_the_exit_code(two: tuple[str, str]) -> None:
    assert diff(*two).code == 0
    assert diff(*two, "--exit-code").code == 1
    same = diff(two[0], two[0], "--exit-code")
    assert (same.code, "equal, byte for byte" in same.out) == (0, True)


def test_tools_that_move_change_come_and_go(tmp_path: Path) -> None:
    b, c, d, e, f = TOOLS[1:]
    other = {"type": "function", "function": {"name": "c", "description": "another"}}
    new = {"type": "function", "function": {"name": "new"}}
    sides = [chat("x", "y", tools=tools) for tools in ([b, c, d, e, f], [f, b, other, e, new])]
    shown = diff(*(written(tmp_path / f"{n}.json", side) for n, side in enumerate(sides)), "--json")
    changes = [(one["change"], one["name"]) for one in json.loads(shown.out)["components"]]
    assert changes == [
        ("same", "system"),
        *(("moved", "tool f"), ("same", "tool b"), ("changed", "tool c"), ("same", "tool e")),
        *(("added", "tool new"), ("removed", "tool d")),
        ("same", "message 2 (user)"),
    ]


def test_messages_that_slid_out_are_gone_and_the_others_the_same(tmp_path: Path) -> None:
    said = [f"message number {n}" for n in range(12)]
    before, after = chat("s", *said[:8]), chat("s", *said[4:12])
    names = [written(tmp_path / name, body) for name, body in (("a", before), ("b", after))]
    changes = [one["change"] for one in json.loads(diff(*names, "--json").out)["components"]]
    assert changes == ["same", *["removed"] * 4, *["same"] * 4, *["added"] * 4]


def test_json_has_a_documented_shape(two: tuple[str, str]) -> None:
    told = json.loads(diff(*two, "--json").out)
    assert list(told) == [
        *("before", "after", "form", "identical", "note", "components", "settings", "divergence", "further")
    ]
    assert told["divergence"]["how"] == "changed"
    assert told["divergence"]["excerpt"]["previous"] == "8"
    assert told["settings"] == [{"name": "temperature", "before": None, "after": "0.5"}]
    assert told["before"]["at"] is None


def test_one_id_is_compared_with_the_request_before_it() -> None:
    keys = kept("openclaw-c")
    raw = diff(keys[5])
    assert f"before  {keys[4]}" in raw.out
    forwarded = diff(keys[5], "--forwarded", "--json")
    assert json.loads(forwarded.out)["form"] == "forwarded"
    first = diff(keys[0])
    assert (first.code, "no request before it" in first.err) == (2, True)


def test_one_request_of_a_file_is_compared_with_the_one_before_it(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    requests = captured("openclaw-c")
    path.write_bytes(b"".join(map(jsonl.line, requests)))
    shown = json.loads(diff(f"{path}#3", "--json").out)
    assert shown["before"]["bytes"] == len(requests[1].body)
    assert shown["divergence"]["how"] == "extended"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("none.json", "none.json"), "cannot be opened"),
        (("3f9a12c4-99", "3f9a12c4-98"), "no request 3f9a12c4-99"),
        (("-", "-"), "one request"),
        (("x#1", "y#1", "--json", "--unified"), "exclude"),
        (("x#1", "y#1", "--force"), "--html"),
    ],
)
def test_misuse_is_told(args: tuple[str, ...], told: str) -> None:
    shown = diff(*args, given=b"")
    assert shown.code == 2
    assert told in shown.err


def test_numbers_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"".join(jsonl.line(request(chat("a", text))) for text in "xy"))
    assert diff(f"{path}#1", f"{path}#2", "--exit-code").code == 1
    for name, told in (("#3", "no request 3, but 2"), ("#0", "counted from 1"), ("", "several requests")):
        shown = diff(f"{path}{name}")
        assert (shown.code, told in shown.err) == (2, True)


def test_what_was_never_forwarded_cannot_be_compared_so(two: tuple[str, str]) -> None:
    shown = diff(*two, "--forwarded")
    assert (shown.code, "is not known" in shown.err) == (2, True)


def test_different_apis_are_compared_as_texts(tmp_path: Path, two: tuple[str, str]) -> None:
    other = written(tmp_path / "r.json", {"model": "m", "input": "Hi", "instructions": "Be brief."})
    shown = diff(other, two[0])
    assert "different APIs (responses, chat)" in shown.out
    assert json.loads(diff(other, two[0], "--json").out)["components"] is None
    lines = diff(other, two[0], "--unified")
    assert "different APIs" in lines.err
    assert "+20:48" in lines.out.splitlines()


def test_unified_prints_what_differs(two: tuple[str, str]) -> None:
    lines = diff(*two, "--unified").out.splitlines()
    assert lines[:2] == [f"--- {two[0]}", f"+++ {two[1]}"]
    assert "-20:48" in lines
    assert "+20:49" in lines


def test_standard_input_is_a_request(two: tuple[str, str]) -> None:
    given = Path(two[0]).read_bytes()
    assert diff("-", two[1], "--exit-code", given=given).code == 1


def test_a_page_is_written_once(tmp_path: Path, two: tuple[str, str]) -> None:
    page = tmp_path / "d.html"
    assert diff(*two, "--html", page).code == 0
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "<mark>8</mark>" in page.read_text()
    again = diff(*two, "--html", page)
    assert (again.code, "--force" in again.err) == (2, True)
    assert diff(*two, "--html", page, "--force", "--exit-code").code == 1
    assert diff(*two, "--html", "-").out == page.read_text()


def test_a_page_takes_no_sources_place(two: tuple[str, str]) -> None:
    before = Path(two[1]).read_bytes()
    shown = diff(*two, "--html", two[1], "--force")
    assert (shown.code, Path(two[1]).read_bytes()) == (2, before)
    assert "is one of the sources" in shown.err


def test_secrets_are_masked_in_every_shape(tmp_path: Path) -> None:
    keys = [f"sk-proj-{sign * 30}" for sign in "ab"]
    sides = [written(tmp_path / f"{n}.json", chat(f"key {key}", "Hi")) for n, key in enumerate(keys)]
    for shape in ((), ("--unified",), ("--json",), ("--html", "-")):
        shown = diff(*sides, *shape, "--redact", "--exit-code")
        assert shown.code == 1
        assert not any(key in shown.out for key in keys)
        assert "2 strings" in shown.err
    # A bare --redact takes no name away.
    assert diff("--redact", *sides).code == 0


def test_a_table_fits_the_terminal_and_nothing_foreign_moves_its_cursor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = [
        written(tmp_path / name, chat(f"# {ESCAPES}\n{name}", "日本語" * 90 + name, name * 50))
        for name in ("a", "b")
    ]
    monkeypatch.setenv("COLUMNS", "60")
    with in_terminal("diff", *sides) as terminal:
        assert terminal.wait_ended() == 0
    rows = [line for line in terminal.text.splitlines() if line[:2] == "~ "]
    assert len(rows) == 3
    assert max(map(cell_len, rows)) == 60
    assert "\x1b[31mred" not in terminal.raw
    assert "\x1b]0;" not in terminal.raw
    assert "␛[31mred" in terminal.raw
    # In a pipe, nothing is cut.
    assert any(cell_len(line) > 60 for line in diff(*sides).out.splitlines())


def test_a_terminal_of_another_alphabet_shows_question_marks(two: tuple[str, str]) -> None:
    command = [*COMMAND, "diff", *two]
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=BOUND, check=False)
    assert done.returncode == 0
    assert "temperature: (not there) ? 0.5" in done.stdout.decode("latin-1")
