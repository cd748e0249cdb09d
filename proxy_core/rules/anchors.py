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
_NEAR = 8
"""Most lines between a section's heading and its block: OpenClaw's frame has four."""


class Opening(NamedTuple):
    """What a client put before a person's words: its blocks, and where the words begin."""

    blocks: list[Block]
    body: int


@dataclass(frozen=True)
class Frame:
    """How a client decorates a message before the text that a person wrote."""

    skip: Pattern
    """A whole line that may stand before or between the blocks."""
    heading: Pattern
    """The line above a fenced JSON block."""

    def opening(self, text: bytes) -> Opening:
        """Read the decoration from the start of `text`, up to the first thing that is none of it."""
        blocks: list[Block] = []
        at = 0
        while at < len(text):
            line = _line(text, at)
            bare = line.strip(b"\r\n")
            # The fence is looked for first: it costs least, and most lines have none below them.
            block = block_at(text, at + len(line)) if text.startswith(FENCE, at + len(line)) else None
            if block is not None and self.heading.fullmatch(bare):
                blocks.append(block)
                at = block.end
            elif bare and not self.skip.fullmatch(bare):
                break
            else:
                at += len(line)
        return Opening(blocks, at)


def block_below(text: bytes, heading: Pattern, before: Pattern | None) -> list[Block]:
    """The fenced JSON block a few lines below each heading line.

    Args:
        text: A whole text, a system prompt for instance.
        heading: Matches the heading; anchor it to a line's start with `(?m)^`.
        before: Where the part begins that others write into (files, notes). The first block above it is the
            client's own; when none is, only the last block of all is.
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
    if limit is None or found[0][0] < limit.start():
        return [found[0][1]]
    return [found[-1][1]]


def _near(text: bytes, at: int) -> Block | None:
    for _ in range(_NEAR):
        if (block := block_at(text, at)) is not None:
            return block
        at = _line_end(text, at)
        if at >= len(text):
            break
    return None


def _line(text: bytes, at: int) -> bytes:
    match = _LINE.match(text, at)
    return match[0] if match else b""


def _line_end(text: bytes, at: int) -> int:
    return at + len(_line(text, at))
