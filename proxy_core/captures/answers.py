"""What the model said, read from the bytes of an answer."""

from __future__ import annotations

from collections.abc import Iterator

from proxy_core.captures.captured import Answered
from proxy_core.llama.generated import GeneratedReader
from proxy_core.llama.said import Said, said_of

EVENT_STREAM = "text/event-stream"


def is_stream(answer: Answered) -> bool:
    """Whether its body is a stream of server-sent events."""
    body = answer.body or b""
    return answer.type.startswith(EVENT_STREAM) or body.lstrip()[:6] in (b"data: ", b"event:")


def said_in(answer: Answered) -> Said | None:
    """What the model said, from the body where the source did not put it together; None if that fails."""
    if answer.said is not None or answer.body is None:
        return answer.said
    reader = GeneratedReader()
    for data in _events(answer.body) if is_stream(answer) else [answer.body]:
        reader.read(data)
    return said_of(reader.generated) if reader.complete else None


def _events(body: bytes) -> Iterator[bytes]:
    for line in body.splitlines():
        if line.startswith(b"data:"):
            yield line[5:].strip()
