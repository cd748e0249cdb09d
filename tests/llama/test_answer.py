from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.llama.answer import Answer, AnswerReader

TIMINGS = {"cache_n": 90, "prompt_n": 10, "prompt_ms": 12.345, "predicted_n": 3, "predicted_ms": 6.5}
MEASURED = Answer(prompt_tokens=100, prompt_n=10, cached_n=90, prompt_ms=12.345, gen_n=3, gen_ms=6.5)
COUNTED = Answer(prompt_tokens=100, prompt_n=10, cached_n=90, gen_n=3)


def sse(*events: object, last: str = "", newline: str = "\n") -> bytes:
    """A stream as llama-server writes it, comment pings in between."""
    lines = []
    for event in events:
        name = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
        lines.append(f"{name}data: {json.dumps(event, separators=(',', ':'))}\n\n:\n\n")
    return ("".join(lines) + last).replace("\n", newline).encode()


CHAT_USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 3,
    "total_tokens": 103,
    "prompt_tokens_details": {"cached_tokens": 90},
}
RESPONSES_USAGE = {"input_tokens": 100, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 90}}
MESSAGES_USAGE = {"cache_read_input_tokens": 90, "input_tokens": 10, "output_tokens": 3}

# Shapes of llama.cpp b11549.
CHAT = sse(
    {"choices": [{"delta": {"role": "assistant", "content": None}}]},
    {"choices": [{"delta": {"content": 'a "timings" \ndata: [DONE]\n\n'}}]},
    {"choices": [{"finish_reason": "length", "delta": {}}], "timings": TIMINGS},
    last="data: [DONE]\n\n",
)
RESPONSES = sse(
    {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
    {"type": "response.output_text.delta", "delta": "a"},
    {"type": "response.completed", "response": {"usage": RESPONSES_USAGE}, "timings": TIMINGS},
)
MESSAGES = sse(
    {"type": "message_start", "message": {"usage": {**MESSAGES_USAGE, "output_tokens": 0}}},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
    {"type": "message_stop"},
)
COMPLETION = sse(
    {"content": "a", "stop": False},
    {"content": "", "stop": True, "tokens_evaluated": 100, "timings": TIMINGS},
)
STREAMS = {
    "chat": (CHAT, MEASURED),
    "responses": (RESPONSES, MEASURED),
    "messages": (MESSAGES, COUNTED),
    "completion": (COMPLETION, MEASURED),
}


def read(data: bytes, cuts: Sequence[int] = (), *, stream: bool = True) -> AnswerReader:
    reader = AnswerReader(stream=stream)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        reader.feed(data[start:end])
    reader.finish()
    return reader


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("api", STREAMS)
@given(cuts=st.lists(st.integers(0, 10_000), max_size=12))
def test_a_stream_tells_the_same_wherever_it_is_cut(api: str, newline: str, cuts: list[int]) -> None:
    data, expected = STREAMS[api]
    reader = read(data.replace(b"\n", newline.encode()), cuts)
    assert reader.answer == expected
    assert reader.ended
    assert not reader.mid_event


@pytest.mark.parametrize("api", STREAMS)
def test_a_stream_byte_by_byte(api: str) -> None:
    data, expected = STREAMS[api]
    reader = read(data.replace(b"\n", b"\r\n"), list(range(len(data) * 2)))
    assert (reader.answer, reader.ended) == (expected, True)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"usage": CHAT_USAGE, "timings": TIMINGS, "choices": []}, MEASURED),
        ({"usage": CHAT_USAGE, "choices": []}, COUNTED),
        ({"usage": RESPONSES_USAGE, "output": []}, COUNTED),
        ({"usage": MESSAGES_USAGE, "type": "message", "content": []}, COUNTED),
        ({"usage": {"prompt_tokens": 5, "completion_tokens": 1}}, Answer(prompt_tokens=5, gen_n=1)),
        ({"usage": {"input_tokens": 5, "output_tokens": 1}}, Answer(prompt_tokens=5, gen_n=1)),
        ({"timings": {"prompt_n": 7, "prompt_ms": 1}}, Answer(prompt_n=7, prompt_ms=1.0)),
        ({"data": [1, 2]}, Answer()),
        ({"error": {"code": 400, "message": "too long", "type": "x"}}, Answer(error="too long")),
        ({"type": "error", "error": {"type": "api_error", "message": "no"}}, Answer(error="no")),
        ({"error": "plain"}, Answer(error="plain")),
        ({"error": {}}, Answer(error="an error without a message")),
        ({"error": None}, Answer()),
    ],
)
def test_whole_answers(document: Any, expected: Answer) -> None:
    data = json.dumps(document, indent=1).encode()
    for cuts in ([], [len(data) // 2]):
        assert read(data, cuts, stream=False).answer == expected


def test_a_stream_that_ends_in_an_error_keeps_the_figures_before_it() -> None:
    reader = read(MESSAGES + sse({"type": "error", "error": {"message": "gone"}}))
    assert reader.answer.error == "gone"
    assert reader.answer.prompt_n == 10


def test_feed_says_when_figures_came() -> None:
    reader = AnswerReader(stream=True)
    told = [reader.feed(event + b"\n\n") for event in MESSAGES.split(b"\n\n") if event.strip()]
    # message_start has the prompt's figures, message_delta the generated count; pings have none.
    assert [number for number, fresh in enumerate(told) if fresh] == [0, 4]


def test_mid_event_is_known() -> None:
    reader = AnswerReader(stream=True)
    reader.feed(b'data: {"a":1}\n\n')
    assert not reader.mid_event
    reader.feed(b'data: {"a"')
    assert reader.mid_event


def test_an_event_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy_core.llama.answer._MOST", 1000)
    reader = AnswerReader(stream=True)
    reader.feed(b"data: " + b"x" * 2000)
    assert reader.mid_event
    assert not reader.feed(b"\n\n" + CHAT)
    reader.finish()
    assert reader.answer == Answer()


@pytest.mark.parametrize(
    "data",
    [
        b'{"usage":' + b"[" * 200_000,
        b'{"usage":{"prompt_tokens":"many"},"timings":7}',
        b'{"timings":{"prompt_ms":1e999}}',
        b'{"usage":{"prompt_tokens":' + b"9" * 5000 + b"}}",
        b'data: {"error":"\xff\xfe"}',
        b"null",
        b'["usage"]',
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_what_makes_no_sense_is_left_out(data: bytes, stream: bool) -> None:
    answer = read((b"data: " if stream else b"") + data + b"\n\n", stream=stream).answer
    assert answer == Answer()


@given(
    data=st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [b'data: {"usage":', b'{"error":', b"}", b"\n\n", b"\r\n", b'"timings"', b"[DONE]"]
            ),
        ),
        max_size=20,
    ),
    stream=st.booleans(),
)
def test_garbage_never_raises(data: list[bytes], stream: bool) -> None:
    reader = AnswerReader(stream=stream)
    for chunk in data:
        reader.feed(chunk)
    reader.finish()
    assert isinstance(reader.answer, Answer)
