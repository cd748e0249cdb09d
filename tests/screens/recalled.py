"""What the journal brings of earlier runs, and the turns of this one that follow."""

from __future__ import annotations

from dataclasses import replace

from proxy_core.events import (
    BoardChanged,
    Event,
    JournalChanged,
    JournalState,
    LedgerChanged,
    LogRead,
    Recalled,
    RecordChanged,
    RulesChanged,
    Today,
    TodayChanged,
    Totals,
    TotalsChanged,
)
from proxy_core.exchange import Record
from proxy_core.llama.feed import LogLine
from proxy_core.rules import RuleSet
from tests.screens.explained import START, board, ledger, story
from tests.screens.few_rules import FEW_RULES
from tests.screens.fixed import facts

RUN, THIS_RUN = "3f9a12c4", "c07e55d1"
DAYS_BEFORE = 5
"""So long before `START` most of the recalled turns were."""
JOURNAL = "/var/lib/kvconsole/journal.sqlite"


def name(record: Record) -> str | None:
    """What the journal calls it: the numbers of that run began elsewhere."""
    return f"{RUN}-{record.id + 40}"


def earlier() -> list[Record]:
    """An afternoon five days ago, its last three turns an hour ago."""
    ended = [record for record in story() if not record.open]
    days, hour = DAYS_BEFORE * 86_400.0, 3_600.0
    return [
        replace(
            record,
            at=None if record.at is None else record.at - (days if number < len(ended) - 3 else hour),
            name=name(record),
            recalled=True,
        )
        for number, record in enumerate(ended)
    ]


def later(count: int = 4) -> list[Record]:
    """The first turns of this run; the first of them goes on from the last recalled one."""
    recalled = earlier()
    healthy = [record for record in story() if record.diagnosis and record.diagnosis.saved_n]
    found: list[Record] = []
    for number in range(count):
        like, key = healthy[number % len(healthy)], recalled[-1].id + 1 + number
        assert like.diagnosis is not None
        found.append(
            replace(
                like,
                id=key,
                at=START + 400.0 + 50 * number,
                name=f"{THIS_RUN}-{key}",
                diagnosis=replace(like.diagnosis, predecessor=key - 1),
            )
        )
    return found


def opened(*, this_run: int = 0, journal: JournalState | None = None) -> list[Event]:
    """A console that opens on an earlier run, with so many turns of its own."""
    events: list[Event] = [Recalled(tuple(earlier())), facts()[0], RulesChanged(RuleSet.of(FEW_RULES, {}))]
    events.append(JournalChanged(journal or JournalState(JOURNAL)))
    if this_run:
        events.append(LogRead((LogLine("srv  update_slots: all slots are idle", "server"),)))
        events += [RecordChanged(record) for record in later(this_run)]
        events += [
            LedgerChanged(ledger()),
            BoardChanged(board()),
            TotalsChanged(Totals(this_run, 60_000, 900)),
        ]
    events.append(TodayChanged(Today(this_run, 148_392, 251_000.0)))
    return events
