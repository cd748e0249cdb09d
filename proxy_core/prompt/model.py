"""The ordered prompt inside a request body, and how edits get back into its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import msgspec

from proxy_core.errors import PromptError
from proxy_core.prompt.spans import Member, Span, literal_offsets, string

Api = Literal["chat", "responses", "messages"]
"""The request shapes that rules read: OpenAI chat completions and responses, Anthropic messages."""

Kind = Literal["system", "user", "assistant", "tool"]
"""Who speaks in a segment. The role `developer` counts as `system`."""

KINDS: dict[str, Kind] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


@dataclass(frozen=True)
class Segment:
    """One run of prompt text: a string content, or one text part of a list content."""

    kind: Kind
    message: int | None
    """Index in the request's list of messages; None for text that stands outside of it."""
    span: Span
    """Where its JSON string lies in the body, quotes included."""
    literal: bytes
    """That JSON string."""
    first: bool = True
    """Whether it is the first text of its kind in its message: a client decorates a message once."""

    @cached_property
    def text(self) -> bytes:
        """The text in UTF-8. Rules count positions in these bytes."""
        return string(self.literal, Span(0, len(self.literal))).encode()


@dataclass(frozen=True)
class Change:
    """Replace bytes `start` to `end` of a segment's text by `new`."""

    start: int
    end: int
    new: bytes = b""


@dataclass(frozen=True)
class Prompt:
    """A request body as the model will see it, segments in reading order: system text first."""

    api: Api
    body: bytes
    segments: tuple[Segment, ...]
    messages: int
    """Length of the request's list of messages (`messages` or `input`)."""
    stream: bool
    model: str | None

    def edited(self, changes: Mapping[int, Sequence[Change]]) -> bytes:
        """The body with the changes of each segment (by index) carried out, every other byte as it was.

        Changes must not overlap; their order does not matter.
        """
        cuts: list[tuple[int, int, bytes]] = []
        for index, wanted in changes.items():
            segment = self.segments[index]
            own = sorted(wanted, key=lambda change: (change.start, change.end))
            offsets = literal_offsets(segment.literal, [at for c in own for at in (c.start, c.end)])
            for change, start, end in zip(own, offsets[::2], offsets[1::2], strict=True):
                new = msgspec.json.encode(change.new.decode())[1:-1]
                cuts.append((segment.span.start + start, segment.span.start + end, new))
        parts: list[bytes] = []
        at = 0
        for start, end, new in sorted(cuts):
            parts += (self.body[at:start], new)
            at = end
        parts.append(self.body[at:])
        return b"".join(parts)


def prompt_of(
    api: Api, body: bytes, top: Sequence[Member], segments: Iterable[Segment], messages: int
) -> Prompt:
    """A prompt with the settings that all APIs spell alike: `stream` and `model`."""
    stream, model = is_true(body, member(top, "stream")), text_of(body, member(top, "model"))
    return Prompt(api, body, tuple(segments), messages, stream, model)


def member(members: Sequence[Member], key: str) -> Span | None:
    """Where the value of `key` lies, if the object has it."""
    return next((m.value for m in members if m.key == key), None)


def text_of(source: bytes, span: Span | None) -> str | None:
    """The string at `span`; None when there is none or something else is there."""
    if span is None or source[span.start : span.start + 1] != b'"':
        return None
    return string(source, span)


def is_true(source: bytes, span: Span | None) -> bool:
    """Whether the value at `span` is `true`."""
    return span is not None and source[span.start : span.end] == b"true"


def opens(source: bytes, span: Span | None, bracket: bytes) -> bool:
    """Whether the value at `span` begins with `bracket`: `{`, `[` or `"`."""
    return span is not None and source[span.start : span.start + 1] == bracket


def need_list(source: bytes, span: Span | None, key: str) -> Span:
    """The span of a list that a request of this API must have.

    Raises:
        PromptError: It is missing or something else.
    """
    if span is None or not opens(source, span, b"["):
        raise PromptError(f'"{key}" is not a list')
    return span
