"""The pane that shows what a request looked like before and after its rules."""

from __future__ import annotations

import asyncio
import textwrap
from bisect import bisect_left, bisect_right
from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.widgets.diff_lines import DiffLines, lay_out
from console.widgets.diff_painter import Painter, clip
from proxy_core.diff.fold import CHANGED
from proxy_core.diff.rows import Diff, diff
from proxy_core.visible import visible

SPLIT_FROM = 100
"""Cells from which on the two sides stand beside each other."""

_STEP = 8


class DiffPane(ScrollView, can_focus=True, inherit_bindings=False):
    """Two bodies compared, unchanged parts folded.

    Only lines in sight are rendered, so that the size of a body costs nothing here. The cursor is the line
    that keys act on; the current change is the one that it is in or below.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "diff--added",
        "diff--context",
        "diff--cursor",
        "diff--divider",
        "diff--empty",
        "diff--fold",
        "diff--heading",
        "diff--mark-added",
        "diff--mark-removed",
        "diff--message",
        "diff--note",
        "diff--number",
        "diff--pointer",
        "diff--removed",
    }

    DEFAULT_CSS = """
    DiffPane {
        width: 1fr;
        height: 1fr;
        scrollbar-gutter: stable;
        scrollbar-size-horizontal: 0;
        scrollbar-size-vertical: 1;
        & .diff--added { background: $success 14%; }
        & .diff--removed { background: $error 14%; }
        & .diff--mark-added { background: $success 45%; text-style: bold; }
        & .diff--mark-removed { background: $error 45%; text-style: bold; }
        & .diff--heading { color: $text; text-style: bold; }
        & .diff--fold, & .diff--number, & .diff--message { color: $text-muted; }
        & .diff--note { color: $text-muted; text-style: italic; }
        & .diff--divider { color: $foreground 25%; }
        & .diff--pointer { color: $accent; }
    }
    DiffPane:focus .diff--cursor { background: $accent 20%; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "n", "change(1)", "Next change", id="diff.next-change", tooltip="Go to the next changed place"
        ),
        Binding(
            "p", "change(-1)", "Previous change", id="diff.previous-change", tooltip="Go to the one before"
        ),
        Binding(
            "enter", "unfold", "Unfold", id="diff.unfold", tooltip="Show what the line under the cursor hides"
        ),
        Binding(
            "u", "fold_all", "Unfold all", id="diff.fold-all", tooltip="Show everything, or fold it again"
        ),
        Binding("up", "move(-1)", "Up", show=False, id="diff.up", tooltip="One line up"),
        Binding("down", "move(1)", "Down", show=False, id="diff.down", tooltip="One line down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="diff.page-up", tooltip="One page up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="diff.page-down", tooltip="One page down"),
        Binding("home", "move_to_start", "Start", show=False, id="diff.start", tooltip="To the first line"),
        Binding("end", "move_to_end", "End", show=False, id="diff.end", tooltip="To the last line"),
        Binding("left", "shift(-1)", "Left", show=False, id="diff.left", tooltip="Scroll both sides left"),
        Binding("right", "shift(1)", "Right", show=False, id="diff.right", tooltip="Scroll both sides right"),
    ]

    ALLOW_SELECT = False

    @dataclass
    class Moved(Message):
        """The cursor came to another change, or the changes are others now."""

        change: int
        """Number of the current change from 1; 0 above the first."""
        changes: int

    @dataclass
    class Shown(Message):
        """A comparison has come on screen."""

        diff: Diff

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._diff: Diff | None = None
        self._folded: Diff | None = None
        self._message = ""
        self._lines: DiffLines | None = None
        self._cursor = 0
        self._asked = 0
        self._moved: tuple[int, int] | None = None
        self._compared: LRUCache[Hashable, Diff] = LRUCache(8)
        self._strips: LRUCache[tuple[int, int, str, bool], Strip] = LRUCache(512)

    @property
    def diff(self) -> Diff | None:
        """What is on screen, folded as it is there; None while a message is."""
        return self._diff

    @property
    def cursor_row(self) -> int:
        """Index in `diff.rows` of the row under the cursor."""
        return self._lines.rows[self._cursor] if self._lines else 0

    async def show(self, left: bytes, right: bytes, api: str | None, *, title: str, key: Hashable) -> None:
        """Compare two bodies in a thread and show the result from its first change on.

        Args:
            left: The body before.
            right: The body after.
            api: "chat", "responses" or "messages" when known.
            title: Border title; never markup.
            key: Names the two bodies; the latest eight results are kept by it.
        """
        self._asked += 1
        asked = self._asked
        result = self._compared.get(key)
        if result is None:
            result = await asyncio.to_thread(diff, left, right, api)
            self._compared[key] = result
        if asked != self._asked:
            return
        self.border_title = Content(visible(title))
        self._message = ""
        self._diff = self._folded = result
        self._moved = None
        self._scroll(x=0, y=0)
        self._lay_out()
        self._go_to_row(result.changes[0] if result.changes else 0)
        self.post_message(self.Shown(result))

    def show_message(self, text: str) -> None:
        """Show sentences instead of a comparison, such as what to do to get one; the border title stays."""
        self._asked += 1
        self._message = visible(text)
        self._diff = self._folded = self._lines = None
        self._cursor = 0
        self.virtual_size = Size(0, 0)
        self._strips.clear()
        self.refresh()
        self._report_move()

    def action_change(self, step: int) -> None:
        """Go to the first line of the next or previous change."""
        if self._diff is None:
            return
        changes, row = self._diff.changes, self.cursor_row
        index = bisect_right(changes, row) if step > 0 else bisect_left(changes, row) - 1
        if 0 <= index < len(changes):
            self._go_to_row(changes[index])

    def action_unfold(self) -> None:
        """Show what the fold under the cursor hides."""
        if self._diff is not None and self._diff.rows[self.cursor_row].kind == "fold":
            self._replace(self._diff.unfold(self.cursor_row))

    def action_fold_all(self) -> None:
        """Unfold everything, or, when nothing is folded, fold again what was folded at first."""
        if self._diff is not None and self._folded is not None:
            any_fold = any(row.kind == "fold" for row in self._diff.rows)
            self._replace(self._diff.unfold_all() if any_fold else self._folded)

    def action_move(self, lines: int) -> None:
        """Move the cursor; one that has been scrolled out of sight starts again at the edge of the page."""
        top = self.scroll_offset.y
        seen = min(max(self._cursor, top), top + max(0, self.size.height - 1))
        self._move_to(seen + lines)

    def action_page(self, pages: int) -> None:
        """Move the cursor by the height of the pane."""
        page = max(1, self.size.height - 1)
        self._scroll(y=self.scroll_offset.y + pages * page)
        self._move_to(self._cursor + pages * page)

    def action_move_to_start(self) -> None:
        """Move the cursor to the first line."""
        self._move_to(0)

    def action_move_to_end(self) -> None:
        """Move the cursor to the last line."""
        self._move_to(len(self._lines) - 1 if self._lines else 0)

    def action_shift(self, steps: int) -> None:
        """Scroll the texts of both sides."""
        self._scroll(x=self.scroll_offset.x + steps * _STEP)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the line; unfold it if it is a fold."""
        if self._lines is None or (offset := event.get_content_offset(self)) is None:
            return
        line = self.scroll_offset.y + offset.y
        if line < len(self._lines):
            self._move_to(line)
            self.action_unfold()

    def on_resize(self) -> None:
        """Lay out anew for the new width; the cursor stays on its row."""
        if self._lines is None:
            return
        row = self.cursor_row
        above = self._cursor - self.scroll_offset.y
        self._lay_out()
        self._cursor = self._lines.line_of(row)
        if not 0 <= above < self.size.height:
            above = self.size.height // 3
        self._scroll(y=self._cursor - above)

    def notify_style_update(self) -> None:
        """Forget strips in colours of before."""
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        """One line of the screen, from the cache if it was there before."""
        x, top = self.scroll_offset
        width = self.size.width
        if self._diff is None or self._lines is None:
            return self._message_line(y)
        if (line := top + y) >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        row = self._diff.rows[self._lines.rows[line]]
        pointer = "▌" if row.kind in CHANGED and self._in_current_run(self._lines.rows[line]) else " "
        under_cursor = line == self._cursor and self.has_focus
        key = (line, x, pointer, under_cursor)
        if (strip := self._strips.get(key)) is None:
            painter = self._painter(x)
            strip = painter.paint(row, self._lines.sides[line], pointer, under_cursor=under_cursor)
            self._strips[key] = strip
        return strip

    def _painter(self, offset: int = 0) -> Painter:
        split, digits = (self._lines.split, self._lines.digits) if self._lines else (False, 1)
        return Painter(self.get_component_rich_style, self.size.width, split, digits, offset)

    def _message_line(self, y: int) -> Strip:
        width = self.size.width
        style = self.get_component_rich_style("diff--message")
        lines = [
            piece
            for line in self._message.split("\n")
            for piece in textwrap.wrap(line, max(8, min(width - 4, 76))) or [""]
        ]
        indent = max(0, (width - max(map(len, lines))) // 2)
        index = y - max(0, (self.size.height - len(lines)) // 2)
        text = " " * indent + lines[index] if 0 <= index < len(lines) else ""
        return Strip([Segment(piece, style) for piece, _ in clip(text, (), 0, width)], width)

    def _lay_out(self) -> None:
        if self._diff is None:
            return
        self._lines = lay_out(self._diff, split=self.size.width >= SPLIT_FROM)
        hidden = max(0, self._lines.widest - self._painter().text_width)
        self.virtual_size = Size(self.size.width + hidden, len(self._lines))
        self._strips.clear()
        self.refresh()

    def _replace(self, new: Diff) -> None:
        """Show other folds of the same comparison; what is under the cursor stays where it is on screen."""
        if self._diff is None or self._lines is None:
            return
        place = self._diff.place(self.cursor_row)
        above = self._cursor - self.scroll_offset.y
        self._diff = new
        self._lay_out()
        self._cursor = self._lines.line_of(new.index_at(place))
        self._scroll(y=self._cursor - above)
        self._move_to(self._cursor)

    def _scroll(self, *, x: int | None = None, y: int | None = None) -> None:
        # Forced, since new content may need a scrollbar that only the next layout brings.
        self.scroll_to(x, y, animate=False, immediate=True, force=True)

    def _go_to_row(self, row: int) -> None:
        """Put the cursor on a row and that row in the upper third."""
        if self._lines is None:
            return
        line = self._lines.line_of(row)
        self._scroll(y=line - self.size.height // 3)
        self._move_to(line)

    def _move_to(self, line: int) -> None:
        """Put the cursor on a line, scrolling no further than needed to see it."""
        if self._lines is None:
            return
        self._cursor = min(max(line, 0), len(self._lines) - 1)
        top, height = self.scroll_offset.y, self.size.height
        if self._cursor < top:
            self._scroll(y=self._cursor)
        elif self._cursor >= top + height:
            self._scroll(y=self._cursor - height + 1)
        self.refresh()
        self._report_move()

    def _report_move(self) -> None:
        changes = self._diff.changes if self._diff else ()
        moved = (bisect_right(changes, self.cursor_row), len(changes))
        if moved != self._moved:
            self._moved = moved
            self.post_message(self.Moved(*moved))

    def _in_current_run(self, row: int) -> bool:
        """Whether a changed row belongs to the change that the cursor is in."""
        if self._diff is None or self._diff.rows[self.cursor_row].kind not in CHANGED:
            return False
        changes = self._diff.changes
        return bisect_right(changes, row) == bisect_right(changes, self.cursor_row)
