"""What the model said, put together from streams and whole answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.llama.answer import AnswerReader
from proxy_core.llama.generated import Generated, GeneratedCall, GeneratedReader


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}


def call(index: int, arguments: str, **more: Any) -> dict[str, Any]:
    return {"index": index, "function": {"arguments": arguments, **more.pop("function", {})}, **more}


STREAM = [
    delta(role="assistant", content=None),
    delta(reasoning_content="I "),
    delta(reasoning_content="think."),
    delta(content="Yes"),
    delta(content="."),
    delta(tool_calls=[call(0, '{"a"', id="c1", function={"name": "ls"})]),
    delta(tool_calls=[call(0, ": 1}")]),
    delta(tool_calls=[call(1, "{}", id="c2", function={"name": "cat"})]),
    {"choices": [{"index": 1, "delta": {"content": "another answer"}}]},
    {"choices": [], "usage": {"prompt_tokens": 3}},
]
SAID = Generated(
    "Yes.",
    "I think.",
    {0: GeneratedCall("c1", "ls", '{"a": 1}'), 1: GeneratedCall("c2", "cat", "{}")},
    thought=True,
)
WHOLE = {
    "choices": [
        {
            "index": 0,
            "message": {
                "content": "Yes.",
                "reasoning_content": "I think.",
                "tool_calls": [
                    {"id": "c1", "function": {"name": "ls", "arguments": '{"a": 1}'}},
                    {"id": "c2", "function": {"name": "cat", "arguments": "{}"}},
                ],
            },
        }
    ]
}
OUTPUT = [
    {"type": "reasoning", "content": []},
    {"type": "message", "content": [{"type": "output_text", "text": "Yes."}]},
    {"type": "function_call", "call_id": "c1", "name": "ls", "arguments": '{"a": 1}'},
]


def stream(*events: dict[str, Any]) -> bytes:
    return (
        b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    )


def said(body: bytes, *, streamed: bool, size: int = 1 << 20) -> Generated:
    reader = GeneratedReader()
    answer = AnswerReader(stream=streamed, generated=reader)
    for at in range(0, len(body), size):
        answer.feed(body[at : at + size])
    answer.finish()
    assert reader.complete
    return reader.generated


@given(st.integers(1, 400))
def test_a_stream_is_put_together_wherever_it_is_cut(size: int) -> None:
    assert said(stream(*STREAM), streamed=True, size=size) == SAID


def test_a_whole_answer_says_the_same() -> None:
    assert said(json.dumps(WHOLE).encode(), streamed=False) == SAID


@pytest.mark.parametrize("streamed", [True, False])
def test_responses_repeat_their_calls_at_the_end(streamed: bool) -> None:
    done = {"type": "response.completed", "response": {"output": OUTPUT}}
    body = (
        stream({"type": "response.created", "response": {}}, done)
        if streamed
        else json.dumps({"output": OUTPUT}).encode()
    )
    found = said(body, streamed=streamed)
    assert found.calls == {2: GeneratedCall("c1", "ls", '{"a": 1}')}
    assert found.thought


@pytest.mark.parametrize("kind", ["thinking", "redacted_thinking"])
def test_thoughts_in_messages_are_noticed(kind: str) -> None:
    block = {"type": kind, "thinking": "Let me see."}
    begun = {"type": "content_block_start", "index": 0, "content_block": block}
    assert said(stream(begun), streamed=True).thought
    assert said(
        json.dumps({"content": [block, {"type": "text", "text": "x"}]}).encode(), streamed=False
    ).thought
    plain = {"content": [{"type": "text", "text": "x"}]}
    assert not said(json.dumps(plain).encode(), streamed=False).thought


def test_an_answer_that_is_too_long_is_not_half_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy_core.llama.generated._MOST", 5)
    reader = GeneratedReader()
    reader.read(json.dumps(delta(content="123456")).encode())
    assert not reader.complete
    assert reader.generated.text == ""


@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.text(),
        lambda v: (
            st.lists(v)
            | st.dictionaries(st.sampled_from(["choices", "delta", "tool_calls", "output", "x"]), v)
        ),
        max_leaves=6,
    ).map(lambda v: json.dumps(v).encode())
)
def test_nothing_can_raise(data: bytes) -> None:
    GeneratedReader().read(data)
