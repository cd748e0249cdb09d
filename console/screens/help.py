"""Every key, on one page."""

from __future__ import annotations

import textwrap
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from console.commands import COMMANDS, IN_PANES

_HEADINGS = {"panes": "Panes", "requests": "Requests", "rules": "Rules", "screen": "Console"}

_WORDS = 56
"""Cells of a line beside the keys; there are as many in a terminal of 80 columns."""


class HelpScreen(ModalScreen[None]):
    """A page over the main screen; any of its keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "close", id="help.close"),
    ]

    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        background: $background 60%;
        & > VerticalScroll {
            width: 84;
            max-width: 96%;
            height: auto;
            max-height: 92%;
            padding: 1 3;
            background: $surface;
            border: round $border;
            border-title-color: $text;
            border-subtitle-color: $text-muted;
        }
    }
    """

    def compose(self) -> ComposeResult:
        """The page."""
        with VerticalScroll() as page:
            page.border_title = "keys"
            page.border_subtitle = "esc closes · ctrl+p finds a command by name"
            yield Static(key_page(), markup=False)


def key_page() -> Text:
    """The keys by area, then those of each pane."""
    page = Text()
    for area, heading in _HEADINGS.items():
        rows = tuple((c.shown, c.help) for c in COMMANDS if c.area == area)
        _section(page, heading, rows)
    for pane, keys in IN_PANES:
        _section(page, f"In the {pane}", keys)
    page.rstrip()
    return page


def _section(page: Text, heading: str, rows: tuple[tuple[str, str], ...]) -> None:
    page.append(f"{heading}\n", "bold")
    for key, text in rows:
        page.append(f"  {key:<8}", "bold")
        page.append(textwrap.fill(text, _WORDS).replace("\n", f"\n{' ' * 10}") + "\n")
    page.append("\n")
