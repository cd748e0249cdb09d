"""The known places of known blocks: where a rule may look in a text.

Only these places are ever edited. Text that a person pasted looks the same but stands elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from proxy_core.rules.fenced import FENCE, Block, block_at
from proxy_core.rules.patterns import Pattern

_LINE = re.compile(rb"[^\n]*\n?")
_BLANK = re.compile(rb"\n\r?\n")
_MOST_PIECES = 64
"""Most lines and blocks that a client puts before a message; a text of nothing else is not its work."""
_NEAR = 8
"""Most lines between a section's heading and its block: OpenClaw's frame has four."""


class Opening(NamedTuple):
    """What a client put before a person's words: its blocks, and where the words begin."""

    blocks: list[Block]
    body: int


@dataclass(frozen=True)
class Frame:
    """How a client decorates a message before the text that a person wrote."""

    headings: tuple[Pattern, ...]
    """The lines above fenced JSON blocks, in the order in which the client writes them, each at most once."""
    lines: Pattern | None = None
    """A whole line that may stand before or between the blocks."""
    paragraphs: Pattern | None = None
    """The first line of a piece that ends at the next blank line."""

    def opening(self, text: bytes) -> Opening:
        """Read the decoration from the start of `text`, up to the first thing that is none of it.

        A heading that comes again, or before one that had its turn, is a quotation: the person's text begins.
        """
        blocks: list[Block] = []
        at, turn = 0, 0
        for _ in range(_MOST_PIECES):
            line = _line(text, at)
            bare = line.strip(b"\r\n")
            below = at + len(line)
            # The fence is looked for first: it costs least, and most lines have none below them.
            block = block_at(text, below) if text.startswith(FENCE, below) else None
            if block is not None:
                place = self._place(bare, turn)
                if place is None:
                    break
                blocks.append(block)
                at, turn = block.end, place + 1
            elif line and (not bare or _is(self.lines, bare)):
                at = below
            elif line and _is(self.paragraphs, bare):
                at = _paragraph_end(text, below)
            else:
                break
        return Opening(blocks, at)

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
