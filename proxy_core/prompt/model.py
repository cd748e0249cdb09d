"""The parts of a prompt: texts, messages, tools; immutable, and unaware of their place in a body."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

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


@dataclass(frozen=True, eq=False)
class Segment:
    """One run of prompt text: a string content, or one text part of a list content."""

    kind: Kind
    source: bytes = field(repr=False)
    """The message that it is part of."""
    span: Span
    """Where its JSON string lies in `source`, quotes included."""
    first: bool = True
    """Whether it is the first text of its kind in its message: a client decorates a message once."""

    @property
    def literal(self) -> bytes:
        """Its JSON string."""
        return self.source[self.span.start : self.span.end]

    @cached_property
    def text(self) -> bytes:
        """The text in UTF-8. Rules count positions in these bytes."""
        return string(self.source, self.span).encode()


@dataclass(frozen=True)
class Change:
    """Replace bytes `start` to `end` of a segment's text by `new`."""

    start: int
    end: int
    new: bytes = b""


class Call(NamedTuple):
    """A tool call that a message makes."""

    id: str
    name: str
    arguments: Span | None
    """Where the arguments lie in the message, as a JSON string; None where the API sends an object."""


@dataclass(frozen=True, eq=False)
class Message:
    """One item of a request's list of messages, or its top-level system text."""

    raw: bytes
    """Its JSON, byte for byte."""
    kind: Kind | None = None
    """None for an item that is no message: a reasoning item, an unknown one."""
    segments: tuple[Segment, ...] = ()
    calls: tuple[Call, ...] = ()
    answers: tuple[str, ...] = ()
    """Ids of the tool calls whose output it carries."""
    others: tuple[bytes, ...] = ()
    """What its other parts hold: images, thoughts, files."""
    remembered: dict[Hashable, object] = field(default_factory=dict, repr=False)
    """What was worked out about this message. History comes again in every request; so does this object."""

    @cached_property
    def kinds(self) -> frozenset[Kind]:
        """Who speaks in its texts: in an Anthropic user message, a tool may as well."""
        return frozenset(segment.kind for segment in self.segments)

    def edited(self, changes: Mapping[int, Sequence[Change]]) -> bytes:
        """Its JSON with the changes of each segment (by index) carried out, every other byte as it was.

        Changes must not overlap; their order does not matter.
        """
        cuts: list[tuple[int, int, bytes]] = []
        for index, wanted in changes.items():
            segment = self.segments[index]
            own = sorted(wanted, key=lambda change: (change.start, change.end))
            bounds = [at for change in own for at in (change.start, change.end)]
            offsets = literal_offsets(segment.literal, segment.text, bounds)
            for change, start, end in zip(own, offsets[::2], offsets[1::2], strict=True):
                new = msgspec.json.encode(change.new.decode())[1:-1]
                cuts.append((segment.span.start + start, segment.span.start + end, new))
        return spliced(self.raw, cuts)


class Tool(NamedTuple):
    """One declared tool."""

    raw: bytes
    name: str
    """Empty for one without a name."""


def spliced(source: bytes, cuts: Sequence[tuple[int, int, bytes]]) -> bytes:
    """`source` with each (start, end, new) carried out; they must not overlap."""
    parts: list[bytes] = []
    at = 0
    for start, end, new in sorted(cuts, key=lambda cut: cut[:2]):
        parts += (source[at:start], new)
        at = end
    parts.append(source[at:])
    return b"".join(parts)


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
