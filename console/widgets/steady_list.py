"""A list whose lines may come, go and change while somebody reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from console.widgets.scrolled import Scrolled

_PADDING = 2
"""Cells around the text of a line."""


class SteadyList(Scrolled, OptionList):
    """One line each; what is under the cursor stays in its row on the screen."""

    DEFAULT_CSS = """
    SteadyList {
        border: none;
        padding: 0;
        background: transparent;
        scrollbar-size: 0 1;
        scrollbar-gutter: stable;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        &:focus { border: none; background-tint: $background 0%; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False, id="list.down"),
        Binding("k", "cursor_up", "Up", show=False, id="list.up"),
    ]

    async def _on_click(self, event: events.Click) -> None:
        """A click on another line only goes there, so that it can be read; the next one selects."""
        event.prevent_default()
        clicked: int | None = event.style.meta.get("option")
        if clicked is None or self.options[clicked].disabled:
            return
        if clicked == self.highlighted:
            self.action_select()
        else:
            self.highlighted = clicked

    @property
    def line_width(self) -> int:
        """Cells that a line's text can take."""
        return max(12, self.scrollable_content_region.width - _PADDING)

    def replace(self, options: list[Option], highlighted: int | None) -> None:
        """List others, with the cursor on one of them."""
        above = (self.highlighted or 0) - self.scroll_offset.y
        with self.app.batch_update():
            self.set_options(options)
            self.highlighted = highlighted
            if highlighted is not None:
                self.scroll_to(y=max(0, highlighted - above), animate=False, immediate=True, force=True)

    def rewrite(self, lines: Sequence[Content], drawn: Sequence[Content]) -> None:
        """Write the lines that are others than those drawn before; there are as many."""
        for index, (line, before) in enumerate(zip(lines, drawn, strict=True)):
            if line != before:
                self.replace_option_prompt_at_index(index, line)
