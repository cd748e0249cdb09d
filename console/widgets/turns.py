"""The table of turns: one line per prompt, the newest at the bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import DataTable

from console import figures
from proxy_core.exchange import Record
from proxy_core.visible import visible

NARROW, NORMAL, WIDE = 0, 1, 2


@dataclass(frozen=True)
class Column:
    """One column: its width in cells, and what stands in it."""

    key: str
    title: str
    width: int
    text: Callable[[Record], str]
    right: bool = True
    least: int = NARROW
    """The narrowest layout that has room for it."""


def clock(record: Record) -> str:
    """Local time of arrival; unknown for a turn that was logged before kvconsole read the log."""
    return time.strftime("%H:%M:%S", time.localtime(record.at)) if record.at else figures.UNKNOWN


def _edits(record: Record) -> str:
    return str(len(record.exchange.edits)) if record.exchange else figures.UNKNOWN


def state(record: Record) -> str:
    """How a turn stands, with a sign for people who do not see the colour."""
    if record.exchange is None:
        cancelled = record.turn is not None and record.turn.cancelled
        return "✕ cancelled" if cancelled else "· direct"
    status = record.exchange.status
    if status == "error" and record.exchange.http_status:
        return f"! error {record.exchange.http_status}"
    if status == "done" and (record.exchange.note or "").startswith("forwarded untouched"):
        return "✓ untouched"
    signs = {"waiting": "○", "streaming": "◐", "done": "✓", "cancelled": "✕", "error": "!"}
    return f"{signs[status]} {status}"


COLUMNS = (
    Column("time", "time", 8, clock, right=False),
    Column("api", "api", 10, lambda r: r.exchange.label if r.exchange else figures.UNKNOWN, right=False),
    Column(
        "client",
        "client",
        12,
        lambda r: (r.exchange and r.exchange.client) or figures.UNKNOWN,
        right=False,
        least=NORMAL,
    ),
    Column(
        "messages",
        "msgs",
        4,
        lambda r: figures.count(r.exchange.messages if r.exchange else None),
        least=NORMAL,
    ),
    Column("tokens", "tokens", 7, lambda r: figures.count(r.prompt_tokens)),
    Column("reused", "reused", 6, lambda r: figures.share(r.reused)),
    Column("sim", "sim", 5, lambda r: figures.sim(r.sim)),
    Column("f_keep", "f_keep", 6, lambda r: figures.sim(r.f_keep), least=NORMAL),
    Column("eval", "eval", 7, lambda r: figures.ms(r.prompt_ms)),
    Column("total", "total", 7, lambda r: figures.ms(r.total_ms), least=NORMAL),
    Column("edits", "edits", 5, _edits),
    Column("state", "state", 11, state, right=False),
)


class TurnsTable(DataTable[Text]):
    """Follows the newest turn unless the person has moved away from it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"turns--good", "turns--fair", "turns--poor", "turns--quiet"}

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False, id="turns.down"),
        Binding("k", "cursor_up", "Up", show=False, id="turns.up"),
        Binding("G,end", "newest", "Newest", show=False, id="turns.newest"),
    ]

    DEFAULT_CSS = """
    TurnsTable {
        & .turns--good { color: $reuse-good; }
        & .turns--fair { color: $reuse-fair; }
        & .turns--poor { color: $reuse-poor; }
        & .turns--quiet { color: $chart-axis; }
    }
    """

    @dataclass
    class Picked(Message):
        """Another turn is under the cursor."""

        record_id: int

    @dataclass
    class Opened(Message):
        """The person wants to see the turn under the cursor."""

        record_id: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="row", zebra_stripes=False, cell_padding=1, show_row_labels=False)
        self._records: dict[int, Record] = {}
        self._room = -1
        self.following = True

    @property
    def selected(self) -> int | None:
        """Id of the turn under the cursor."""
        ids = list(self._records)
        return ids[self.cursor_row] if 0 <= self.cursor_row < len(ids) else None

    def set_room(self, room: int) -> None:
        """Show the columns that have room: `NARROW`, `NORMAL` or `WIDE`."""
        if room == self._room:
            return
        self._room = room
        row = self.cursor_row
        self.clear(columns=True)
        for column in self._columns():
            title = Text(column.title, justify="right" if column.right else "left")
            self.add_column(title, key=column.key, width=column.width)
        records, self._records = list(self._records.values()), {}
        self.put(records)
        if not self.following:
            self.move_cursor(row=row, animate=False)

    def put(self, records: Iterable[Record]) -> None:
        """Add turns, or redraw those that are there already."""
        for record in records:
            cells = [self._cell(column, record) for column in self._columns()]
            if record.id in self._records:
                for column, cell in zip(self._columns(), cells, strict=True):
                    self.update_cell(str(record.id), column.key, cell)
            else:
                self.add_row(*cells, key=str(record.id))
            self._records[record.id] = record
        if self.following:
            self.action_newest()

    def drop(self, ids: Sequence[int]) -> None:
        """Remove turns that are no longer kept."""
        for record_id in ids:
            if self._records.pop(record_id, None) is not None:
                self.remove_row(str(record_id))

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

    @on(DataTable.RowHighlighted)
    def _highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        if event.row_key.value is not None:
            record_id = int(event.row_key.value)
            self.following = self.cursor_row >= len(self._records) - 1
            self.post_message(self.Picked(record_id))

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

    def _columns(self) -> list[Column]:
        return [column for column in COLUMNS if column.least <= self._room]

    def _cell(self, column: Column, record: Record) -> Text:
        text = visible(column.text(record))
        return Text(
            text[: column.width],
            style=self._style(column, record, text),
            justify="right" if column.right else "left",
            no_wrap=True,
        )

    def _style(self, column: Column, record: Record, text: str) -> Style:
        if text == figures.UNKNOWN or record.open:
            return self._foreground("turns--quiet")
        if column.key == "reused":
            return self._foreground(f"turns--{figures.level(record.reused)}")
        if column.key == "sim":
            return self._foreground(f"turns--{figures.level(record.sim)}")
        if column.key == "state" and record.exchange and record.exchange.status in ("error", "cancelled"):
            return self._foreground("turns--poor" if record.exchange.status == "error" else "turns--fair")
        return Style.null()

    def _foreground(self, name: str) -> Style:
        """Only the colour: the cell's background is the row's, under the cursor and elsewhere."""
        return Style(color=self.get_component_rich_style(name, partial=True).color)
