"""Which verdicts are worth a notice: one per conversation and cause, and seldom."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from console import figures
from console.verdicts import one_line, sign
from console.widgets.turn_columns import clock
from proxy_core.events import Notice
from proxy_core.exchange import Record
from proxy_core.verdict import Cause, Diagnosis

LEAST_SHARE = 0.05
LEAST_MS = 1000.0
"""A loss below both, of the prompt's tokens and in milliseconds, is nobody's business."""
SECONDS_BETWEEN = 60.0
"""Between two notices, whatever they are about."""

_MOST_LANES = 256


@dataclass
class _Lane:
    newest: int = 0
    """Id of the latest record that was looked at."""
    told: set[Cause] = field(default_factory=set)
    """Causes that were told since the lane was healthy."""
    last: int = 0
    """Id of the record of the latest notice."""


class Notable:
    """Remembers what was said, so that nothing is said twice."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()
        self._last: float | None = None

    def look(self, record: Record, now: float) -> Notice | None:
        """A notice, where the record's verdict is worth one.

        Args:
            record: As it stands now; it may come again when more is known of it.
            now: Seconds of any clock that only goes forward.
        """
        diagnosis = record.diagnosis
        if diagnosis is None or record.at is None or record.recalled:
            # What was in the log before kvconsole began to read is no news, nor what an earlier run saw.
            return None
        lane = self._lane((record.exchange.lane or "") if record.exchange else "")
        if record.id < lane.newest:
            # More is known of an old turn: what came after it has been looked at.
            return None
        lane.newest = record.id
        cause = diagnosis.verdict.cause
        if cause == "healthy":
            lane.told.clear()
            return None
        if not _matters(record, diagnosis) or cause in lane.told or record.id == lane.last:
            return None
        if self._last is not None and now - self._last < SECONDS_BETWEEN:
            # Not told, so that it is when it happens again.
            return None
        self._last = now
        lane.told.add(cause)
        lane.last = record.id
        return _notice(record, diagnosis)

    def _lane(self, name: str) -> _Lane:
        lane = self._lanes.setdefault(name, _Lane())
        self._lanes.move_to_end(name)
        if len(self._lanes) > _MOST_LANES:
            self._lanes.popitem(last=False)
        return lane


def _matters(record: Record, diagnosis: Diagnosis) -> bool:
    verdict, lost = diagnosis.verdict, diagnosis.lost_n
    if verdict.side not in ("client", "server") or verdict.cause == "cancelled" or not lost:
        return False
    slow = diagnosis.lost_ms is not None and diagnosis.lost_ms >= LEAST_MS
    tokens = record.prompt_tokens
    return slow or (tokens is not None and tokens > 0 and lost / tokens >= LEAST_SHARE)


def _notice(record: Record, diagnosis: Diagnosis) -> Notice:
    verdict = diagnosis.verdict
    client = record.exchange.client if record.exchange else None
    who = f"{one_line(client or 'A client')}, request {record.id} at {clock(record)}"
    took = "" if diagnosis.lost_ms is None else f", about {figures.ms(diagnosis.lost_ms)}"
    lost = figures.plural(diagnosis.lost_n or 0, "token")
    return Notice(
        "warning",
        f"{sign(verdict.cause)} {one_line(verdict.headline)}",
        f"{who}: {lost} evaluated again{took}. Select it: e explains.",
    )
