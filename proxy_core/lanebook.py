"""How each conversation stands: its latest request, what was reused, and the verdict on its latest turn."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from proxy_core.exchange import Record
from proxy_core.verdict import Verdict

MOST_LANES = 256

_MOST_RECORDS = 512
"""Latest requests of a lane whose figures may still change."""


@dataclass(slots=True)
class Standing:
    """A conversation as far as its records tell; None is unknown."""

    latest: int = 0
    """Id of its latest request."""
    running: bool = False
    """Whether an answer to that is still to end."""
    turned: int | None = None
    """Id of its latest request that the log showed."""
    tokens: int | None = None
    """Prompt tokens of the latest request that was counted."""
    verdict: Verdict | None = None
    """Of the latest turn that has one."""
    first: int | None = None
    """Id of its first request: that one could reuse nothing of its own."""
    cached: int = 0
    evaluated: int = 0
    _counted: OrderedDict[int, tuple[int, int]] = field(default_factory=OrderedDict)
    _closed: int = 0
    """Id up to which requests that are not among the counted ones count no more."""
    _counted_at: int = 0
    _judged_at: int = 0

    @property
    def reused(self) -> float | None:
        """Reused share over its requests from the second on, 0 to 1."""
        whole = self.cached + self.evaluated
        return self.cached / whole if whole else None

    def take(self, record: Record) -> None:
        """One of its records is new or has other figures."""
        self.first = record.id if self.first is None else min(self.first, record.id)
        if record.id >= self.latest:
            self.latest, self.running = record.id, record.open
        if record.turn is not None:
            self.turned = max(record.id, self.turned or 0)
        if record.prompt_tokens is not None and record.id >= self._counted_at:
            self._counted_at, self.tokens = record.id, record.prompt_tokens
        if record.diagnosis is not None and record.id >= self._judged_at:
            self._judged_at, self.verdict = record.id, record.diagnosis.verdict
        cached, evaluated = record.cached_n, record.prompt_n
        if record.id != self.first and cached is not None and evaluated is not None:
            self._count(record.id, cached, evaluated)

    def _count(self, key: int, cached: int, evaluated: int) -> None:
        if key <= self._closed and key not in self._counted:
            return
        old = self._counted.get(key, (0, 0))
        self._counted[key] = cached, evaluated
        self.cached += cached - old[0]
        self.evaluated += evaluated - old[1]
        if len(self._counted) > _MOST_RECORDS:
            oldest, _ = self._counted.popitem(last=False)
            self._closed = max(self._closed, oldest)


class LaneBook:
    """Takes records as they change, and tells how their lanes stand."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, Standing] = OrderedDict()

    def take(self, record: Record) -> None:
        """A record is new or has other figures; one that is taken again replaces itself."""
        exchange = record.exchange
        if exchange is None or exchange.lane is None or not exchange.prompts:
            return
        self._lanes.setdefault(exchange.lane, Standing()).take(record)
        self._lanes.move_to_end(exchange.lane)
        if len(self._lanes) > MOST_LANES:
            self._lanes.popitem(last=False)

    def get(self, lane: str) -> Standing:
        """How a lane stands; one without records has nothing to tell."""
        return self._lanes.get(lane) or Standing()
