"""One line of a comparison as a strip of cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from console.widgets.diff_lines import Side
from proxy_core.diff.fold import CHANGED, Row
from proxy_core.diff.marks import Marks

DIVIDER = "│"

# Characters of one cell each, whatever stands beside them: such a text is cut by slicing it.
_NARROW = re.compile("[\x20-\x7e\xa0-\xac\xae-\u02ff\u2500-\u257f]*")


@dataclass(frozen=True)
class Painter:
    """Paints rows into lines of `width` cells. Texts begin `offset` cells late, on both sides alike."""

    style: Callable[[str], Style]
    """The style of a component class of the pane, such as `diff--added`."""
    width: int
    split: bool
    digits: int
    """Cells of a line number."""
    offset: int = 0

    @property
    def text_width(self) -> int:
        """Cells of text that fit on a line, or on the narrower side of it."""
        column = (self.width - 1) // 2 if self.split else self.width
        return max(1, column - self._gutter)

    @property
    def _gutter(self) -> int:
        numbers = self.digits + 1 if self.split else 2 * self.digits + 2
        return 1 + numbers + 2

    def paint(self, row: Row, side: Side, pointer: str, *, under_cursor: bool) -> Strip:
        """The line of one side of a row, or of both; `pointer` is the sign at its very left.

        Under the cursor a changed row keeps its colours: only its number shows that the cursor is there.
        """
        if self.split:
            half = (self.width - 1) // 2
            segments = [
                *self._column(row, "left", half, pointer),
                Segment(DIVIDER, self.style("diff--divider")),
                *self._column(row, "right", self.width - half - 1, " "),
            ]
        else:
            shown: Side = "left" if side == "both" else side
            segments = [*self._column(row, shown, self.width, pointer)]
        if under_cursor:
            cursor = self.style("diff--cursor").background_style
            last = 2 if row.kind in CHANGED else len(segments)
            segments[:last] = Segment.apply_style(segments[:last], post_style=cursor)
        return Strip(segments, self.width)

    def _column(self, row: Row, side: Side, width: int, pointer: str) -> Iterator[Segment]:
        text = row.left if side == "left" else row.right
        yield Segment(pointer, self.style("diff--pointer"))
        if row.kind in ("heading", "fold", "note"):
            # A note speaks of both sides, so it stands on one of them.
            yield from self._label(row, "" if row.kind == "note" and side == "right" else text, width - 1)
            return
        sign, name = self._sign(row, side)
        if text is None:
            yield Segment(" " * (width - 1), self.style("diff--empty"))
            return
        style = self.style(f"diff--{name}")
        yield Segment(self._numbers(row, side), self.style("diff--number"))
        yield Segment(f"{sign} ", style)
        marks = row.left_marks if side == "left" else row.right_marks
        marked = self.style(f"diff--mark-{name}") if marks else style
        for piece, is_marked in clip(text, marks, self.offset, max(0, width - self._gutter)):
            yield Segment(piece, marked if is_marked else style)

    def _sign(self, row: Row, side: Side) -> tuple[str, str]:
        if row.kind == "same":
            return " ", "context"
        return ("-", "removed") if side == "left" else ("+", "added")

    def _numbers(self, row: Row, side: Side) -> str:
        left, right = row.left_no, row.right_no
        if self.split:
            return f"{(left if side == 'left' else right) or '':>{self.digits}} "
        if row.kind == "changed":
            left, right = (left, None) if side == "left" else (None, right)
        return f"{left or '':>{self.digits}} {right or '':>{self.digits}} "

    def _label(self, row: Row, text: str | None, width: int) -> Iterator[Segment]:
        indent = 0
        if row.kind == "fold" and text is not None:
            indent = min(width, self._gutter - 1)
            text = f"⋯ {text}"
        elif row.kind == "heading" and text is not None:
            sign = "- " if row.right is None else "+ " if row.left is None else ""
            other = row.right if not self.split and row.left != row.right and not sign else None
            text = f"{sign}{text} → {other}" if other else sign + text
        yield Segment(" " * indent, self.style(f"diff--{row.kind}"))
        for piece, _ in clip(text or "", (), 0, width - indent):
            yield Segment(piece, self.style(f"diff--{row.kind}"))


def clip(text: str, marks: Marks, start: int, width: int) -> Iterator[tuple[str, bool]]:
    """The cells `start` to `start + width` of `text`, padded to `width`, as (piece, marked).

    Half of a wide character at either edge becomes a space, so that what follows stays in its column.
    """
    if _NARROW.fullmatch(text):
        yield from _slices(text[: start + width], marks, start)
        if missing := width - max(0, min(len(text), start + width) - start):
            yield " " * missing, False
        return
    shown: list[tuple[str, bool]] = []
    at = 0
    for cluster, cells, marked in _clusters(text, marks):
        if at >= start + width:
            break
        inside = min(at + cells, start + width) - max(at, start)
        if inside == cells and at >= start:
            shown.append((cluster, marked))
        elif inside > 0:
            shown.append((" " * inside, marked))
        at += cells
    missing = width - max(0, min(at, start + width) - start)
    yield from _joined(shown)
    if missing:
        yield " " * missing, False


def _slices(text: str, marks: Marks, start: int) -> Iterator[tuple[str, bool]]:
    at = start
    for mark_start, mark_end in (*marks, (len(text), len(text))):
        if piece := text[at : max(at, mark_start)]:
            yield piece, False
        if piece := text[max(at, mark_start) : mark_end]:
            yield piece, True
        at = max(at, mark_end)


def _clusters(text: str, marks: Marks) -> Iterator[tuple[str, int, bool]]:
    """Each character of `text` with what attaches to it: (characters, cells, marked)."""
    begin = 0
    pending = iter(marks)
    mark = next(pending, None)
    for index in range(1, len(text) + 1):
        if index < len(text) and cell_len(text[index]) == 0:
            continue
        while mark is not None and mark[1] <= begin:
            mark = next(pending, None)
        cluster = text[begin:index]
        yield cluster, cell_len(cluster), mark is not None and mark[0] <= begin
        begin = index


def _joined(pieces: list[tuple[str, bool]]) -> Iterator[tuple[str, bool]]:
    run: list[str] = []
    marked = False
    for piece, is_marked in pieces:
        if is_marked != marked and run:
            yield "".join(run), marked
            run = []
        marked = is_marked
        run.append(piece)
    if run:
        yield "".join(run), marked
