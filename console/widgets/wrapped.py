"""Lines of a width: prose broken between words, foreign text broken wherever the line ends."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from textual.content import Content

QUIET = "$chart-axis"
STRONG = "bold $text"


def prose(text: Content | str, width: int, *, first: Content | str = "", indent: int = 0) -> list[Content]:
    """Words on lines of at most `width` cells.

    Args:
        text: What to break.
        width: Cells of a line, the indent among them.
        first: Stands before the first line, and is as long as the indent.
        indent: Cells that every other line begins late.
    """
    content = text if isinstance(text, Content) else Content(text)
    lines = content.wrap(max(8, width - indent)) or [Content("")]
    begin = first if isinstance(first, Content) else Content(first)
    return [(begin if number == 0 else Content(" " * indent)) + line for number, line in enumerate(lines)]


def chopped(text: Content, width: int, *, most: int) -> list[Content]:
    """Characters on lines of at most `width` cells and at most `most` lines, the last with an ellipsis."""
    plain = text.plain
    places: list[int] = []
    at = 0
    for index, char in enumerate(plain):
        cells = cell_len(char)
        if at + cells > width:
            places.append(index)
            at = 0
        at += cells
    lines = text.divide(places) if places else [text]
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    return [*lines[: most - 1], Content.assemble(last[: max(0, len(last.plain) - 1)], ("…", QUIET))]


def clipped(text: str, width: int) -> str:
    """The beginning of a text that fits, with an ellipsis where it goes on."""
    if cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, width - 1).rstrip()}…" if width > 0 else ""


def tail(text: str, width: int) -> str:
    """The end of a text that fits, with an ellipsis where it began earlier."""
    if cell_len(text) <= width:
        return text
    kept = text[-max(1, width - 1) :]
    while kept and cell_len(kept) > width - 1:
        kept = kept[1:]
    return f"…{kept}"


def spread(left: Content, right: Content, width: int) -> list[Content]:
    """One at either end of a line; the right one on a line of its own where there is no room."""
    gap = width - left.cell_length - right.cell_length
    if not right.plain:
        return [left]
    return [Content.assemble(left, " " * gap, right)] if gap >= 2 else [left, right]


def joined(sections: Sequence[list[Content]]) -> Content:
    """Sections with an empty line between them; empty ones are left out."""
    lines: list[Content] = []
    for section in sections:
        if section:
            lines += [Content(""), *section] if lines else section
    return Content("\n").join(lines)
