"""What the console knows of the engine: events in, plain values out. It knows no widget."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from proxy_core.board import Board
from proxy_core.events import (
    BoardChanged,
    Event,
    JournalChanged,
    JournalState,
    LedgerChanged,
    LogRead,
    Notice,
    Recalled,
    RecordChanged,
    RulesChanged,
    Today,
    TodayChanged,
    Totals,
    TotalsChanged,
    UpstreamChanged,
)
from proxy_core.exchange import Record
from proxy_core.ledger import Ledger
from proxy_core.llama.facts import Upstream
from proxy_core.llama.feed import LogLine
from proxy_core.rules import RuleSet
from proxy_core.settings import Flips

_MOST_CLIENTS = 64


@dataclass
class Changes:
    """What a batch of events came to; each part is drawn at most once."""

    records: dict[int, Record] = field(default_factory=dict)
    """New or changed turns by id, in their order."""
    dropped: list[int] = field(default_factory=list)
    """Turns that are no longer kept."""
    lines: list[LogLine] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    rules: bool = False
    facts: bool = False
    """The upstream or the sums moved, or the journal fares otherwise."""
    lanes: bool = False
    """A slot or a conversation stands otherwise, or the ledger moved, or the journal fares otherwise."""


class Model:
    """The newest turns, and the facts around them."""

    def __init__(self, upstream: str, *, records: int) -> None:
        self.upstream = Upstream(upstream)
        self.rules = RuleSet()
        self.bypass = False
        self.problem: str | None = None
        """What is wrong with the rule files."""
        self.flips: Flips = "now"
        """Whether a switched rule counts at once, or in new conversations only."""
        self.stale: frozenset[str] = frozenset()
        """Ids of rules that no longer find anything in what their client sends."""
        self.clients: dict[str, None] = {}
        """Who has sent something, in the order of their first requests."""
        self.totals = Totals()
        self.today = Today()
        self.ledger = Ledger()
        self.board = Board()
        self.journal = JournalState()
        self.records: OrderedDict[int, Record] = OrderedDict()
        self.log_seen = False
        """Whether any line of a log has come in."""
        self._most = records

    def apply(self, events: Iterable[Event]) -> Changes:
        """Take in events, oldest first."""
        changes = Changes()
        for event in events:
            match event:
                case RecordChanged(record):
                    self._record(record, changes)
                case Recalled(records):
                    for record in records:
                        self._record(record, changes)
                case LogRead(lines):
                    self.log_seen = True
                    changes.lines.extend(lines)
                case UpstreamChanged(upstream):
                    self.upstream, changes.facts = upstream, True
                case RulesChanged(rules, bypass, problem, flips, stale):
                    self.rules, self.bypass, self.problem = rules, bypass, problem
                    self.flips, self.stale = flips, stale
                    changes.rules = True
                case TotalsChanged(totals):
                    changes.rules = changes.rules or totals.hits != self.totals.hits
                    self.totals, changes.facts = totals, True
                case TodayChanged(today):
                    self.today, changes.facts = today, True
                case LedgerChanged(ledger):
                    self.ledger = ledger
                    changes.facts = changes.lanes = True
                case JournalChanged(journal):
                    self.journal = journal
                    changes.facts = changes.lanes = True
                case BoardChanged(board):
                    self.board, changes.lanes = board, True
                case Notice():
                    changes.notices.append(event)
        return changes

    def turns(self) -> list[Record]:
        """The turns, oldest first."""
        return list(self.records.values())

    def _record(self, record: Record, changes: Changes) -> None:
        if record.exchange is not None and record.exchange.client is not None:
            self._client(record.exchange.client, changes)
        newest = next(reversed(self.records), 0)
        if not record.prompts or (record.id not in self.records and record.id < newest):
            # No turn, or one that was dropped long ago.
            return
        self.records[record.id] = changes.records[record.id] = record
        while len(self.records) > self._most:
            key, _ = self.records.popitem(last=False)
            changes.records.pop(key, None)
            changes.dropped.append(key)

    def _client(self, client: str, changes: Changes) -> None:
        if client in self.clients:
            return
        # Anybody can call themselves anything; those whom rules are for always count.
        if len(self.clients) < _MOST_CLIENTS or any(rule.client == client for rule in self.rules.rules):
            self.clients[client] = None
            # Its rules show from now on.
            changes.rules = True
