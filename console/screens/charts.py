"""The two charts side by side, fed from the same turns."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from textual import on
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message

from console import figures
from console.widgets.chart import Point, TurnChart
from proxy_core.exchange import Record


class Charts(Container):
    """`sim_best` with the reused share, and prompt eval time, one bar a turn."""

    DEFAULT_CSS = """
    Charts { & > TurnChart { width: 1fr; height: 1fr; } }
    """

    @dataclass
    class Picked(Message):
        """A bar was clicked."""

        record_id: int

    def compose(self) -> ComposeResult:
        """Two charts."""
        sim = TurnChart("share", "similarity per turn", short="sim ", id="sim-chart")
        sim.empty = "a bar a turn: sim_best, and the reused share"
        yield sim
        ms = TurnChart("log", "prompt eval per turn", short="eval", id="eval-chart")
        ms.empty = "a bar a turn: prompt eval time"
        yield ms

    def show(self, records: Sequence[Record], *, log_seen: bool) -> None:
        """Draw the turns, oldest first; those still under way come when they have figures."""
        ended = [record for record in records if not record.open]
        known = next((r for r in reversed(ended) if r.reused is not None or r.prompt_ms is not None), None)
        sim, ms = self.query_one("#sim-chart", TurnChart), self.query_one("#eval-chart", TurnChart)
        first = next((new.id for old, new in pairwise(ended) if old.recalled and not new.recalled), None)
        now = int(time.time() // 60)
        sim.set_points([_point(r, r.sim, r.reused, first=r.id == first, now=now) for r in ended])
        ms.set_points([_point(r, r.prompt_ms, None, first=r.id == first, now=now) for r in ended])
        if known is not None:
            sim.figures = sim_figures(known, ended, log_seen=log_seen)
            ms.figures = eval_figures(known, ended)

    def select(self, record_id: int) -> None:
        """Mark a turn in both charts."""
        for chart in self.query(TurnChart):
            chart.selected = record_id

    @on(TurnChart.Picked)
    def _picked(self, event: TurnChart.Picked) -> None:
        event.stop()
        self.post_message(self.Picked(event.key))


def sim_figures(last: Record, records: Sequence[Record], *, log_seen: bool) -> tuple[str, ...]:
    """Last value and median of `sim_best`, and the last reused share."""
    reused = f"reused {figures.share(last.reused)}"
    if not log_seen and last.sim is None:
        return reused, "sim unknown: l tells why"
    return (
        f"sim {figures.sim(last.sim)}",
        reused,
        f"median {figures.sim(figures.median(r.sim for r in records))}",
    )


def eval_figures(last: Record, records: Sequence[Record]) -> tuple[str, ...]:
    """Last value and median of the prompt eval time."""
    middle = figures.median(r.prompt_ms for r in records)
    return f"last {figures.ms(last.prompt_ms)}", f"median {figures.ms(middle)}"


@lru_cache(maxsize=4096)
def _time(minute: int, now: int) -> str:
    return figures.clock(minute * 60, now * 60, seconds=False)


def _point(record: Record, value: float | None, second: float | None, *, first: bool, now: int) -> Point:
    """A turn in a chart; `now` is in minutes since the epoch."""
    label = _time(int(record.at // 60), now) if record.at and math.isfinite(record.at) else ""
    return Point(record.id, value, second, label, record.flipped, first)
