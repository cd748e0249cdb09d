"""The known places of known blocks: where a rule may look in a text.

Only these places are ever edited. Text that a person pasted looks the same but stands elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from proxy_core.prompt.spans import Span
from proxy_core.rules.fenced import FENCE, Block, block_at
from proxy_core.rules.patterns import Pattern

OPENING = 4096
"""Most bytes that a pattern at a text's start is shown: a prefix is short, a pasted file is not."""
_LINE = re.compile(rb"[^\n]*\n?")
_BLANK = re.compile(rb"\n\r?\n")
_MOST_PIECES = 64
"""Most lines and blocks that a client puts before a message; a text of nothing else is not its work."""
_NEAR = 8
"""Most lines between a section's heading and its block: OpenClaw's frame has four."""


_REMEMBERED = 256
_REMEMBERED_BYTES = 8192
"""Openings that are remembered, and the longest text of one: at the most 2 MiB are held."""


class Opening(NamedTuple):
    """What a client put before a person's words."""

    blocks: list[Block]
    body: int
    """Where the blocks and lines end, and the person's words or the stamp before them begin."""
    stamp: Span | None = None
    """The client's stamp: right before the person's words, or in front of the blocks."""


@dataclass(frozen=True)
class Frame:
    """How a client decorates a message that a person wrote."""

    headings: tuple[Pattern, ...] = ()
    """The lines above fenced JSON blocks, in the order in which the client writes them, each at most once."""
    lines: Pattern | None = None
    """A whole line that may stand before or between the blocks."""
    paragraphs: Pattern | None = None
    """The first line of a piece that ends at the next blank line."""
    pieces: Pattern | None = None
    """A piece of several lines, matched from its first character to its last."""
    stamp: Pattern | None = None
    """What may stand right before a person's words, after everything else, or in front of the blocks."""
    tail: Pattern | None = None
    """What may stand behind a person's words; it ends where the text ends."""
    carrier: Pattern | None = None
    """Matches at the start of a user message that is the client's context for a turn, and no person's."""
    aside: Pattern | None = None
    """Matches the whole of a text that is the client's, in a message that a person wrote."""
    token: object = field(default_factory=object, compare=False, repr=False)
    """Stands for this frame where what it told of a message is remembered."""
    _openings: dict[bytes, Opening] = field(default_factory=dict, compare=False, repr=False)
    """What was read last: each rule of a client asks for the same openings."""

    def opening(self, text: bytes) -> Opening:
        """Read the decoration from the start of `text`, up to the first thing that is none of it.

        A heading that comes again, or before one that had its turn, is a quotation: the person's text begins.
        A stamp counts only where no other stamp and no decoration follows: the person quoted it else.
        """
        known = self._openings.get(text)
        if known is None:
            known = self._read(text)
            if len(text) <= _REMEMBERED_BYTES:
                if len(self._openings) >= _REMEMBERED:
                    self._openings.clear()
                self._openings[text] = known
        return known

    def _read(self, text: bytes) -> Opening:
        blocks, at = self._run(text, 0)
        stamp = self._stamp(text, at)
        if stamp is None:
            return Opening(blocks, at)
        behind, then = self._run(text, stamp.end)
        second = self._stamp(text, then) is not None
        if behind and not second and at == 0:
            return Opening(behind, then, stamp)
        return Opening(blocks, at, None if behind or second else stamp)

    def bare(self, text: bytes) -> bytes:
        """The person's own words, however much of the decoration the client (still) sends with them."""
        if self.aside is not None and self.aside.fullmatch(text.strip()):
            return b""
        opening = self.opening(text)
        start = max(opening.body, opening.stamp.end if opening.stamp else 0)
        words = text[start:]
        end = self.tail.search(words) if self.tail else None
        return words[: end.start() if end else None].strip()

    def _run(self, text: bytes, at: int) -> tuple[list[Block], int]:
        """The blocks from `at` on, and where they and what stands between them end."""
        blocks: list[Block] = []
        turn = 0
        for _ in range(_MOST_PIECES):
            line = _line(text, at)
            bare = line.strip(b"\r\n")
            below = at + len(line)
            # The fence is looked for first: it costs least, and most lines have none below them.
            block = block_at(text, below) if text.startswith(FENCE, below) else None
            if block is not None and (place := self._place(bare, turn)) is not None:
                blocks.append(block)
                at, turn = block.end, place + 1
            elif line and (not bare or _is(self.lines, bare)):
                at = below
            elif line and _is(self.paragraphs, bare):
                at = _paragraph_end(text, below)
            elif line and self.pieces is not None and (piece := self.pieces.match(text, at)) is not None:
                if piece.end() == at:
                    break
                at = piece.end()
            else:
                break
        return blocks, at

    def _stamp(self, text: bytes, at: int) -> Span | None:
        found = self.stamp.match(text[at : at + OPENING]) if self.stamp else None
        return Span(at, at + found.end()) if found is not None and found.end() else None

    def _place(self, heading: bytes, turn: int) -> int | None:
        """Which of the headings from `turn` on this line is."""
        places = range(turn, len(self.headings))
        return next((place for place in places if self.headings[place].fullmatch(heading)), None)


def block_below(text: bytes, heading: Pattern, before: Pattern | None) -> list[Block]:
    """The fenced JSON block a few lines below each heading line.

    Args:
        text: A whole text, a system prompt for instance.
        heading: Matches the heading; anchor it to a line's start with `(?m)^`.
        before: Where the part begins that others write into (files, notes). Only the first block above it is
            the client's own; what stands below it is quoted.
    """
    found: list[tuple[int, Block]] = []
    at = 0
    while (match := heading.search(text, at)) is not None:
        at = _line_end(text, match.end())
        block = _near(text, at)
        if block is not None:
            found.append((match.start(), block))
            at = block.end
        if at >= len(text) or match.end() == match.start():
            break
    if before is None or not found:
        return [block for _, block in found]
    limit = before.search(text)
    return [found[0][1]] if limit is None or found[0][0] < limit.start() else []


def _near(text: bytes, at: int) -> Block | None:
    for _ in range(_NEAR):
        if (block := block_at(text, at)) is not None:
            return block
        at = _line_end(text, at)
        if at >= len(text):
            break
    return None


def _is(pattern: Pattern | None, line: bytes) -> bool:
    return pattern is not None and pattern.fullmatch(line) is not None


def _paragraph_end(text: bytes, at: int) -> int:
    """Where the next blank line is, or the end."""
    found = _BLANK.search(text, at - 1)
    return found.start() + 1 if found else len(text)


def _line(text: bytes, at: int) -> bytes:
    match = _LINE.match(text, at)
    return match[0] if match else b""


def _line_end(text: bytes, at: int) -> int:
    return at + len(_line(text, at))
