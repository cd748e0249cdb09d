"""The last line: the keys that matter where the person is, six at the most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.console import RenderableType
from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

MOST_KEYS = 6


class Key(NamedTuple):
    """A key, what it does in a word, and the action behind it; a click does the same."""

    shown: str
    label: str
    action: str


class KeyLine(Widget):
    """One line of keys; each can be clicked."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"keyline--key", "keyline--label"}

    DEFAULT_CSS = """
    KeyLine {
        height: 1;
        padding: 0 1;
        background: $footer-background;
        & .keyline--key { color: $footer-key-foreground; text-style: bold; }
        & .keyline--label { color: $footer-description-foreground; }
    }
    """

    class Clicked(Message):
        """A key was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys: tuple[Key, ...] = ()

    def show(self, keys: Sequence[Key]) -> None:
        """Show these keys."""
        if (shown := tuple(keys[:MOST_KEYS])) != self._keys:
            self._keys = shown
            self.refresh()

    def render(self) -> RenderableType:
        """Keys and labels, as many as fit."""
        line = Text(no_wrap=True)
        for key in self._keys:
            line.append(key.shown, self.get_component_rich_style("keyline--key"))
            line.append(f" {key.label}   ", self.get_component_rich_style("keyline--label"))
        return line

    def on_click(self, event: events.Click) -> None:
        """Find the key under the mouse."""
        offset = event.get_content_offset(self)
        end = 0
        for key in self._keys:
            end += len(key.shown) + 1 + len(key.label) + 3
            if offset is not None and offset.x < end:
                self.post_message(self.Clicked(key.action))
                return
