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


class Row(NamedTuple):
    """An object and its members."""

    members: list[Member]
    span: Span


class Block(NamedTuple):
    """Fenced JSON: an object, or the objects in an array, and where the fence ends."""

    rows: list[Row]
    end: int
    single: bool
    """Whether it is one object and no array."""


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
                return Block([Row(members(text, span), span)], close + len(FENCE), single=True)
            if text[span.start : span.start + 1] == b"[":
                return Block(_rows(text, span), close + len(FENCE), single=False)
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


def _rows(text: bytes, span: Span) -> list[Row]:
    inside = [item for item in items(text, span) if text[item.start : item.start + 1] == b"{"]
    return [Row(members(text, item), item) for item in inside]


def value(text: bytes, block: Block, key: str) -> str | None:
    """The string under `key` of a block that is one object; None when it is missing or no string."""
    found = block.rows[0].members if block.single else []
    span = next((m.value for m in found if m.key == key), None)
    if span is None or text[span.start : span.start + 1] != b'"':
        return None
    return string(text, span)


def without(block: Block, keys: Container[str]) -> list[Change]:
    """The cuts that remove `keys`, from each object of an array, and leave valid JSON in the same style.

    A member goes with the comma and the white space between it and a neighbour that stays, so that what is
    left looks as its writer would have written it; an object that loses all its members becomes `{}`.
    Neighbours that go are one cut.
    """
    return [cut for row in block.rows for cut in _cuts(row, keys)]


def _cuts(row: Row, keys: Container[str]) -> list[Change]:
    gone = [member.key in keys for member in row.members]
    if not any(gone):
        return []
    if all(gone):
        return [Change(row.span.start + 1, row.span.end - 1)]
    cuts: list[Change] = []
    first = gone.index(False)
    if first:
        cuts.append(Change(row.members[0].start, row.members[first].start))
    kept_end = row.members[first].value.end
    start: int | None = None
    for member, goes in zip(row.members[first + 1 :], gone[first + 1 :], strict=True):
        if goes and start is None:
            start = kept_end
        elif not goes and start is not None:
            cuts.append(Change(start, kept_end))
            start = None
        kept_end = member.value.end
    if start is not None:
        cuts.append(Change(start, kept_end))
    return cuts
