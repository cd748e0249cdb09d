"""A comparison of two request bodies as the lines of a unified diff."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from proxy_core.diff.fold import CHANGED, Row
from proxy_core.diff.rows import Diff, diff

_CONTEXT = 160
"""Characters of an unchanged line that are shown: it only tells where the change is."""


def unified(left: bytes, right: bytes, api: str | None, names: tuple[str, str]) -> list[str]:
    """What differs, part by part; nothing when the bytes are equal.

    Args:
        left: The body before.
        right: The body after.
        api: "chat", "responses" or "messages" when known; see `rows.diff`.
        names: What to call them.
    """
    compared = diff(left, right, api)
    if compared.identical:
        return []
    lines = [f"--- {names[0]}", f"+++ {names[1]}"]
    if not compared.changes:
        return [*lines, *(row.left or "" for row in compared.rows if row.kind == "note")]
    return [*lines, *hunks(compared)]


def hunks(compared: Diff, longest: int | None = None) -> Iterator[str]:
    """The lines that differ and those around them, below a line `@@ part, line N @@` for each place.

    Args:
        compared: Two bodies; what it folds away is left out.
        longest: Characters of a changed line that are shown; None shows all.
    """
    for part in _parts(compared.rows):
        if any(row.kind in CHANGED for row in part):
            yield from _part(part, longest)


def _parts(rows: Iterable[Row]) -> list[list[Row]]:
    """The rows of each section, its heading first."""
    parts: list[list[Row]] = []
    for row in rows:
        if row.kind == "heading" or not parts:
            parts.append([])
        parts[-1].append(row)
    return parts


def _part(rows: list[Row], longest: int | None) -> Iterator[str]:
    heading = rows[0].left or rows[0].right or ""
    new: list[str] = []
    begins = True
    for row in rows[1:]:
        if row.kind not in CHANGED:
            yield from new
            new = []
        if row.kind == "fold":
            begins = True
            continue
        if begins:
            yield f"@@ {heading}, line {row.left_no or row.right_no or 1} @@"
            begins = False
        if row.kind == "same":
            yield f" {_cut(row.left, _CONTEXT)}"
        if row.kind in ("changed", "removed"):
            yield f"-{_cut(row.left, longest)}"
        if row.kind in ("changed", "added"):
            # What comes instead of several lines stands behind all of them.
            new.append(f"+{_cut(row.right, longest)}")
    yield from new


def _cut(line: str | None, longest: int | None) -> str:
    line = line or ""
    return line if longest is None or len(line) <= longest else f"{line[:longest]} …"
