"""Slots and conversations: who holds what, how each stands, what was saved and lost."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from console import figures
from console.widgets.lane_lines import (
    is_known,
    journal_lines,
    lane_heading,
    lane_line,
    ledger_lines,
    slot_lines,
)
from console.widgets.scrolled import Scrolled
from console.widgets.steady_list import SteadyList
from console.widgets.wrapped import joined
from proxy_core.board import Board, LaneView
from proxy_core.events import JournalState
from proxy_core.ledger import EMPTY, Ledger

_BESIDE_FROM = 90
"""Cells from which on the ledger stands beside the slots, and not below them."""
_LEDGER, _GAP = 51, 3
"""Cells of the ledger beside the slots, and between them."""
_BAR = 3
"""Cells that a line of the list leaves to its padding and the scroll bar."""


class LaneList(SteadyList):
    """The conversations, one a line, the latest used first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "select", "its turn", show=False, id="lanes.turn", tooltip="Go to its latest turn."),
    ]


class Below(Scrolled, VerticalScroll):
    """Slots, what is wrong with the journal, and the ledger."""


class LanesPanel(Container):
    """The conversations, and below them the slots and the ledger."""

    ALLOW_MAXIMIZE = True

    DEFAULT_CSS = """
    LanesPanel {
        layout: vertical;
        & #lane-heading { height: 1; padding: 0; text-wrap: nowrap; }
        & LaneList { height: auto; max-height: 50%; }
        & #below { height: 1fr; layout: vertical; margin-top: 1; scrollbar-size: 0 1; }
        & #slots { height: auto; text-wrap: nowrap; }
        & #ledger { height: auto; margin-top: 1; text-wrap: nowrap; }
        &.-beside #below { layout: horizontal; }
        &.-beside #slots { width: 1fr; }
        &.-beside #ledger { width: 54; margin: 0; padding: 0 0 0 3; }
    }
    """

    @dataclass
    class Opened(Message):
        """The person wants to see the latest turn of a conversation."""

        lane: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._board = Board()
        self._ledger = Ledger()
        self._journal = JournalState()
        self._listed: list[str] = []
        self._drawn: list[Content] = []

    def compose(self) -> ComposeResult:
        """Conversations, slots, ledger."""
        yield Static(markup=False, id="lane-heading")
        yield LaneList(markup=False)
        # Both scroll together where there is no room for them.
        with Below(id="below"):
            yield Static(markup=False, id="slots")
            yield Static(markup=False, id="ledger")

    def show(self, board: Board, ledger: Ledger, journal: JournalState) -> None:
        """Draw what stands; the cursor stays on its conversation, wherever that is listed now."""
        lanes = tuple(lane for lane in board.lanes if is_known(lane))
        self._board, self._ledger, self._journal = replace(board, lanes=lanes), ledger, journal
        self.border_title = "slots and lanes"
        parts = [figures.plural(len(board.slots), "slot")] if board.slots else []
        parts.append(figures.plural(len(lanes), "lane"))
        if earlier := len(board.lanes) - len(lanes):
            parts.append(f"{earlier} remembered from before")
        self.border_subtitle = " · ".join(parts)
        self.redraw()

    def redraw(self) -> None:
        """Draw again: clocks go on."""
        listed = self.query_one(LaneList)
        # From the panel's own width: what is in it is laid out later.
        inner = self.content_size.width
        lanes, width = self._board.lanes, max(20, inner - _BAR)
        # A cell goes to the scroll bar.
        room = inner - 1 - (_LEDGER + _GAP if self.has_class("-beside") else 0)
        told = journal_lines(self._journal, max(20, room))
        self.query_one("#slots", Static).update(joined([slot_lines(self._board, max(20, room)), told]))
        heading = self.query_one("#lane-heading", Static)
        if lanes:
            heading.update(lane_heading(width))
        else:
            heading.update(Content.styled("No conversation yet since the start.", "$chart-axis"))
        accounts, now = dict(self._ledger.lanes), time.time()
        lines = [lane_line(lane, accounts.get(lane.id, EMPTY), now, width) for lane in lanes]
        ids = [lane.id for lane in lanes]
        if ids == self._listed:
            listed.rewrite(lines, self._drawn)
        else:
            at = self._cursor_in(ids)
            self._listed = ids
            # Ids are anybody's: an option's own id could be said twice.
            listed.replace([Option(line) for line in lines], at)
        self._drawn = lines
        self._draw_ledger()

    def on_resize(self, event: events.Resize) -> None:
        """The ledger stands beside the slots, or below them."""
        self.set_class(event.size.width >= _BESIDE_FROM, "-beside")
        self.call_after_refresh(self.redraw)

    @property
    def _chosen(self) -> LaneView | None:
        """The conversation under the cursor."""
        at = self.query_one(LaneList).highlighted
        if at is None or at >= len(self._listed):
            return None
        return next((lane for lane in self._board.lanes if lane.id == self._listed[at]), None)

    def _cursor_in(self, ids: list[str]) -> int | None:
        """Where the cursor goes: with its conversation, or to the newest while nobody has left that."""
        listed, chosen = self.query_one(LaneList), self._chosen
        at_top = listed.highlighted == 0 and not listed.has_focus
        if chosen is None or at_top or chosen.id not in ids:
            return 0 if ids else None
        return ids.index(chosen.id)

    @on(OptionList.OptionHighlighted)
    def _highlight(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._draw_ledger()

    @on(OptionList.OptionSelected)
    def _select(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if (lane := self._chosen) is not None:
            self.post_message(self.Opened(lane.id))

    def _draw_ledger(self) -> None:
        width = max(20, _LEDGER if self.has_class("-beside") else self.content_size.width - 1)
        lines = Content("\n").join(ledger_lines(self._ledger, self._chosen, width))
        self.query_one("#ledger", Static).update(lines)
