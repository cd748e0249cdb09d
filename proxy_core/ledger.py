"""What rules saved and what each cause cost, per lane and in all."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from proxy_core.exchange import Record
from proxy_core.verdict import Cause, Diagnosis

MOST_LANES = 256
"""Lanes with an account of their own; what earlier ones saved and lost stays in the sums over all."""

_MOST_ENTRIES = 4096
"""Turns whose diagnosis may still become another; what older ones came to stays as it is."""

_FREE: frozenset[Cause] = frozenset({"healthy", "cold start"})
"""Causes that have no loss: what such a turn evaluates had to be evaluated."""


class Amount(NamedTuple):
    """Tokens, the milliseconds that they take to evaluate, and over how many turns."""

    tokens: int = 0
    ms: float = 0.0
    turns: int = 0


NOTHING = Amount()


@dataclass(frozen=True, slots=True)
class Account:
    """One lane's sums, or those of all."""

    turns: int = 0
    """Turns with a diagnosis."""
    saved: Amount = NOTHING
    lost: tuple[tuple[Cause, Amount], ...] = ()
    """By cause, the greatest loss first; causes that cost nothing are left out."""


EMPTY = Account()


@dataclass(frozen=True, slots=True)
class Ledger:
    """Saved and lost since the start of this kvconsole."""

    total: Account = EMPTY
    lanes: tuple[tuple[str, Account], ...] = ()
    """By lane id, the latest used last."""
    checks: int = 0
    """Turns without any edit whose reuse was both predicted and measured."""
    error: float | None = None
    """Median of |predicted - measured| over these, as a share of the prompt's tokens."""


class _Entry(NamedTuple):
    """What one turn comes to."""

    lane: str | None
    cause: Cause
    saved_n: int
    saved_ms: float
    lost_n: int
    lost_ms: float
    error: float | None
    """How far the prediction was off, as a share of the prompt; None where it could not be checked."""


@dataclass(slots=True)
class _Sums:
    """An account that is written in; entries that are taken back leave nothing behind."""

    turns: int = 0
    saved: Amount = NOTHING
    lost: dict[Cause, Amount] = field(default_factory=dict)

    def add(self, entry: _Entry, sign: int) -> None:
        self.turns += sign
        if entry.saved_n:
            self.saved = _sum(self.saved, entry.saved_n, entry.saved_ms, sign)
        if entry.lost_n:
            amount = _sum(self.lost.pop(entry.cause, NOTHING), entry.lost_n, entry.lost_ms, sign)
            if amount.turns:
                self.lost[entry.cause] = amount

    def account(self) -> Account:
        lost = sorted(self.lost.items(), key=lambda item: (-item[1].tokens, item[0]))
        return Account(self.turns, self.saved, tuple(lost))


class Bookkeeper:
    """Keeps the ledger from the records as they change; each turn counts once, as it was diagnosed last."""

    def __init__(self) -> None:
        self._entries: OrderedDict[int, _Entry] = OrderedDict()
        self._closed = 0
        """Id up to which turns that are not among the entries count no more."""
        self._total = _Sums()
        self._lanes: OrderedDict[str, _Sums] = OrderedDict()
        self._ledger: Ledger | None = Ledger()

    @property
    def ledger(self) -> Ledger:
        """How it stands now; the same object until something changes."""
        if self._ledger is None:
            errors = [entry.error for entry in self._entries.values() if entry.error is not None]
            lanes = tuple((lane, sums.account()) for lane, sums in self._lanes.items())
            error = median(errors) if errors else None
            self._ledger = Ledger(self._total.account(), lanes, len(errors), error)
        return self._ledger

    def take(self, record: Record) -> bool:
        """A record is new or has other figures; gives whether the ledger changed."""
        diagnosis = record.diagnosis
        old = self._entries.get(record.id)
        if diagnosis is None or (old is None and record.id <= self._closed):
            return False
        entry = _entry(record, diagnosis)
        if old is None:
            self._open(entry.lane)
        else:
            # Its lane may have no account any more.
            entry = entry._replace(lane=old.lane)
            if entry == old:
                return False
            self._book(old, -1)
        self._entries[record.id] = entry
        self._book(entry, 1)
        self._bound()
        self._ledger = None
        return True

    def _open(self, lane: str | None) -> None:
        if lane is not None:
            self._lanes.setdefault(lane, _Sums())
            self._lanes.move_to_end(lane)

    def _book(self, entry: _Entry, sign: int) -> None:
        self._total.add(entry, sign)
        if entry.lane is not None:
            self._lanes[entry.lane].add(entry, sign)

    def _bound(self) -> None:
        if len(self._entries) > _MOST_ENTRIES:
            oldest, _ = self._entries.popitem(last=False)
            self._closed = max(self._closed, oldest)
        if len(self._lanes) > MOST_LANES:
            gone, _ = self._lanes.popitem(last=False)
            for key, entry in self._entries.items():
                if entry.lane == gone:
                    self._entries[key] = entry._replace(lane=None)


def _entry(record: Record, diagnosis: Diagnosis) -> _Entry:
    cause = diagnosis.verdict.cause
    lost = 0 if cause in _FREE else max(0, diagnosis.lost_n or 0)
    return _Entry(
        record.exchange.lane if record.exchange else None,
        cause,
        diagnosis.saved_n or 0,
        (diagnosis.saved_ms or 0.0) if diagnosis.saved_n else 0.0,
        lost,
        (diagnosis.lost_ms or 0.0) if lost else 0.0,
        _error(record, diagnosis),
    )


def _error(record: Record, diagnosis: Diagnosis) -> float | None:
    """How far a prediction was off; None where nobody measured, rules had a hand in it, or the cache was
    lost otherwise than by what was sent."""
    exchange, predicted, cached, tokens = (
        record.exchange,
        diagnosis.predicted,
        record.cached_n,
        record.prompt_tokens,
    )
    if exchange is None or exchange.edits or predicted is None or cached is None or not tokens:
        return None
    if diagnosis.verdict.side == "server" or diagnosis.verdict.cause == "cancelled":
        return None
    return abs(predicted.tokens - cached) / tokens


def _sum(amount: Amount, tokens: int, ms: float, sign: int) -> Amount:
    turns = amount.turns + sign
    # Taken back to the last one, rounding must not leave a fraction of a millisecond behind.
    return Amount(amount.tokens + sign * tokens, amount.ms + sign * ms, turns) if turns else NOTHING
