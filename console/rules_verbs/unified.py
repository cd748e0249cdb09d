"""A comparison of two request bodies as the lines of a unified diff."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from proxy_core.diff.fold import CHANGED, Row
from proxy_core.diff.rows import diff

_CONTEXT = 160
"""Characters of an unchanged line that are shown: it only tells where the change is."""


def unified(left: bytes, right: bytes, api: str, names: tuple[str, str]) -> list[str]:
    """What differs, part by part; nothing when the bytes are equal.

    Args:
        left: The body before.
        right: The body after.
        api: "chat", "responses" or "messages".
        names: What to call them.
    """
    compared = diff(left, right, api)
    if compared.identical:
        return []
    lines = [f"--- {names[0]}", f"+++ {names[1]}"]
    if not compared.changes:
        return [*lines, *(row.left or "" for row in compared.rows if row.kind == "note")]
    for part in _parts(compared.rows):
        if any(row.kind in CHANGED for row in part):
            lines += _part(part)
    return lines


def _parts(rows: Iterable[Row]) -> list[list[Row]]:
    """The rows of each section, its heading first."""
    parts: list[list[Row]] = []
    for row in rows:
        if row.kind == "heading" or not parts:
            parts.append([])
        parts[-1].append(row)
    return parts


def _part(rows: list[Row]) -> Iterator[str]:
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
            yield f" {_context(row.left or '')}"
        if row.kind in ("changed", "removed"):
            yield f"-{row.left}"
        if row.kind in ("changed", "added"):
            # What comes instead of several lines stands behind all of them.
            new.append(f"+{row.right}")
    yield from new


def _context(line: str) -> str:
    return line if len(line) <= _CONTEXT else f"{line[:_CONTEXT]} …"
