"""The segments of each API's body, and edits that touch nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.errors import PromptError
from proxy_core.prompt import Api, Change, Kind, Prompt, parse


def read(api: Api, body: dict[str, Any], **style: Any) -> Prompt:
    return parse(api, json.dumps(body, **style).encode())


def texts(prompt: Prompt) -> list[tuple[Kind, int | None, str]]:
    return [(s.kind, s.message, s.text.decode()) for s in prompt.segments]


def test_chat_completions() -> None:
    prompt = read(
        "chat",
        {
            "model": "m",
            "messages": [
                {"role": "developer", "content": "be brief"},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {}}],
                },
                {"role": "assistant", "content": None, "tool_calls": []},
                {"role": "tool", "tool_call_id": "1", "content": "done"},
                {"role": "narrator", "content": "unknown"},
            ],
            "stream": True,
        },
    )
    assert texts(prompt) == [("system", 0, "be brief"), ("user", 1, "look"), ("tool", 3, "done")]
    assert (prompt.messages, prompt.stream, prompt.model) == (5, True, "m")


def test_responses() -> None:
    prompt = read(
        "responses",
        {
            "instructions": "be brief",
            "input": [
                {"role": "system", "content": "more"},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "look"}]},
                {"type": "function_call", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "1", "output": "done"},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "yes"}]},
            ],
        },
    )
    assert texts(prompt) == [
        ("system", None, "be brief"),
        ("system", 0, "more"),
        ("user", 1, "look"),
        ("tool", 3, "done"),
        ("assistant", 4, "yes"),
    ]
    assert texts(read("responses", {"input": "hello"})) == [("user", 0, "hello")]


def test_messages() -> None:
    prompt = read(
        "messages",
        {
            "system": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            "messages": [
                {"role": "user", "content": "look"},
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "1",
                            "content": [{"type": "text", "text": "done"}],
                        },
                        {"type": "tool_result", "tool_use_id": "2", "content": "too"},
                        {"type": "text", "text": "and now"},
                    ],
                },
            ],
        },
    )
    assert texts(prompt) == [
        ("system", None, "a"),
        ("system", None, "b"),
        ("user", 0, "look"),
        ("tool", 1, "done"),
        ("tool", 1, "too"),
        ("user", 1, "and now"),
    ]


@pytest.mark.parametrize(
    ("api", "body"),
    [
        ("chat", b"not json"),
        ("chat", b"[]"),
        ("chat", b"{}"),
        ("chat", b'{"messages": {}}'),
        ("chat", b'{"messages": [{"role": "user", "content": "\xff"}]}'),
        ("responses", b'{"input": 3}'),
        ("messages", b'{"messages": "hi"}'),
        ("chat", b'{"messages":' + b"[" * 100_000),
    ],
)
def test_other_bodies_are_refused_in_words(api: Api, body: bytes) -> None:
    with pytest.raises(PromptError) as caught:
        texts(parse(api, body))
    assert caught.value.message


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(st.lists(TEXT, min_size=1, max_size=5), st.booleans(), st.sampled_from([None, 1]), st.data())
def test_an_edit_changes_its_place_and_not_a_byte_else(
    contents: list[str], ascii_only: bool, indent: int | None, data: st.DataObject
) -> None:
    body: dict[str, Any] = {
        "seed": 1.0,
        "messages": [{"role": "user", "content": text} for text in contents],
        "x": [1e3],
    }
    prompt = read("chat", body, ensure_ascii=ascii_only, indent=indent)
    index = data.draw(st.integers(0, len(contents) - 1))
    text = contents[index]
    bounds = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=2)))
    start, end = (len(text[:bound].encode()) for bound in bounds)
    new = data.draw(TEXT)
    edited = prompt.edited({index: [Change(start, end, new.encode())]})
    body["messages"][index]["content"] = text[: bounds[0]] + new + text[bounds[1] :]
    assert json.loads(edited) == body
    span = prompt.segments[index].span
    assert edited[: span.start] == prompt.body[: span.start]
    assert edited.endswith(prompt.body[span.end :])
    assert prompt.edited({}) == prompt.body
