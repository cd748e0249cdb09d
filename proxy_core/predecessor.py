"""The turn that a turn goes on from: the latest of its lane that the same model read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proxy_core.exchange import Exchange, Record
from proxy_core.history import History

_FIRST = "This is the first request of its conversation"
_UNREAD = "kvconsole could not read this prompt"


@dataclass(frozen=True, slots=True)
class Predecessor:
    """Where a turn goes on from, or why that cannot be told."""

    before: int | None = None
    """Record id."""
    why_none: str | None = None
    other_model: str | None = None
    """The model that the lane's latest turn went to, when that is another one and none went to this."""


@dataclass(frozen=True)
class Lookup:
    """Looks for predecessors among the records that are kept."""

    history: History
    router: Callable[[], bool]
    """Whether the upstream serves several models by their names; any other serves one under every name."""
    source: Callable[[str], str | None]
    """The lane that a lane branched off."""

    def find(self, record: Record) -> Predecessor:
        """The predecessor of a turn: a request that branches off, as with other tools, goes on from where
        the conversation that it left stands."""
        exchange = record.exchange
        if exchange is None or exchange.lane is None:
            return Predecessor(why_none=_UNREAD)
        found = self._latest(record, exchange, exchange.lane)
        source = self.source(exchange.lane) if found.before is None else None
        return found if source is None else self._latest(record, exchange, source)

    def _latest(self, record: Record, exchange: Exchange, lane: str) -> Predecessor:
        other: Record | None = None
        for earlier in self.history.prompts():
            theirs = earlier.exchange
            if earlier.id >= record.id or theirs is None or theirs.lane != lane or theirs.status == "error":
                continue
            if theirs.model == exchange.model or not self.router():
                return Predecessor(earlier.id)
            other = other or earlier
        if other is not None and other.exchange is not None:
            return Predecessor(other.id, other_model=other.exchange.model)
        return Predecessor(why_none=_FIRST)
