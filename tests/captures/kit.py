"""Captured requests for tests, and strategies that make odd ones."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from proxy_core.captures.captured import (
    Answered,
    Captured,
    Figures,
    Finding,
    Hint,
    Passed,
    Place,
    Problem,
    Read,
)
from proxy_core.captures.stream import Stream
from proxy_core.llama.said import Call, Said

Json = dict[str, Any]
PATIENT = settings(deadline=None, max_examples=60)
"""For tests by hypothesis: how long one example takes says nothing on a machine that does other work."""

HERE = Place("x.jsonl", 1, 1)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
BODIES = st.one_of(st.binary(max_size=200), TEXT.map(str.encode))
_MS = st.none() | st.floats(0, 1e9, allow_nan=False)
_N = st.none() | st.integers(0, 10**9)
SAID = st.builds(Said, TEXT, TEXT, st.lists(st.builds(Call, TEXT, TEXT, TEXT), max_size=2).map(tuple))
FIGURES = st.builds(
    Figures, prompt_tokens=_N, cached_n=_N, prompt_n=_N, prompt_ms=_MS, sim=_MS, total_ms=_MS, lost_n=_N
)
FINDINGS = st.builds(
    Finding,
    cause=TEXT,
    detail=TEXT,
    side=TEXT,
    predicted=st.booleans(),
    evidence=st.lists(TEXT, max_size=2).map(tuple),
    advice=st.lists(st.builds(Hint, TEXT, TEXT, TEXT), max_size=2).map(tuple),
)
PATHS = st.sampled_from([("chat", "/v1/chat/completions"), ("messages", "/v1/messages?beta=true")])


@st.composite
def captures(draw: st.DrawFn) -> Captured:
    """Any request that formats carry whole; its place is `HERE`."""
    api, path = draw(PATHS)
    body = draw(BODIES)
    return Captured(
        place=HERE,
        method="POST",
        path=path,
        api="chat" if api == "chat" else "messages",
        body=body,
        forwarded=draw(st.none() | st.just(body) | BODIES),
        at=draw(st.none() | st.floats(0, 4e9, allow_nan=False)),
        headers=draw(st.dictionaries(st.sampled_from(["user-agent", "x-title"]), TEXT, max_size=2)),
        client=draw(st.none() | TEXT),
        lane=draw(st.none() | TEXT),
        session=draw(st.none() | TEXT),
        id=draw(st.none() | TEXT),
        before=draw(st.none() | TEXT),
        ruleset=draw(st.none() | TEXT),
        edited=draw(st.dictionaries(TEXT, st.integers(0, 99), max_size=2)),
        server=draw(st.none() | TEXT),
        answer=draw(
            st.none()
            | st.builds(
                Answered,
                st.none() | st.integers(100, 599),
                st.sampled_from(["", "application/json", "text/event-stream"]),
                st.none() | BODIES,
                st.none() | SAID,
            )
        ),
        figures=draw(st.none() | FIGURES),
        finding=draw(st.none() | FINDINGS),
        note=draw(st.none() | TEXT),
    )


def request(body: Json | bytes, **more: Any) -> Captured:
    """A chat completion."""
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    told = {"place": HERE, "method": "POST", "path": "/v1/chat/completions", "api": "chat", "body": data}
    return Captured(**(told | more))


def chat(system: str, *said: str, **more: Any) -> Json:
    """The body of a chat completion: a system text, then user and assistant in turns."""
    roles = ["user", "assistant"]
    messages = [{"role": "system", "content": system}]
    messages += [{"role": roles[at % 2], "content": text} for at, text in enumerate(said)]
    return {"model": "m", "messages": messages, **more}


def stream(data: bytes, name: str = "x.jsonl") -> Stream:
    """Bytes as a source."""
    return Stream(name, io.BytesIO(data))


def read(reader: Callable[[Stream], Iterator[Read]], data: bytes) -> tuple[list[Captured], list[Problem]]:
    """What a reader makes of some bytes: the requests, and what is told."""
    entries = list(reader(stream(data)))
    found = [entry for entry in entries if isinstance(entry, Captured)]
    told = [entry for entry in entries if isinstance(entry, Problem)]
    assert len(found) + len(told) + sum(isinstance(entry, Passed) for entry in entries) == len(entries)
    return found, told
