"""What the model said, from the bytes of an answer."""

from __future__ import annotations

import json

from proxy_core.captures.answers import is_stream, said_in
from proxy_core.captures.captured import Answered
from proxy_core.llama.said import Call, Said


def _stream(*events: object) -> bytes:
    return (
        b"".join(b"data: " + json.dumps(event).encode() + b"\r\n\r\n" for event in events) + b"data: [DONE]\n"
    )


def test_a_stream_is_put_together() -> None:
    calls = [{"index": 0, "id": "c", "function": {"name": "exec", "arguments": "{}"}}]
    deltas = [{"content": "Hel"}, {"content": "lo"}, {"reasoning_content": "Hm"}, {"tool_calls": calls}]
    body = _stream(*({"choices": [{"index": 0, "delta": delta}]} for delta in deltas))
    answer = Answered(200, "", body)
    assert is_stream(answer)
    assert said_in(answer) == Said("Hello", "Hm", (Call("exec", "{}", "c"),), thought=True)


def test_a_whole_answer_is_read() -> None:
    body = json.dumps({"choices": [{"message": {"content": "Hi"}}]}).encode()
    assert said_in(Answered(200, "application/json", body)) == Said("Hi")


def test_what_the_source_put_together_goes_first() -> None:
    assert said_in(Answered(200, "", b"{}", Said("x"))) == Said("x")


def test_what_says_nothing_is_none() -> None:
    assert said_in(Answered(500, "text/html", b"<html>")) is None
    assert said_in(Answered(500)) is None
    assert said_in(Answered(200, "text/event-stream", b"\xff\ndata: {")) is None
