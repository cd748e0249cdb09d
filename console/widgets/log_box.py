"""The log with the field to search it."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from console.widgets.log import LogPane


class LogBox(Vertical):
    """A pane of two widgets, which is maximized as one; its border says how the log stands."""

    ALLOW_MAXIMIZE = True

    def compose(self) -> ComposeResult:
        """The lines, and the field, which shows while somebody searches."""
        self.border_title = "log"
        yield LogPane()
        yield Input(placeholder="search the log", id="search")

    @property
    def searching(self) -> bool:
        """Whether the field is there."""
        return bool(self.query_one("#search", Input).display)

    def end_search(self) -> None:
        """Take the field away, and the marks with it."""
        field = self.query_one("#search", Input)
        field.value = ""
        field.display = False

    @on(LogPane.SearchWanted)
    def _search(self) -> None:
        field = self.query_one("#search", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#search")
    def _searched(self, event: Input.Changed) -> None:
        self.query_one(LogPane).search(event.value)

    @on(Input.Submitted, "#search")
    def _to_hits(self) -> None:
        """The log takes the keys, so that n and N go through the hits."""
        self.query_one(LogPane).focus()

    @on(LogPane.Followed)
    def _followed(self, event: LogPane.Followed) -> None:
        parts = [] if event.hits is None else [f"{event.hits} hits"]
        parts.append("following" if event.following else "held: w follows")
        self.border_subtitle = " · ".join(parts)
