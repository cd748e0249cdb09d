"""The table of turns: one line per prompt, the newest at the bottom."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import DataTable

from console import figures
from console.verdicts import standing
from console.widgets.scrolled import Scrolled
from console.widgets.turn_columns import Column, fitting
from proxy_core.exchange import Record
from proxy_core.visible import visible

_BAR = 2
"""Cells that the scroll bar may take."""


class TurnsTable(Scrolled, DataTable[Text]):
    """Follows the newest turn unless the person has moved away from it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "turns--good",
        "turns--fair",
        "turns--poor",
        "turns--mark",
        "turns--quiet",
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False, id="turns.down"),
        Binding("k", "cursor_up", "Up", show=False, id="turns.up"),
        Binding("home,g", "oldest", "Oldest", show=False, id="turns.oldest"),
        Binding("end,G", "newest", "Newest", show=False, id="turns.newest"),
    ]

    DEFAULT_CSS = """
    TurnsTable {
        & .turns--good { color: $reuse-good; }
        & .turns--fair { color: $reuse-fair; }
        & .turns--poor { color: $reuse-poor; }
        & .turns--mark { color: $chart-mark; }
        & .turns--quiet { color: $chart-axis; }
    }
    """

    @dataclass
    class Picked(Message):
        """Another turn is under the cursor."""

        record_id: int

    @dataclass
    class Held(Message):
        """The newest turn is not followed any more."""

    @dataclass
    class Opened(Message):
        """The person wants to see the turn under the cursor."""

        record_id: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            id=id,
            cursor_type="row",
            zebra_stripes=False,
            cell_padding=1,
            show_row_labels=False,
            # The newest turn is under the cursor most of the time: its colours must show there too.
            cursor_foreground_priority="renderable",
        )
        self._records: dict[int, Record] = {}
        self._shown: tuple[Column, ...] = ()
        self._day = _day()
        """The day on which the times were drawn: on the next one they are those of another day."""
        self.following = True
        """Whether the newest turn is selected as soon as it comes."""

    @property
    def selected(self) -> int | None:
        """Id of the turn under the cursor."""
        ids = list(self._records)
        return ids[self.cursor_row] if 0 <= self.cursor_row < len(ids) else None

    def on_resize(self) -> None:
        """Show the columns that fit."""
        columns = fitting(self.size.width - _BAR)
        if columns == self._shown or self.size.width == 0:
            return
        selected = self.selected
        self._shown = columns
        self.clear(columns=True)
        for column in columns:
            title = Text(column.title, justify="right" if column.right else "left")
            self.add_column(title, key=column.key, width=column.width)
        records, self._records = list(self._records.values()), {}
        self.put(records)
        if selected is not None and not self.following:
            self.select(selected)

    def put(self, records: Iterable[Record]) -> None:
        """Add turns, or redraw those that are there already."""
        added = False
        for record in records:
            if not self._shown:
                self._records[record.id] = record
                continue
            cells = [self._cell(column, record) for column in self._shown]
            if record.id in self._records:
                for column, cell in zip(self._shown, cells, strict=True):
                    self.update_cell(str(record.id), column.key, cell)
            else:
                self.add_row(*cells, key=str(record.id))
                added = True
            self._records[record.id] = record
        if added and self.following:
            self.action_newest()

    def drop(self, ids: Sequence[int]) -> None:
        """Remove turns that are no longer kept; what is selected and in sight stays there."""
        gone = [record_id for record_id in ids if self._records.pop(record_id, None) is not None]
        if not gone or not self._shown:
            return
        selected, top = max(0, self.cursor_row - len(gone)), self.scroll_offset.y
        for record_id in gone:
            self.remove_row(str(record_id))
        if not self.following:
            self.move_cursor(row=selected, animate=False, scroll=False)
            self.scroll_to(y=max(0, top - len(gone)), animate=False, immediate=True)

    def tick(self) -> bool:
        """Let the clocks of the turns under way go on; whether another day has begun since the last time."""
        other_day = self._day != _day()
        self._day = _day()
        self.put([record for record in self._records.values() if record.open])
        for column in self._shown if other_day else ():
            if column.key == "time":
                for record in self._records.values():
                    self.update_cell(str(record.id), column.key, self._cell(column, record))
        return other_day

    def select(self, record_id: int) -> None:
        """Put the cursor on a turn."""
        if record_id in self._records:
            row = list(self._records).index(record_id)
            self.following = row == len(self._records) - 1
            self.move_cursor(row=row, animate=False)

    def step(self, by: int) -> None:
        """Move the cursor by some turns."""
        row = min(max(self.cursor_row + by, 0), len(self._records) - 1)
        self.following = row == len(self._records) - 1
        self.move_cursor(row=row, animate=False)

    def hold(self) -> None:
        """Stay with the selected turn when newer ones come."""
        self.following = False

    def action_oldest(self) -> None:
        """Go to the oldest turn that is kept."""
        self.step(-len(self._records))

    def action_newest(self) -> None:
        """Go to the newest turn, and follow."""
        self.following = True
        if self._records:
            self.move_cursor(row=len(self._records) - 1, animate=False)

    def action_cursor_up(self) -> None:
        """One turn back; the newest is not followed any more."""
        self.step(-1)

    def action_cursor_down(self) -> None:
        """One turn on; at the newest, it is followed again."""
        self.step(1)

    def on_mouse_scroll_up(self) -> None:
        """Who scrolls back wants to read, not to be taken to the next turn."""
        if self.max_scroll_y > 0 and self.following:
            self.hold()
            self.post_message(self.Held())

    @on(DataTable.RowHighlighted)
    def _highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        if event.row_key.value is not None:
            self.post_message(self.Picked(int(event.row_key.value)))

    @on(DataTable.RowSelected)
    def _selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        if event.row_key.value is not None:
            self.post_message(self.Opened(int(event.row_key.value)))

    def notify_style_update(self) -> None:
        """Colours live in the cells, so another theme needs new cells."""
        super().notify_style_update()
        if self._records and self.is_mounted:
            self.call_after_refresh(self.put, list(self._records.values()))

    def _cell(self, column: Column, record: Record) -> Text:
        text = visible(column.text(record))
        if cell_len(text) > column.width:
            text = set_cell_size(text, column.width - 1).rstrip() + "…"
        return Text(
            text,
            style=self._style(column, record, text),
            justify="right" if column.right else "left",
            no_wrap=True,
        )

    def _style(self, column: Column, record: Record, text: str) -> Style:
        if column.key == "verdict":
            tone = standing(record)[1]
            return Style.null() if tone is None else self._foreground(f"turns--{tone}")
        earlier = column.key == "time" and record.recalled
        if text == figures.UNKNOWN or record.open or earlier:
            return self._foreground("turns--quiet")
        if column.key == "reused":
            return self._foreground(f"turns--{figures.level(record.reused)}")
        if column.key == "sim":
            return self._foreground(f"turns--{figures.level(record.sim)}")
        return Style.null()

    def _foreground(self, name: str) -> Style:
        """Only the colour: the cell's background is the row's, under the cursor and elsewhere."""
        return Style(color=self.get_component_rich_style(name, partial=True).color)


def _day() -> date:
    return date.fromtimestamp(time.time())
