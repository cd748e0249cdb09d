"""Turns of earlier runs, as this one recalls them."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from proxy_core import paths
from proxy_core.exchange import Exchange, Record
from proxy_core.journal import JournalFile, entry_of
from proxy_core.journal.prepared import prepare
from proxy_core.llama.turns import Turn
from proxy_core.recalled import recalled
from proxy_core.settings import load_settings
from proxy_core.verdict import Cause, Diagnosis, Verdict

EXCHANGE = Exchange("POST", "/v1/chat/completions", "chat", "chat", True, status="done", lane="lane")
SETTINGS = load_settings({"history": 10}, environ={}).settings
NOW = time.time() - 3600


def keep(*turns: tuple[str, Record, str | None]) -> None:
    """Write turns: the run, the record as it was there, and the name of the turn before it."""
    file = JournalFile(paths.journal_file())
    entries = [entry_of(record, run, before=before) for run, record, before in turns]
    file.write([prepare(entry) for entry in entries if entry is not None])
    file.close()


def turn(number: int, at: float, diagnosis: Diagnosis | None = None) -> Record:
    return Record(number, NOW + at, EXCHANGE, diagnosis=diagnosis)


def slot_taken(predecessor: int, detail: str, *evidence: str, cause: Cause = "slot taken") -> Diagnosis:
    return Diagnosis(Verdict(cause, detail, evidence), predecessor=predecessor)


def test_numbers_of_an_earlier_run_become_those_of_this_one() -> None:
    told = slot_taken(
        7,
        "by request 8, at the same time",
        "Request 7, the one before, was first. Request 3 came earlier.",
        'In system, "request 8": it reads otherwise. “Look at request 8”',
    )
    keep(
        ("aaaaaaaa", turn(7, 1.0), None),
        ("aaaaaaaa", turn(8, 2.0), None),
        ("aaaaaaaa", turn(9, 3.0, told), "aaaaaaaa-7"),
    )
    *_, last = recalled(SETTINGS, print)
    assert (last.id, last.name, last.recalled) == (3, "aaaaaaaa-9", True)
    assert last.diagnosis is not None
    assert last.diagnosis.predecessor == 1
    assert last.diagnosis.verdict.detail == "by request 2, at the same time"
    assert last.diagnosis.verdict.evidence == (
        "Request 1, the one before, was first. Request 3 of its run came earlier.",
        'In system, "request 8": it reads otherwise. “Look at request 8”',
    )


def test_a_heading_that_names_a_request_stays_as_it_is() -> None:
    keep(
        ("aaaaaaaa", turn(4, 1.0), None),
        ("aaaaaaaa", turn(5, 2.0, slot_taken(4, "Request 4", cause="system changed")), "aaaaaaaa-4"),
    )
    *_, last = recalled(SETTINGS, print)
    assert last.diagnosis is not None
    assert last.diagnosis.verdict.detail == "Request 4"


def test_a_turn_may_go_on_from_one_of_another_run() -> None:
    told = slot_taken(437, "", "Request 437, the one before, is of an earlier run.")
    keep(("aaaaaaaa", turn(7, 1.0), None), ("bbbbbbbb", turn(438, 2.0, told), "aaaaaaaa-7"))
    _, last = recalled(SETTINGS, print)
    assert last.diagnosis is not None
    assert last.diagnosis.predecessor == 1
    assert last.diagnosis.verdict.evidence == ("Request 1, the one before, is of an earlier run.",)


def test_a_turn_whose_predecessor_is_gone_says_so() -> None:
    keep(("bbbbbbbb", turn(2, 2.0, slot_taken(1, "by request 1")), "bbbbbbbb-1"))
    [last] = recalled(SETTINGS, print)
    assert last.diagnosis is not None
    assert last.diagnosis.predecessor is None
    assert last.diagnosis.why_none == "The request before it is no longer kept"
    assert last.diagnosis.verdict.detail == "by request 1 of its run"


def test_a_turn_that_two_runs_saw_in_one_log_is_recalled_once() -> None:
    def seen(task: int, prompt_ms: float | None = 4.5) -> Turn:
        return Turn(slot=0, task=task, prompt_n=3, prompt_ms=prompt_ms)

    keep(
        ("bbbbbbbb", Record(1, NOW, None, seen(1)), None),
        ("aaaaaaaa", replace(turn(1, 1.0), turn=seen(1)), None),
        ("aaaaaaaa", Record(2, NOW + 2, None, seen(2)), None),
        ("bbbbbbbb", Record(2, NOW + 3, None, seen(2)), None),
        ("aaaaaaaa", Record(3, NOW + 4, None, seen(3, None)), None),
        ("bbbbbbbb", Record(3, NOW + 5, None, seen(3, None)), None),
    )
    found = recalled(SETTINGS, print)
    assert [record.name for record in found] == ["aaaaaaaa-1", "aaaaaaaa-2", "aaaaaaaa-3", "bbbbbbbb-3"]
    assert [record.id for record in found] == [1, 2, 3, 4]


@pytest.mark.parametrize(("kept", "expected"), [(3, 3), (10, 10), (14, 10)])
def test_as_many_are_recalled_as_the_history_holds(kept: int, expected: int) -> None:
    keep(*(("aaaaaaaa", turn(number, float(number)), None) for number in range(1, kept + 1)))
    found = recalled(SETTINGS, print)
    assert [record.id for record in found] == list(range(1, expected + 1))
    assert [record.at for record in found] == [NOW + n for n in range(kept - expected + 1, kept + 1)]


def test_what_is_older_than_the_journal_may_hold_is_not_recalled() -> None:
    day = 86400.0
    keep(*(("aaaaaaaa", turn(number, -number * day), None) for number in (9, 6, 3)))
    assert [record.name for record in recalled(SETTINGS, print)] == ["aaaaaaaa-6", "aaaaaaaa-3"]
    longer = load_settings({"journal_days": 30.0}, environ={}).settings
    assert len(recalled(longer, print)) == 3


def test_without_a_journal_nothing_is_recalled() -> None:
    keep(("aaaaaaaa", turn(1, 1.0), None))
    assert recalled(load_settings({"journal": False}, environ={}).settings, print) == ()
    assert recalled(SETTINGS, print) == (replace(turn(1, 1.0), name="aaaaaaaa-1", recalled=True),)
