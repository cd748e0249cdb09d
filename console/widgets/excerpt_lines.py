"""The text around a divergence: what is shared, then either side with its changed characters marked."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content

from console.widgets.wrapped import QUIET, chopped, clipped, tail
from proxy_core.verdict import Excerpt
from proxy_core.visible import visible

_MOST_LINES = 5
"""Lines of the screen for either side."""
_MOST_SHARED = 2

_REMOVED = ("-", "on $error 14%", "bold on $error 45%")
_ADDED = ("+", "on $success 14%", "bold on $success 45%")
_BREAK = "↵"
"""Stands for a line feed that only one side has."""


def excerpt_lines(excerpt: Excerpt, width: int) -> list[Content]:
    """Lines of `width` cells; the predecessor's begin with `-`, this prompt's with `+`."""
    *above, begun = visible(excerpt.shared).split("\n")
    lines = [Content.styled(f"  {clipped(text, width - 2)}", QUIET) for text in above[-_MOST_SHARED:]]
    lines += _side(begun, excerpt.previous, excerpt.previous_rest, width, _REMOVED)
    lines += _side(begun, excerpt.current, excerpt.current_rest, width, _ADDED)
    return lines


def _side(begun: str, run: str, rest: str, width: int, look: tuple[str, str, str]) -> list[Content]:
    """One side: the line that both began, how this side goes on, and the rest of its line."""
    sign, ground, mark = look
    room = max(8, width - 2)
    changed = visible(run).split("\n")
    texts = [(tail(begun, room // 2), changed[0])] + [("", text) for text in changed[1:]]
    lines: list[Content] = []
    for number, (before, text) in enumerate(texts):
        last = number == len(texts) - 1
        # A line feed is a changed character as well, and the only one at times.
        marked = text if last else text + _BREAK
        after = visible(rest).partition("\n")[0] if last else ""
        free = room - (cell_len(before) + cell_len(marked)) % room
        after = clipped(after, free)
        if not (before or marked or after):
            # The side ends here, or its line does.
            lines.append(Content.styled("(nothing)", QUIET) if len(texts) == 1 else Content(""))
            continue
        whole = Content.assemble(before, (marked, mark), after)
        lines += chopped(whole, room, most=_MOST_LINES)
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], Content.styled("…", QUIET)]
    return [_grounded(sign if n == 0 else " ", line, width, ground) for n, line in enumerate(lines)]


def _grounded(sign: str, line: Content, width: int, ground: str) -> Content:
    """The line with its sign, on its colour over the whole width."""
    whole = Content.assemble(f"{sign} ", line)
    return whole.pad_right(max(0, width - whole.cell_length)).stylize_before(ground)
