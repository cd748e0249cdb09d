"""Rows of a comparison, and the folding away of what did not change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from proxy_core.diff.document import Section, SectionKind
from proxy_core.diff.marks import Marks

RowKind = Literal["note", "heading", "same", "changed", "removed", "added", "fold"]

CHANGED: frozenset[RowKind] = frozenset({"changed", "removed", "added"})

CONTEXT = 3
"""Unchanged lines that stay visible on either side of a change."""

_WORDS: dict[SectionKind, tuple[str, str]] = {
    "request": ("request settings", ""),
    "system": ("system prompt", ""),
    "body": ("body", ""),
    "tool": ("tool", "tools"),
    "message": ("message", "messages"),
}


class Row(NamedTuple):
    """One row of two aligned columns; a side with neither text nor number is empty."""

    kind: RowKind
    left_no: int | None = None
    """Number of the line in its section, from 1; None for rows that are no lines."""
    right_no: int | None = None
    left: str | None = None
    """The line, or what a heading, fold or note says."""
    right: str | None = None
    left_marks: Marks = ()
    right_marks: Marks = ()
    inner: tuple[Row, ...] = ()
    """The rows that a fold hides; there may be folds among them."""


def fold_lines(rows: Sequence[Row]) -> list[Row]:
    """Rows of one section with every run of unchanged ones folded, but for `CONTEXT` around changes."""
    near = bytearray(len(rows))
    for index, row in enumerate(rows):
        if row.kind in CHANGED:
            start = max(0, index - CONTEXT)
            end = min(len(rows), index + CONTEXT + 1)
            near[start:end] = b"\1" * (end - start)
    folded: list[Row] = []
    at = 0
    for shown, run in groupby(near):
        hidden = rows[at : at + len(list(run))]
        at += len(hidden)
        # A fold in the place of a single line would hide it and save nothing.
        folded += hidden if shown or len(hidden) == 1 else [_fold(f"{len(hidden):,} lines unchanged", hidden)]
    return folded


def fold_sections(sections: Sequence[tuple[Section, Sequence[Row]]]) -> list[Row]:
    """Rows of unchanged sections that follow one another, as one fold; a single section keeps its heading."""
    rows = [row for _, own in sections for row in own]
    if len(sections) < 2:
        return rows
    return [_fold(f"{_count(section for section, _ in sections)} unchanged", rows)]


def fold_moved(rows: Sequence[Row]) -> list[Row]:
    """Rows of a section that only stands elsewhere now: the first one says so, the others are folded."""
    mark, *lines = rows
    if len(lines) == 1:
        return [mark, *lines]
    label = f"{len(lines):,} lines"
    sides = (None if mark.left is None else label, None if mark.right is None else label)
    return [mark, Row("fold", left=sides[0], right=sides[1], inner=tuple(lines))]


def unfold_all(rows: Iterable[Row]) -> list[Row]:
    """`rows` with each fold, and each fold in it, replaced by what it hides."""
    shown: list[Row] = []
    for row in rows:
        if row.kind == "fold":
            shown += unfold_all(row.inner)
        else:
            shown.append(row)
    return shown


def size(row: Row) -> int:
    """Number of rows that `row` stands for when nothing is folded."""
    return sum(map(size, row.inner)) if row.kind == "fold" else 1


def _fold(label: str, rows: Sequence[Row]) -> Row:
    return Row("fold", left=label, right=label, inner=tuple(rows))


def _count(sections: Iterable[Section]) -> str:
    counts = Counter(section.kind for section in sections)
    words = [
        _WORDS[kind][0] if not _WORDS[kind][1] else f"{count:,} {_WORDS[kind][count > 1]}"
        for kind, count in counts.items()
    ]
    return ", ".join(words[:-1]) + f" and {words[-1]}" if len(words) > 1 else words[0]
