"""The columns of the table of turns: what stands in them, and which of them fit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from console import figures
from console.verdicts import standing
from proxy_core.exchange import Record

PADDING = 2
"""Cells around the text of a column."""

_VERDICT_WANTS = 34
"""Cells that the verdict takes before the lightest columns get any."""
_LIGHT = 6
"""The weight up to which a column gives way to a longer verdict."""


@dataclass(frozen=True)
class Column:
    """One column: its width in cells, and what stands in it."""

    key: str
    title: str
    width: int
    """The last column takes what the others leave; this is the least that it can do with."""
    text: Callable[[Record], str]
    weight: int
    """The lightest columns go first where there is no room."""
    right: bool = True


EARLIER = "┊"
"""Stands at the right of the times of earlier runs: the line ends where this run begins."""


def clock(record: Record) -> str:
    """Local time of arrival; unknown for a turn that was logged before kvconsole read the log."""
    return figures.clock(record.at or None, time.time())


def moment(record: Record) -> str:
    """Local time of arrival, for a turn of another day with its date."""
    return figures.moment(record.at or None, time.time())


def _when(record: Record) -> str:
    return f"{clock(record):<9}{EARLIER}" if record.recalled else clock(record)


def _of(record: Record, name: str) -> str:
    """Something that only a proxied request has."""
    value = getattr(record.exchange, name) if record.exchange else None
    return str(value) if value is not None else figures.UNKNOWN


def _edits(record: Record) -> str:
    return str(len(record.exchange.edits)) if record.exchange else figures.UNKNOWN


def _so_far(record: Record) -> str:
    """How long a request has been going on."""
    return figures.duration(max(0.0, time.time() - record.at)) if record.at is not None else figures.UNKNOWN


def _total(record: Record) -> str:
    """How long a request took, or has been going on."""
    return _so_far(record) if record.open else figures.ms(record.total_ms)


def _verdict(record: Record) -> str:
    """How a turn stands; the clock of one that waits goes on, so that nobody takes it for stuck."""
    text, _ = standing(record)
    return f"{text} · {_so_far(record)}" if record.open and record.progress is None else text


COLUMNS = (
    # Notices, evidence and the other panes call a request by its number.
    Column("number", "#", 5, lambda r: str(r.id), 6),
    Column("time", "time", 10, _when, 9, right=False),
    Column("api", "api", 10, lambda r: _of(r, "label"), 3, right=False),
    Column("client", "client", 12, lambda r: _of(r, "client"), 5, right=False),
    Column("lane", "lane", 8, lambda r: _of(r, "lane"), 2, right=False),
    Column("model", "model", 20, lambda r: _of(r, "model"), 1, right=False),
    Column("messages", "msgs", 4, lambda r: _of(r, "messages"), 2),
    Column("tokens", "tokens", 7, lambda r: figures.count(r.prompt_tokens), 7),
    Column("reused", "reused", 6, lambda r: figures.share(r.reused), 12),
    Column("sim", "sim", 5, lambda r: figures.sim(r.sim), 11),
    Column("f_keep", "f_keep", 6, lambda r: figures.sim(r.f_keep), 3),
    Column("eval", "eval", 7, lambda r: figures.ms(r.prompt_ms), 10),
    Column("total", "total", 7, _total, 4),
    Column("edits", "edits", 5, _edits, 8),
    Column("verdict", "verdict", 14, _verdict, 13, right=False),
)


def fitting(width: int) -> tuple[Column, ...]:
    """The columns that fit into so many cells; the last one has all the room that is left."""
    columns, last = list(COLUMNS[:-1]), COLUMNS[-1]

    def left() -> int:
        return width - sum(column.width + PADDING for column in columns) - PADDING

    while columns:
        lightest = min(columns, key=lambda column: column.weight)
        if left() >= (_VERDICT_WANTS if lightest.weight <= _LIGHT else last.width):
            break
        columns.remove(lightest)
    return (*columns, replace(last, width=max(last.width, left())))
