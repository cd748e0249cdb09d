"""Logs of a logging proxy, as Python writes them on any system."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.captures import proxy_log
from proxy_core.captures.captured import Answered
from tests.captures.kit import PATIENT, Json, read
from tests.prompt.test_spans import TEXT

_PREFIXES = st.sampled_from(
    [
        "",
        "2026-02-18 20:48:11,123 ",
        "INFO:proxy:",
        "[2026-02-18 20:48:11] INFO ",
        "proxy-1  | ",
        "20:48:11 | ",
    ]
)
_BODY = st.fixed_dictionaries(
    {"input": st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": TEXT}), max_size=3)},
    optional={
        "instructions": TEXT | st.just('CATCH-ALL: POST /v1/responses BODY: {"'),
        "a": st.lists(st.integers()),
    },
)


def entry(
    body: Json | str | None,
    prefix: str = "",
    *,
    path: str = "/v1/responses",
    headers: str = "{}",
    ascii_only: bool = True,
) -> str:
    """What the proxy logs about one request."""
    lines = [
        f"{prefix}\n{'=' * 60}",
        f"{prefix}  CATCH-ALL: POST {path}  [2026-02-18T20:48:11.500000]",
        f"{prefix}{'=' * 60}",
        f"{prefix}METHOD: POST",
        f"{prefix}PATH: {path}",
        f"{prefix}HEADERS: {headers}",
    ]
    if body is not None:
        told = body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=ascii_only)
        lines.append(f"{prefix}BODY:\n{told}")
    return "\n".join(lines) + "\n"


def noise(prefix: str) -> str:
    """What stands between requests."""
    access = 'INFO:     127.0.0.1 - "POST / HTTP/1.1" 200'
    return f'{prefix}HTTP Request: POST http://h/v1/responses "HTTP/1.1 200 OK"\n{access}\n'


@PATIENT
@given(st.lists(_BODY, max_size=4), _PREFIXES, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_every_body_is_found(bodies: list[Json], prefix: str, end: str, ascii_only: bool) -> None:
    text = noise(prefix) + noise(prefix).join(entry(body, prefix, ascii_only=ascii_only) for body in bodies)
    found, told = read(proxy_log.read, text.replace("\n", end).encode())
    assert [json.loads(one.body) for one in found] == bodies
    assert not told
    assert all((one.api, one.path) == ("responses", "/v1/responses") for one in found)


@pytest.mark.parametrize(
    "headers",
    [
        "{'host': 'h', 'authorization': 'Bearer x', 'user-agent': \"a'b/1\"}",
        '{"host": "h", "Authorization": "Bearer x", "User-Agent": "a\'b/1"}',
    ],
)
def test_headers_are_read_without_secrets(headers: str) -> None:
    (found,), _ = read(proxy_log.read, entry({"input": "x"}, headers=headers).encode())
    assert found.headers == {"user-agent": "a'b/1"}


def test_the_stamp_is_local_time() -> None:
    (found,), _ = read(proxy_log.read, entry({"input": "x"}).encode())
    assert found.at == datetime(2026, 2, 18, 20, 48, 11, 500000).timestamp()


def test_colours_do_not_hide_anything() -> None:
    text = entry({"input": "x"}, "\x1b[32mINFO\x1b[0m ")
    (found,), told = read(proxy_log.read, text.encode())
    assert json.loads(found.body) == {"input": "x"}
    assert not told


def test_a_body_that_breaks_off_costs_no_other() -> None:
    text = (
        entry({"input": "one"})
        + entry('{\n  "input": [')
        + entry({"input": "two"})
        + entry('{\n "input": "th')
    )
    found, told = read(proxy_log.read, text.encode())
    assert [json.loads(one.body)["input"] for one in found] == ["one", "two"]
    assert [problem.place.number for problem in told] == [2, 4]
    assert all("breaks off" in problem.message for problem in told)


def test_other_lines_in_the_middle_of_a_body_are_none_of_it() -> None:
    stamp = "2026-02-18 20:48:11,123 "
    lines = entry({"input": "x", "model": "m"}, stamp).split("\n")
    lines.insert(-3, stamp.replace("11", "12") + "HTTP Request: GET http://h/health")
    (found,), told = read(proxy_log.read, "\n".join(lines).encode())
    assert json.loads(found.body) == {"input": "x", "model": "m"}
    assert not told


def test_a_prefix_before_every_line_is_taken_away() -> None:
    text = entry({"input": "x", "a": [1, {"b": 2}]})
    text = "".join(f"proxy-1  | {line}\n" for line in text.splitlines())
    (found,), told = read(proxy_log.read, text.encode())
    assert json.loads(found.body) == {"input": "x", "a": [1, {"b": 2}]}
    assert not told


@pytest.mark.parametrize(
    ("every", "message"),
    [
        ("proxy-1  | ", "2026-02-18 20:48:11,123 - INFO - "),
        ("Feb 18 20:48:11 host python[123]: ", "[2026-02-18 20:48:11] "),
        ("2026-02-18 20:48:11,123 INFO ", ""),
    ],
)
def test_a_prefix_before_every_line_and_a_stamp_before_messages(every: str, message: str) -> None:
    body = {"input": "x", "a": [1, -2.5e3, True, None, {"b": 2}]}
    lines = entry(body).splitlines()
    begin = lines.index("BODY:")
    lines.insert(begin + 4, "HTTP Request: GET http://h/health")
    own = [*range(begin + 1), begin + 4]
    text = "".join(f"{every}{message if at in own else ''}{line}\n" for at, line in enumerate(lines))
    (found,), told = read(proxy_log.read, text.encode())
    assert json.loads(found.body) == body
    assert not told


def test_a_request_without_a_body_is_told() -> None:
    found, (problem,) = read(proxy_log.read, entry(None).encode())
    assert not found
    assert "no BODY" in problem.message


def test_what_is_no_request_to_a_model_is_passed() -> None:
    text = entry(None, path="/health") + entry({"input": "x"})
    found, told = read(proxy_log.read, text.encode())
    assert (len(found), told) == (1, [])


def test_a_body_on_the_line_itself() -> None:
    (found,), _ = read(proxy_log.read, b'CATCH-ALL: POST /v1/messages\nBODY: {"messages": []}\n')
    assert (found.body, found.api) == (b'{"messages": []}', "messages")


def test_chat_completions_have_another_form() -> None:
    stamp = "2026-02-18 20:48:11,123 "
    summary = json.dumps({"roles": ["user"]}, indent=2)
    body = json.dumps({"messages": [], "stream": False}, indent=2)
    text = (
        f"{stamp}  INCOMING REQUEST  [2026-02-18T20:48:11.500000]\n{stamp}STRUCTURE SUMMARY:\n{summary}\n"
        f"{stamp}FULL REQUEST BODY:\n{body}\n{stamp}  RESPONSE (completed in 1.20s)\n"
        f'{stamp}TOKEN USAGE: {{\n  "total": 1\n}}\n{stamp}FULL RESPONSE:\n{{\n  "id": 1\n}}\n'
    )
    (found,), told = read(proxy_log.read, text.encode())
    assert (found.api, found.body.decode()) == ("chat", body)
    assert found.answer == Answered(None, "application/json", b'{\n  "id": 1\n}')
    assert not told


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ('{\n  "id": "r"\n}', Answered(200, "application/json", b'{\n  "id": "r"\n}')),
        (
            "RAW RESPONSE: data: {}\n\ndata: [DONE]\n",
            Answered(200, "text/event-stream", b"data: {}\n\ndata: [DONE]"),
        ),
    ],
)
def test_the_answer_goes_with_its_request(said: str, answer: Any) -> None:
    stamp = "2026-02-18 20:48:12,123 "
    text = entry({"input": "x"}, stamp)
    text += f"{stamp}  CATCH-ALL RESPONSE: 200  [2026-02-18T20:48:12.5]\n{stamp}{'=' * 60}\n{stamp}{said}\n"
    text += f"{stamp}something else\n" + entry({"input": "y"}, stamp)
    first, second = read(proxy_log.read, text.encode())[0]
    assert first.answer == answer
    assert second.answer is None


def test_the_encoding_of_windows_is_read() -> None:
    text = entry('{"input": "Grüße"}')
    (found,), _ = read(proxy_log.read, text.encode("cp1252"))
    assert json.loads(found.body) == {"input": "Grüße"}


@PATIENT
@given(st.binary(max_size=200) | TEXT.map(str.encode))
def test_nothing_is_raised(data: bytes) -> None:
    read(proxy_log.read, data)
    read(proxy_log.read, b"CATCH-ALL: POST /v1/responses\nBODY:\n" + data)
    read(proxy_log.read, b"CATCH-ALL: POST /v1/responses\nHEADERS: {" + data)
