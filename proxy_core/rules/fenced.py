"""JSON objects between code fences, as OpenClaw writes its metadata blocks."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import NamedTuple

from proxy_core.errors import PromptError
from proxy_core.prompt.model import Change
from proxy_core.prompt.spans import Member, Span, items, members, string, whole

_OPEN = re.compile(rb"```json[ \t]*\r?\n?")
FENCE = b"```"


class Block(NamedTuple):
    """Fenced JSON: the members of an object (an array has none), its span, and where the fence ends."""

    members: list[Member]
    span: Span
    end: int


def block_at(text: bytes, at: int) -> Block | None:
    """The fenced JSON object or array that begins exactly at `at`, if one does."""
    opened = _OPEN.match(text, at)
    if opened is None:
        return None
    for close in _closings(text, opened.end()):
        inside = whole(text[opened.end() : close])
        span = Span(opened.end() + inside.start, opened.end() + inside.end)
        try:
            if text[span.start : span.start + 1] == b"{":
                return Block(members(text, span), span, close + len(FENCE))
            if text[span.start : span.start + 1] == b"[":
                items(text, span)
                return Block([], span, close + len(FENCE))
        except PromptError:
            continue
    return None


def _closings(text: bytes, at: int) -> Iterator[int]:
    """Where a block that begins at `at` may end.

    JSON escapes line feeds, so a fence on a line of its own cannot be inside a string; when the whole block
    is one line, only the last fence on that line can be its end.
    """
    own_line = text.find(b"\n" + FENCE, at)
    if own_line >= 0:
        yield own_line + 1
    line_end = text.find(b"\n", at)
    same_line = text.rfind(FENCE, at, line_end if line_end >= 0 else len(text))
    if same_line >= 0:
        yield same_line


def value(text: bytes, block: Block, key: str) -> str | None:
    """The string under `key`; None when it is missing or no string."""
    span = next((m.value for m in block.members if m.key == key), None)
    if span is None or text[span.start : span.start + 1] != b'"':
        return None
    return string(text, span)


def without(block: Block, keys: Container[str]) -> list[Change]:
    """The cuts that remove `keys` and leave valid JSON in the same style.

    A member goes with the comma and the white space between it and a neighbour that stays, so that what is
    left looks as its writer would have written it; an object that loses all its members becomes `{}`.
    """
    gone = [member.key in keys for member in block.members]
    if not any(gone):
        return []
    if all(gone):
        return [Change(block.span.start + 1, block.span.end - 1)]
    cuts: list[Change] = []
    first = gone.index(False)
    if first:
        cuts.append(Change(block.members[0].start, block.members[first].start))
    kept_end = block.members[first].value.end
    for member, goes in zip(block.members[first + 1 :], gone[first + 1 :], strict=True):
        if goes:
            cuts.append(Change(kept_end, member.value.end))
        kept_end = member.value.end
    return cuts
