"""Aligned columns, as wide as they need to be or as the terminal lets them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import click
from rich.cells import cell_len, set_cell_size

GAP = "  "
_WORD = re.compile(r"\S+(?: %|(?<=[0-9])(?: [0-9]{3})+(?![0-9]))*")
"""What stays on one line: a figure keeps its thousands and its percent sign."""
_LEAST = 6
"""Cells that a shortened text keeps."""


class Column(NamedTuple):
    """A column of a table."""

    head: str
    cells: Sequence[str]
    right: bool = False
    """Whether it is aligned to the right, as figures are."""
    weight: int = 0
    """Where there is no room for all, the column with the highest goes first; those of 0 stay."""
    shrinks: bool = False
    """Whether its texts may be shortened."""
    tail: bool = False
    """Whether their ends tell more than their beginnings then."""
    short: int = 0
    """Cells that it keeps at least then, if not those of its head."""

    @property
    def width(self) -> int:
        """Cells of its widest text."""
        return max(map(cell_len, (self.head, *self.cells)), default=0)

    @property
    def least(self) -> int:
        """The fewest cells that it can be shortened to."""
        return self.short or max(_LEAST, cell_len(self.head))


def table(columns: Iterable[Column], width: int | None) -> tuple[list[str], list[str]]:
    """The lines of a table, its heads first, and the heads of columns for which there was no room.

    Args:
        columns: At least one of them of weight 0.
        width: Cells of a line; None for as many as it takes.
    """
    kept = list(columns)
    gone: list[Column] = []
    while width is not None and _least(kept) > width and any(column.weight for column in kept):
        widest = max(kept, key=lambda column: column.weight)
        kept.remove(widest)
        gone.append(widest)
    widths = [column.width for column in kept]
    over = 0 if width is None else sum(widths) + len(GAP) * (len(kept) - 1) - width
    for at, column in enumerate(kept):
        if over > 0 and column.shrinks:
            less = min(over, max(0, widths[at] - column.least))
            widths[at] -= less
            over -= less
    rows = zip(*((column.head, *column.cells) for column in kept), strict=True)
    lines = [
        GAP.join(_fitted(*cell) for cell in zip(row, widths, kept, strict=True)).rstrip() for row in rows
    ]
    return lines, [column.head for column in gone]


def kilobytes(size: int) -> str:
    """Bytes in thousands, with one decimal: `50.6`."""
    return f"{size / 1000:,.1f}".replace(",", " ")


def wrapped(text: str, width: int | None, hanging: str = "") -> Iterator[str]:
    """A text broken between words, each line as far indented as the first one.

    Args:
        text: With its indent.
        width: Cells of a line; None for one line, however long.
        hanging: What stands before all lines but the first, behind the indent.
    """
    if width is None:
        yield text
        return
    line = indent = " " * min(len(text) - len(text.lstrip()), width // 2)
    for word in _WORD.findall(text):
        if line.strip() and _cells(line) + 1 + _cells(word) > width:
            yield line
            line = indent + hanging
        line = f"{line} {word}" if line.strip() else line + word
        while _cells(line) > width:
            # A word that is longer than a line.
            yield set_cell_size(line, width).rstrip()
            line = indent + hanging + line[len(set_cell_size(line, width).rstrip()) :]
    if line.strip():
        yield line


def _cells(text: str) -> int:
    """Cells of a text, its colours not counted."""
    return cell_len(click.unstyle(text))


def clipped(text: str, size: int | None) -> str:
    """A text of at most so many cells."""
    if size is None or cell_len(text) <= size:
        return text
    return f"{set_cell_size(text, max(0, size - 1)).rstrip()}…"


def _ended(text: str, size: int) -> str:
    """The end of a text, in at most so many cells."""
    if cell_len(text) <= size:
        return text
    while cell_len(text) > size - 1:
        text = text[1:]
    return f"…{text}"


def _least(columns: Sequence[Column]) -> int:
    """The fewest cells that a line of these takes."""
    widths = (min(column.width, column.least) if column.shrinks else column.width for column in columns)
    return sum(widths) + len(GAP) * (len(columns) - 1)


def _fitted(text: str, width: int, column: Column) -> str:
    shown = _ended(text, width) if column.tail else clipped(text, width)
    room = " " * max(0, width - cell_len(shown))
    return room + shown if column.right else shown + room
