"""What the engine tells whoever listens: immutable facts, one direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proxy_core.board import Board
from proxy_core.exchange import Record
from proxy_core.ledger import Ledger
from proxy_core.llama.facts import Upstream
from proxy_core.llama.feed import LogLine
from proxy_core.rules import RuleSet
from proxy_core.settings import Flips


@dataclass(frozen=True, slots=True)
class RecordChanged:
    """A record is new or has new figures; it replaces the one of the same id."""

    record: Record


@dataclass(frozen=True, slots=True)
class LogRead:
    """Lines of llama-server's log, oldest first."""

    lines: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class UpstreamChanged:
    """The upstream came up, went down, loads, or has other facts than before."""

    upstream: Upstream


@dataclass(frozen=True, slots=True)
class RulesChanged:
    """Another rule set is in force."""

    rules: RuleSet
    bypass: bool = False
    """Everything passes through untouched, whatever is switched on."""
    problem: str | None = None
    """What is wrong with the rule files; the rules are those from before."""
    flips: Flips = "now"
    """Whether a change counts at once, or in new conversations only."""
    stale: frozenset[str] = frozenset()
    """Ids of rules that no longer find anything in what their client sends."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums since the start."""

    requests: int = 0
    """Requests of any kind."""
    reused: int = 0
    """Prompt tokens taken from the cache."""
    evaluated: int = 0
    """Prompt tokens evaluated."""
    prompt_ms: float = 0.0
    """Prompt eval time in milliseconds."""
    hits: tuple[tuple[str, int], ...] = ()
    """Edits by rule id."""


@dataclass(frozen=True, slots=True)
class Today:
    """Sums over the local day, kept across restarts and shared by all kvconsoles of this person."""

    requests: int = 0
    reused: int = 0
    prompt_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class TotalsChanged:
    """The sums moved."""

    totals: Totals


@dataclass(frozen=True, slots=True)
class TodayChanged:
    """The day's sums moved, or another day began."""

    today: Today


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know; the engine goes on."""

    level: Literal["information", "warning", "error"]
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class LedgerChanged:
    """Something was saved or lost."""

    ledger: Ledger


@dataclass(frozen=True, slots=True)
class BoardChanged:
    """A lane or a slot stands otherwise."""

    board: Board


@dataclass(frozen=True, slots=True)
class Recalled:
    """Records of earlier runs, oldest first, before the first one of this run; their ids are the lowest."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class JournalState:
    """How the journal fares."""

    path: str | None = None
    """None when nothing is kept on disk."""
    dropped: int = 0
    """Requests of this run that are not in it, because they could not be written in time."""
    problem: str | None = None
    """What went wrong last, in a sentence; None while nothing did."""


@dataclass(frozen=True, slots=True)
class JournalChanged:
    """The journal fares otherwise."""

    state: JournalState


Event = (
    RecordChanged
    | Recalled
    | JournalChanged
    | LogRead
    | UpstreamChanged
    | RulesChanged
    | TotalsChanged
    | TodayChanged
    | LedgerChanged
    | BoardChanged
    | Notice
)
