"""The turn that a turn goes on from: the latest of its lane that the same model had answered by then."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile

from proxy_core.diagnosis.by_server import overlap
from proxy_core.exchange import Exchange, Record
from proxy_core.history import History

_FIRST = "kvconsole saw no earlier request of its conversation"
_UNREAD = "kvconsole could not read this prompt"
_OTHER = "kvconsole does not compare prompts of this kind"


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
            return Predecessor(why_none=_OTHER if exchange is None or exchange.api is None else _UNREAD)
        found = self._latest(record, exchange, exchange.lane)
        source = self.source(exchange.lane) if found.before is None else None
        return found if source is None else self._latest(record, exchange, source)

    def _latest(self, record: Record, exchange: Exchange, lane: str) -> Predecessor:
        other: Record | None = None
        running: Record | None = None
        for earlier in self.history.prompts():
            theirs = earlier.exchange
            if earlier.id >= record.id or theirs is None or theirs.lane != lane or theirs.status == "error":
                continue
            if theirs.model == exchange.model or not self.router():
                if not overlap(earlier, record):
                    return Predecessor(earlier.id)
                running = running or earlier
                continue
            other = other or earlier
        if running is not None:
            return Predecessor(running.id)
        if other is not None and other.exchange is not None:
            return Predecessor(other.id, other_model=other.exchange.model)
        return Predecessor(why_none=_FIRST)


def beside(newest_first: Iterable[Record], before: Record, record: Record) -> set[int]:
    """Ids of the turns of the same lane that were answered at the same time as a turn.

    Args:
        newest_first: Records in which a prompt was evaluated.
        before: The turn that it goes on from; earlier ones do not count.
        record: The turn.
    """
    recent = takewhile(lambda other: other.id > before.id, newest_first)
    same = (other for other in recent if other.id != record.id and _lane(other) == _lane(record))
    return {other.id for other in same if overlap(*sorted((other, record), key=lambda one: one.id))}


def between(newest_first: Iterable[Record], before: Record, record: Record) -> Record | None:
    """The first turn of somebody else that a server with one slot ran between two turns.

    Such a server takes requests in the order in which they come.

    Args:
        newest_first: Records in which a prompt was evaluated.
        before: The earlier turn.
        record: The later one.
    """
    first: Record | None = None
    for other in takewhile(lambda other: other.id > before.id, newest_first):
        theirs = other.exchange
        ran = theirs is not None and theirs.status == "done" and theirs.lane != _lane(record)
        if ran and other.id < record.id:
            first = other
    return first


def _lane(record: Record) -> str | None:
    return record.exchange.lane if record.exchange else None
