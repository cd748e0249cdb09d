"""kvconsole's own format: exact bytes there and back, and lines that are broken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.captures import jsonl
from proxy_core.captures.captured import Captured, Place
from tests.captures.kit import HERE, PATIENT, captures, read, request


@PATIENT
@given(captures())
def test_every_request_comes_back_as_it_was(one: Captured) -> None:
    line = jsonl.line(one)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert jsonl.captured(line, HERE) == one


@PATIENT
@given(st.lists(captures(), max_size=4))
def test_a_file_is_read_line_by_line(several: list[Captured]) -> None:
    data = b"\r\n\n".join(jsonl.line(one).rstrip() for one in several)
    found, told = read(jsonl.read, data)
    assert [one.body for one in found] == [one.body for one in several]
    assert not told


def test_an_untouched_body_is_the_same_object() -> None:
    one = request(b'{"messages":[]}')
    back = jsonl.captured(jsonl.line(request(one.body, forwarded=one.body)), HERE)
    assert back.forwarded is back.body


def test_a_broken_line_costs_no_other() -> None:
    good = jsonl.line(request({"messages": []}))
    found, told = read(jsonl.read, good + b'{"kvconsole":1,"met\n' + good + good[:40])
    assert [one.place.line for one in found] == [1, 3]
    assert [problem.place for problem in told] == [Place("x.jsonl", 2, 2), Place("x.jsonl", 4, 4)]


def _changed(**changes: Any) -> bytes:
    return json.dumps(json.loads(jsonl.line(request({"messages": []}))) | changes).encode()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (_changed(kvconsole=2), "format 2"),
        (_changed(body=None), "body"),
        (_changed(body={"base64": "ü"}), "base64"),
        (_changed(forwarded={"base64": "a"}), "forwarded body is no base64"),
        (_changed(method=1), "method"),
        (b"[]", "no request of kvconsole's"),
        (b"\xff", "no request of kvconsole's"),
        (b'{"kvconsole":1}', "method"),
        (b"[" * 100_000, ""),
    ],
)
def test_what_is_wrong_is_said(line: bytes, says: str) -> None:
    found, (problem,) = read(jsonl.read, line)
    assert not found
    assert says in problem.message


def test_unknown_keys_are_passed_over() -> None:
    (found,), _ = read(jsonl.read, _changed(later={"x": 1}, api="later", figures={"later": 1}))
    assert found.api is None
    assert found.figures is not None


def test_secrets_of_other_writers_are_not_read() -> None:
    line = _changed(headers={"Authorization": "Bearer x", "User-Agent": "a/1"}, path="/v1/x?api_key=1&b=2")
    (found,), _ = read(jsonl.read, line)
    assert found.headers == {"user-agent": "a/1"}
    assert found.path == "/v1/x?api_key=…&b=2"
