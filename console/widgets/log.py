"""llama-server's log as it comes in: coloured by what a line says, searched, followed or held."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.widgets.scrolled import Scrolled
from proxy_core.llama.feed import LogLine
from proxy_core.visible import shown_line, visible

MOST_LINES = 5000


class LogPane(Scrolled, ScrollView, can_focus=True):
    """The newest lines; only those in sight are rendered."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--select",
        "log--task",
        "log--timing",
        "log--release",
        "log--warn",
        "log--cache",
        "log--server",
        "log--plain",
        "log--hit",
        "log--current",
    }

    DEFAULT_CSS = """
    LogPane {
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        & .log--select { color: $log-select; }
        & .log--timing { color: $log-timing; }
        & .log--warn { color: $log-warn; }
        & .log--task, & .log--release, & .log--cache { color: $foreground; }
        & .log--server, & .log--plain { color: $text-muted; }
        & .log--hit { background: $accent 30%; }
        & .log--current { background: $accent; color: $background; text-style: bold; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "search", show=False, id="log.search", tooltip="Search the log."),
        Binding(
            "w", "toggle_follow", "follow", show=False, id="log.follow", tooltip="Follow the end, or stay."
        ),
        Binding("N", "hit(1)", "Next hit", show=False, id="log.next-hit", tooltip="To the next hit below."),
        Binding(
            "n", "hit(-1)", "Hit above", show=False, id="log.hit-above", tooltip="To the next hit above."
        ),
        Binding("j", "scroll_down", "Down", show=False, id="log.down"),
        Binding("k", "scroll_up", "Up", show=False, id="log.up"),
    ]

    @dataclass
    class SearchWanted(Message):
        """The person wants to type what to search."""

    @dataclass
    class Followed(Message):
        """The pane follows its end, or no longer does, or the search has other hits."""

        following: bool
        hits: int | None
        """None while nothing is searched."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.following = True
        self._lines: list[LogLine] = []
        self._widest = 0
        self._needle: re.Pattern[str] | None = None
        self._hits: list[int] = []
        self._at: int | None = None
        self._empty = ""

    def show_empty(self, text: str) -> None:
        """Sentences to show while there are no lines."""
        self._empty = text
        self.refresh()

    def add(self, lines: Sequence[LogLine]) -> None:
        """Append lines; the oldest go when there are too many."""
        fresh = [line._replace(text=shown_line(visible(line.text))) for line in lines[-MOST_LINES:]]
        start = len(self._lines)
        self._lines += fresh
        self._hits += [start + i for i, line in enumerate(fresh) if self._matches(line)]
        gone = max(0, len(self._lines) - MOST_LINES)
        if gone:
            del self._lines[:gone]
            self._hits = [hit - gone for hit in self._hits if hit >= gone]
            self._at = None if self._at is None or self._at < gone else self._at - gone
        self._widest = max(self._widest, max((_cells(line.text) for line in fresh), default=0))
        self.virtual_size = Size(self._widest, len(self._lines))
        if self.following:
            self._to_end()
        elif gone:
            # What the person reads stays where it is.
            self.scroll_to(y=max(0, self.scroll_offset.y - gone), animate=False, immediate=True)
        self.refresh()
        self._report()

    def search(self, needle: str) -> None:
        """Mark every line that holds `needle`, in any case, and go to the last one."""
        self._needle = re.compile(re.escape(needle), re.IGNORECASE) if needle else None
        self._hits = [i for i, line in enumerate(self._lines) if self._matches(line)]
        self._at = None
        if self._hits:
            self._go_to(self._hits[-1])
        self.refresh()
        self._report()

    def action_search(self) -> None:
        """Ask for something to search."""
        self.post_message(self.SearchWanted())

    def action_hit(self, step: int) -> None:
        """Go to the next hit below (1) or above (-1) the current one, around the end."""
        if not self._hits:
            return
        here = len(self._lines) if self._at is None else self._at
        below = [hit for hit in self._hits if hit > here]
        above = [hit for hit in self._hits if hit < here]
        self._go_to((below or self._hits)[0] if step > 0 else (above or self._hits)[-1])

    def action_toggle_follow(self) -> None:
        """Follow the end, or stay here."""
        self._follow(not self.following)

    def watch_scroll_y(self, old: float, new: float) -> None:
        """Scrolling up holds the log; scrolling to the end follows it again."""
        super().watch_scroll_y(old, new)
        if self.is_mounted and self._lines and round(new) != round(old):
            at_end = new >= self.max_scroll_y - 0.5
            if at_end != self.following and (at_end or new < old):
                self.following = at_end
                self._report()

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        x, top = self.scroll_offset
        width = self.size.width
        if not self._lines:
            return self._empty_line(y, width)
        index = top + y
        if index >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[index]
        style = self.get_component_rich_style(f"log--{line.category or 'plain'}")
        segments = self._marked(line.text, style, current=index == self._at)
        return Strip(segments).crop(x, x + width).extend_cell_length(width, style)

    def _marked(self, text: str, style: Style, *, current: bool) -> list[Segment]:
        found = self._needle.search(text) if self._needle else None
        if found is None:
            return [Segment(text, style)]
        mark = self.get_component_rich_style("log--current" if current else "log--hit")
        at, end = found.span()
        return [Segment(text[:at], style), Segment(text[at:end], style + mark), Segment(text[end:], style)]

    def _empty_line(self, y: int, width: int) -> Strip:
        style = self.get_component_rich_style("log--plain")
        line = next(islice(self._empty.split("\n"), y, None), "")
        return Strip([Segment(set_cell_size(f" {line}", width), style)])

    def _matches(self, line: LogLine) -> bool:
        return self._needle is not None and self._needle.search(line.text) is not None

    def _go_to(self, index: int) -> None:
        self._at = index
        self._follow(False)
        self.scroll_to(y=max(0, index - self.size.height // 2), animate=False, immediate=True)
        self.refresh()

    def _follow(self, following: bool) -> None:
        self.following = following
        if following:
            self._to_end()
        self._report()

    def _to_end(self) -> None:
        # Forced, since the first lines come before the first layout.
        self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True, force=True)

    def on_resize(self) -> None:
        """The end stays in sight."""
        if self.following:
            self._to_end()

    def _report(self) -> None:
        self.post_message(self.Followed(self.following, len(self._hits) if self._needle else None))


def _cells(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)
