from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from proxy_core.events import Event, RecordChanged, TotalsChanged
from proxy_core.exchange import Bodies, Exchange
from proxy_core.history import History
from proxy_core.llama.answer import Answer
from proxy_core.llama.turns import Turn
from proxy_core.rules import Edit

NOTHING = Bodies(b"", b"")
CHAT = Exchange("POST", "/v1/chat/completions", api="chat", label="chat", prompts=True)
HEALTH = Exchange("GET", "/health", api=None, label="get", prompts=False)
MEASURED = Answer(prompt_tokens=100, prompt_n=10, cached_n=90, prompt_ms=5.0, gen_n=1)
LOGGED = Turn(slot=0, task=1, sim_best=0.9, prompt_n=10, prompt_ms=5.0, cached_n=90, gen_n=1)


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def history(events: list[Event]) -> History:
    return History(events.append, records=10, body_bytes=100)


def end(history: History, key: int, answer: Answer = MEASURED) -> None:
    history.change(key, replace(CHAT, status="done", answer=answer))


def test_an_exchange_is_told_at_its_beginning_and_at_each_change(
    history: History, events: list[Event]
) -> None:
    key = history.begin(CHAT, NOTHING)
    end(history, key)
    told = [event.record for event in events if isinstance(event, RecordChanged)]
    assert [(record.id, record.open) for record in told] == [(key, True), (key, False)]
    assert told[0].at == told[1].at


def test_sums_count_each_turn_once_however_it_is_joined(history: History) -> None:
    first, second = history.begin(CHAT, NOTHING), history.begin(CHAT, NOTHING)
    end(history, first)
    history.turn(LOGGED, live=True)
    history.turn(LOGGED, live=True)
    end(history, second)
    assert [record.turn for record in history.recent(5)] == [LOGGED, LOGGED]
    totals = history.totals
    assert (totals.requests, totals.reused, totals.evaluated, totals.prompt_ms) == (2, 180, 20, 10.0)


def test_a_log_that_is_followed_twice_tells_each_turn_once(history: History) -> None:
    key = history.begin(CHAT, NOTHING)
    end(history, key)
    timed = msgspec.structs.replace(LOGGED, total_ms=9.25, stamp=1.5)
    history.turn(timed, live=True)
    # The copy may have been written without its stamps.
    history.turn(msgspec.structs.replace(timed, stamp=None), live=True)
    left = msgspec.structs.replace(LOGGED, task=2, prompt_ms=None, stamp=2.5, cancelled=True)
    for _ in range(2):
        history.turn(left, live=False)
    assert [record.turn for record in history.recent(5)] == [timed, left]
    assert not history._joiner._turns
    history.turn(msgspec.structs.replace(timed, total_ms=9.5), live=False)
    assert len(history.recent(5)) == 3, "after a restart, tasks are numbered from the beginning"


def test_what_only_the_log_knows_is_added_when_it_comes(history: History) -> None:
    key = history.begin(CHAT, NOTHING)
    end(history, key, Answer(prompt_tokens=100, gen_n=1))
    assert (history.totals.reused, history.totals.prompt_ms) == (0, 0.0)
    history.turn(LOGGED, live=True)
    assert (history.totals.reused, history.totals.evaluated, history.totals.prompt_ms) == (90, 10, 5.0)


def test_turns_that_were_in_the_log_before_are_shown_and_not_counted(history: History) -> None:
    history.turn(LOGGED, live=False)
    [record] = history.recent(5)
    assert (record.at, record.exchange, record.turn) == (None, None, LOGGED)
    assert history.totals.reused == 0


def test_hits_are_counted_by_rule(history: History) -> None:
    edits = (Edit("a.one", 0, "x", ""), Edit("a.one", 1, "y", ""), Edit("b.two", 0, "z", ""))
    history.begin(replace(CHAT, edits=edits), NOTHING)
    assert dict(history.totals.hits) == {"a.one": 2, "b.two": 1}


def test_equal_sums_are_not_told_again(history: History, events: list[Event]) -> None:
    key = history.begin(CHAT, NOTHING)
    end(history, key, Answer())
    assert sum(isinstance(event, TotalsChanged) for event in events) == 1


def test_the_oldest_turns_are_forgotten(history: History) -> None:
    keys = [history.begin(CHAT, NOTHING) for _ in range(12)]
    assert [record.id for record in history.recent(100)] == keys[2:]
    end(history, keys[0])
    assert [record.id for record in history.recent(100)] == keys[2:]


def test_a_client_that_polls_pushes_out_no_turn_under_way(history: History) -> None:
    key = history.begin(CHAT, NOTHING)
    for _ in range(50):
        history.begin(HEALTH, NOTHING)
    end(history, key)
    assert len(history.recent(100)) == 11
    assert next(record for record in history.recent(100) if record.id == key).reused == 0.9


def test_bodies_are_kept_within_their_limit(history: History) -> None:
    small = Bodies(b"x" * 30, b"y" * 20)
    keys = [history.begin(CHAT, small) for _ in range(3)]
    assert [history.bodies(key) for key in keys] == [None, small, small]
    untouched = b"z" * 90
    last = history.begin(CHAT, Bodies(untouched, untouched))
    assert history.bodies(last) == (untouched, untouched)
    assert history.bodies(keys[2]) is None
    # The newest is kept whatever its size.
    huge = history.begin(CHAT, Bodies(b"a" * 500, b"b"))
    assert history.bodies(huge) is not None
    assert history.bodies(last) is None


def test_bodies_of_other_requests_are_not_kept(history: History) -> None:
    assert history.bodies(history.begin(HEALTH, Bodies(b"x", b"x"))) is None


def test_a_switched_rule_marks_the_next_prompt(history: History) -> None:
    history.flipped("openclaw.timestamp", False)
    history.begin(HEALTH, NOTHING)
    history.begin(CHAT, NOTHING)
    history.begin(CHAT, NOTHING)
    assert [record.flipped for record in history.recent(5)] == [None, "timestamp off", None]
