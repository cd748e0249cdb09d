"""Rows of a comparison as lines of a screen: one each side by side, up to two each when unified."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len

from proxy_core.diff.rows import Diff

Side = Literal["both", "left", "right"]


@dataclass(frozen=True)
class DiffLines:
    """Which side of which row each line of the screen shows."""

    rows: Sequence[int]
    """Index of the row of each line, ascending."""
    sides: Sequence[Side]
    split: bool
    """Two columns; otherwise one, in which a changed row has a line for either side."""
    widest: int
    """Cells of the widest text."""
    digits: int
    """Cells that the greatest line number takes."""

    def __len__(self) -> int:
        return len(self.rows)

    def line_of(self, row: int) -> int:
        """The first line of row `row`."""
        return bisect_left(self.rows, row)


def lay_out(diff: Diff, *, split: bool) -> DiffLines:
    """Lines for every row of `diff`."""
    widest = greatest = 0
    rows: list[int] = []
    sides: list[Side] = []
    for index, row in enumerate(diff.rows):
        for text in (row.left, row.right):
            if text is not None and len(text) * 2 > widest:
                widest = max(widest, cell_len(text))
        greatest = max(greatest, row.left_no or 0, row.right_no or 0)
        if not split and row.kind == "changed":
            rows += (index, index)
            sides += ("left", "right")
        else:
            rows.append(index)
            sides.append("both" if split or row.left is not None else "right")
    return DiffLines(rows, sides, split, widest, len(str(greatest)))
