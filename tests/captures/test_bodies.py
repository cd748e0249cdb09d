"""Bare bodies: alone, several, in lists, and told apart by what they hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.captures import bodies, jsonl
from tests.captures.kit import PATIENT, TEXT, read, request

_BODY = st.fixed_dictionaries(
    {"messages": st.lists(TEXT.map(lambda text: {"role": "user", "content": text}))}
)
_STYLE = st.sampled_from([{"indent": 2}, {}, {"separators": (",", ":"), "ensure_ascii": False}])


@PATIENT
@given(st.lists(st.tuples(_BODY, _STYLE), min_size=1, max_size=4), st.sampled_from(["one", "lines", "list"]))
def test_bodies_keep_their_bytes(made: list[tuple[dict[str, Any], dict[str, Any]]], how: str) -> None:
    spelled = [json.dumps(body, **style).encode() for body, style in made]
    match how:
        case "one":
            data = b"\n" + b"\n\n".join(spelled) + b"\n"
        case "lines":
            spelled = [json.dumps(body).encode() for body, _ in made]
            data = b"\n".join(spelled)
        case _:
            data = b" [ " + b" ,\n".join(spelled) + b"]"
    found, told = read(bodies.read, data)
    assert [one.body for one in found] == spelled
    assert not told


@pytest.mark.parametrize(
    ("body", "api"),
    [
        ({"messages": [{"role": "system", "content": "x"}]}, "chat"),
        ({"messages": [], "tools": [{"type": "function", "function": {}}]}, "chat"),
        ({"messages": [], "system": "x"}, "messages"),
        ({"messages": [], "tools": [{"name": "a", "input_schema": {}}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages"),
        ({"messages": 3, "tools": 4}, "chat"),
        ({"input": "x"}, "responses"),
        ({"input": [], "instructions": "x"}, "responses"),
        ({"prompt": "x"}, None),
    ],
)
def test_the_api_is_told_from_the_body(body: dict[str, Any], api: str | None) -> None:
    (found,), _ = read(bodies.read, json.dumps(body).encode())
    assert found.api == api
    assert found.path.startswith("/v1/")


def test_a_batch_file() -> None:
    line = b'{"custom_id":"1","method":"POST","url":"/v1/responses?token=abc","body": {"input": "x" }}'
    (found,), _ = read(bodies.read, line)
    assert (found.path, found.api, found.body) == ("/v1/responses?token=…", "responses", b'{"input": "x" }')


def test_lines_of_kvconsole_that_were_sorted_by_key() -> None:
    one = request({"messages": []}, client="x")
    line = json.dumps(json.loads(jsonl.line(one)), sort_keys=True).encode()
    (found,), _ = read(bodies.read, line)
    assert (found.body, found.client) == (one.body, "x")


def test_a_broken_line_costs_no_other() -> None:
    good = b'{"messages":[]}\n'
    found, told = read(bodies.read, good + b'{"messages":[\n' + b'{"a":1}\n' + b"null\n" + good)
    assert [one.place.line for one in found] == [1, 5]
    assert [problem.place.line for problem in told] == [2, 3, 4]
    assert all("expected a request body" in problem.message for problem in told)


def test_a_list_that_is_cut_short_gives_what_is_there() -> None:
    found, (problem,) = read(bodies.read, b'[{"messages":[]},\n {"messages":[{"role":"user","con')
    assert len(found) == 1
    assert (problem.place.line, problem.place.number) == (2, 2)


def test_one_that_is_cut_short_is_told() -> None:
    found, (problem,) = read(bodies.read, b'{\n "messages": [{"role": "user",')
    assert not found
    assert "ends" in problem.message
