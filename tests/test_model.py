"""Events in, plain values out."""

from __future__ import annotations

from dataclasses import replace

from console.model import Model
from proxy_core.events import (
    JournalChanged,
    JournalState,
    LogRead,
    Notice,
    Recalled,
    RecordChanged,
    RulesChanged,
    Today,
    TodayChanged,
    Totals,
    TotalsChanged,
)
from proxy_core.exchange import Exchange, Record, Status
from proxy_core.llama.feed import LogLine
from proxy_core.rules import RuleSet
from tests.screens.few_rules import FEW_RULES


def record(number: int, *, prompts: bool = True, status: Status = "done") -> Record:
    exchange = Exchange("POST", "/x", "chat", "chat", prompts, status=status)
    return Record(number, 1.0, exchange)


def test_a_batch_is_drawn_once() -> None:
    model = Model("http://127.0.0.1:8080", records=10)
    changes = model.apply(
        [RecordChanged(record(1, status="waiting")), RecordChanged(record(1)), RecordChanged(record(2))]
    )
    assert list(changes.records) == [1, 2]
    assert changes.records[1].exchange is not None
    assert changes.records[1].exchange.status == "done"
    assert model.turns() == list(changes.records.values())


def test_only_prompts_are_turns() -> None:
    model = Model("http://127.0.0.1:8080", records=10)
    assert not model.apply([RecordChanged(record(1, prompts=False))]).records
    assert model.turns() == []


def test_the_oldest_turns_go_and_are_named() -> None:
    model = Model("http://127.0.0.1:8080", records=3)
    first = model.apply([RecordChanged(record(n)) for n in range(1, 4)])
    assert first.dropped == []
    later = model.apply([RecordChanged(record(n)) for n in range(4, 9)])
    assert later.dropped == [1, 2, 3, 4, 5]
    assert list(later.records) == [r.id for r in model.turns()] == [6, 7, 8]


def test_an_old_turn_that_changes_late_stays_gone() -> None:
    model = Model("http://127.0.0.1:8080", records=3)
    model.apply([RecordChanged(record(n)) for n in range(1, 7)])
    changes = model.apply([RecordChanged(record(1))])
    assert [r.id for r in model.turns()] == [4, 5, 6]
    assert not changes.records


def test_facts_rules_lines_and_notices() -> None:
    model = Model("http://127.0.0.1:8080", records=3)
    changes = model.apply(
        [
            TodayChanged(Today(1, 2, 3.0)),
            LogRead((LogLine("a", None), LogLine("b", "warn"))),
            Notice("error", "Rules", "broken"),
        ]
    )
    assert changes.facts
    assert not changes.rules
    assert [line.text for line in changes.lines] == ["a", "b"]
    assert [notice.title for notice in changes.notices] == ["Rules"]
    assert model.log_seen
    assert model.today == Today(1, 2, 3.0)
    assert model.apply([RulesChanged(RuleSet(), bypass=True)]).rules
    assert model.bypass
    stale = frozenset({"a"})
    assert model.apply([RulesChanged(RuleSet(), flips="new-lanes", stale=stale)]).rules
    assert (model.bypass, model.flips, model.stale) == (False, "new-lanes", stale)
    assert model.apply([TotalsChanged(Totals(requests=1, hits=(("a", 1),)))]).rules, (
        "hits stand in the rules pane"
    )
    assert not model.apply([TotalsChanged(Totals(requests=2, hits=(("a", 1),)))]).rules


def test_who_has_sent_something_in_the_order_of_coming() -> None:
    model = Model("http://127.0.0.1:8080", records=2)

    def comes(number: int, client: str | None, *, prompts: bool = True) -> bool:
        exchange = Exchange("POST", "/x", "chat", "chat", prompts, client=client)
        return model.apply([RecordChanged(Record(number, 1.0, exchange))]).rules

    assert comes(1, "zed"), "its rules show from now on"
    assert not comes(2, "zed")
    assert not comes(3, None)
    assert comes(4, "codex", prompts=False), "a request to count tokens goes through the rules as well"
    assert not model.apply([RecordChanged(Record(5, None, None))]).rules
    assert not comes(6, "zed")
    assert list(model.clients) == ["zed", "codex"]


def test_clients_without_rules_are_not_remembered_without_end() -> None:
    model = Model("http://127.0.0.1:8080", records=2)
    model.apply([RulesChanged(RuleSet(FEW_RULES))])
    names = [*(f"client-{number}" for number in range(200)), "zed"]
    for number, name in enumerate(names):
        exchange = Exchange("POST", "/x", "chat", "chat", True, client=name)
        model.apply([RecordChanged(Record(number, 1.0, exchange))])
    assert len(model.clients) < 100
    assert "zed" in model.clients


def test_turns_of_earlier_runs_come_first_and_count_as_turns() -> None:
    model = Model("http://127.0.0.1:8080", records=3)
    earlier = tuple(replace(record(number), recalled=True) for number in range(1, 4))
    changes = model.apply(
        [Recalled(earlier), RecordChanged(record(4, prompts=False)), RecordChanged(record(5))]
    )
    assert [r.id for r in model.turns()] == list(changes.records) == [2, 3, 5]
    assert [r.recalled for r in model.turns()] == [True, True, False]
    assert changes.dropped == [1]
    assert model.totals == Totals()


def test_how_the_journal_fares_is_drawn_in_the_status_line_and_beside_the_slots() -> None:
    model = Model("http://127.0.0.1:8080", records=3)
    changes = model.apply([JournalChanged(JournalState("journal.sqlite", 3))])
    assert (changes.facts, changes.lanes, model.journal.dropped) == (True, True, 3)
