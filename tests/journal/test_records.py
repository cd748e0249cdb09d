"""Records as entries, and back."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from proxy_core.exchange import Exchange, Record, Status
from proxy_core.journal.entry import Facts
from proxy_core.journal.records import entry_of, record_of
from proxy_core.llama.answer import Answer
from proxy_core.llama.generated import Generated, GeneratedCall
from proxy_core.llama.said import Call, Said, said_of
from proxy_core.llama.turns import Turn
from proxy_core.rules import Edit
from proxy_core.verdict import Advice, Diagnosis, Verdict
from tests.journal.kit import whole

TURN = Turn(slot=1, task=2, prompt_n=3, prompt_ms=4.0, cached_n=5, total_ms=6.0)
EXCHANGE = Exchange(
    method="POST",
    path="/v1/responses?key=…",
    api="responses",
    label="responses",
    prompts=True,
    client="openclaw",
    model="m",
    messages=7,
    stream=True,
    status="done",
    http_status=200,
    lane="l",
    rules=("a", "b"),
    edits=(Edit("a", None, "old", "new"),),
    matched=frozenset({"b", "a"}),
    note="a note",
    answer=Answer(prompt_tokens=8, gen_n=1),
    reasoned=True,
    total_ms=9.0,
    ruleset="v1",
)
RECORD = Record(
    17,
    1000.0,
    EXCHANGE,
    TURN,
    flipped="rules on",
    diagnosis=Diagnosis(
        Verdict("healthy", evidence=("so",), advice=(Advice("rule", "a", "b"),)), predecessor=16
    ),
)


def test_a_record_comes_back_whole() -> None:
    # Nothing of an exchange is left at what it would be without the journal.
    blank = Exchange("", "", None, "", False)
    assert all(
        getattr(EXCHANGE, f.name) != getattr(blank, f.name) for f in fields(Exchange) if f.name != "status"
    )
    kept = entry_of(RECORD, "run", bodies=whole(b"x"), said=Said("hi"), before="run-16", build="b1")
    assert kept is not None
    assert record_of(kept) == RECORD
    assert record_of(kept, 99) == replace(RECORD, id=99)
    assert (kept.run, kept.record, kept.before, kept.build) == ("run", 17, "run-16", "b1")
    assert (kept.said, kept.bodies) == (Said("hi"), whole(b"x"))
    unset = [name for name in Facts.__struct_fields__ if getattr(kept, name) in (None, (), False)]
    assert unset == []


@pytest.mark.parametrize(
    ("turn", "status"),
    [
        (TURN, "done"),
        (Turn(slot=0, task=1, cancelled=True), "cancelled"),
        (Turn(slot=0, task=1, cancelled=True, error="no room"), "error"),
    ],
)
def test_a_direct_turn_has_no_exchange_afterwards_either(turn: Turn, status: str) -> None:
    record = Record(3, 5.0, None, turn)
    kept = entry_of(record, "run")
    assert kept is not None
    assert (kept.status, kept.method, kept.total_ms) == (status, None, turn.total_ms)
    assert record_of(kept) == record


def test_a_turn_of_unknown_time_is_not_kept() -> None:
    assert entry_of(Record(3, None, None, TURN), "run") is None


@pytest.mark.parametrize("status", ["waiting", "streaming"])
def test_what_was_under_way_when_a_run_ended_is_over(status: Status) -> None:
    kept = entry_of(replace(RECORD, exchange=replace(EXCHANGE, status=status)), "run")
    assert kept is not None
    assert not record_of(kept).open


def test_what_the_model_said_is_kept_in_its_order() -> None:
    generated = Generated(
        "text", "thought", {2: GeneratedCall("c2", "n2", "{}"), 0: GeneratedCall("c0", "n0")}, True
    )
    assert said_of(generated) == Said("text", "thought", (Call("n0", "", "c0"), Call("n2", "{}", "c2")), True)
    assert said_of(Generated()) is None
