"""A scroll bar that tells where its widget is."""

from __future__ import annotations

from typing import Protocol

from textual.scrollbar import ScrollBar


class _Scrolling(Protocol):
    @property
    def scroll_y(self) -> float: ...

    @property
    def vertical_scrollbar(self) -> ScrollBar: ...


class Scrolled:
    """Mixed into a scrolling widget that can be scrolled before its bar has come on screen.

    Textual moves the bar with the widget only while the bar is shown: one that came later would stand at the
    top until the next scroll. No widget itself, since Textual takes styles from a widget's first base alone.
    """

    def watch_show_vertical_scrollbar(self: _Scrolling, shown: bool) -> None:
        """The bar comes or goes."""
        if shown:
            self.vertical_scrollbar.position = self.scroll_y
