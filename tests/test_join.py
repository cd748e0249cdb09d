from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.exchange import UNKNOWN, Exchange, Record, Status
from proxy_core.join import GRACE, Joiner, fits
from proxy_core.llama.answer import Answer
from proxy_core.llama.turns import Turn


def exchange(answer: Answer = UNKNOWN, status: Status = "done") -> Exchange:
    return Exchange("POST", "/x", api="chat", label="chat", prompts=True, status=status, answer=answer)


def record(key: int, answer: Answer = UNKNOWN, status: Status = "done") -> Record:
    return Record(key, 0.0, exchange(answer, status))


def turn(task: int, *, ms: float | None = None, n: int | None = None, gen: int | None = None) -> Turn:
    return Turn(slot=0, task=task, prompt_ms=ms, prompt_n=n, gen_n=gen)


CANCELLED = Turn(slot=0, task=9, cancelled=True)
TIMED = Answer(prompt_ms=12.345, prompt_n=10, gen_n=3)
COUNTED = Answer(prompt_n=10, gen_n=3)
WHOLE = Answer(prompt_tokens=50, gen_n=3)


@pytest.mark.parametrize(
    ("answer", "logged", "expected"),
    [
        (TIMED, turn(1, ms=12.35, n=10), True),
        (TIMED, turn(1, ms=12.34, n=10), True),
        (TIMED, turn(1, ms=12.36, n=10), False),
        (TIMED, turn(1, ms=12.35, n=11), False),
        # Without a time in the log, counts decide.
        (TIMED, turn(1, n=10, gen=3), True),
        (COUNTED, turn(1, ms=12.3, n=10, gen=3), True),
        (COUNTED, turn(1, ms=12.3, n=10, gen=4), False),
        (COUNTED, turn(1, n=9, gen=3), False),
        (Answer(prompt_n=10), turn(1, n=10, gen=7), True),
        (WHOLE, Turn(slot=0, task=1, n_tokens=50, gen_n=3), True),
        (WHOLE, Turn(slot=0, task=1, n_tokens=51, gen_n=3), False),
        (WHOLE, Turn(slot=0, task=1, cached_n=40, prompt_n=10, gen_n=3), True),
        (UNKNOWN, turn(1, ms=1.0, n=10), False),
        (UNKNOWN, CANCELLED, False),
    ],
)
def test_what_fits(answer: Answer, logged: Turn, expected: bool) -> None:
    assert fits(exchange(answer), logged) == expected


def test_only_a_cancelled_exchange_fits_a_cancelled_turn() -> None:
    assert fits(exchange(status="cancelled"), CANCELLED)
    assert not fits(exchange(status="error"), CANCELLED)
    assert not fits(exchange(status="cancelled"), turn(1, ms=1.0, n=1))
    # Anthropic's stream tells the prompt's size at its start, so a cancelled one may know it.
    assert fits(exchange(COUNTED, "cancelled"), CANCELLED)
    assert not fits(None, CANCELLED)


def test_whichever_comes_first_waits_for_the_other() -> None:
    joiner = Joiner()
    assert joiner.turn(turn(1, ms=12.35, n=10), 0.0) is None
    assert joiner.exchange(record(7, TIMED), 1.0) == turn(1, ms=12.35, n=10)
    assert joiner.exchange(record(8, TIMED), 2.0) is None
    assert joiner.turn(turn(2, ms=12.34, n=10), 3.0) == record(8, TIMED)
    # Each is used once.
    assert joiner.turn(turn(3, ms=12.34, n=10), 3.0) is None
    assert [waiting.turn.task for waiting in joiner.expire(3.0 + GRACE + 0.1)] == [3]


def test_of_equal_ones_the_oldest_is_taken() -> None:
    joiner = Joiner()
    joiner.turn(turn(1, n=10, gen=3), 0.0)
    joiner.turn(turn(2, n=10, gen=3), 0.1)
    assert joiner.exchange(record(1, COUNTED), 0.2) == turn(1, n=10, gen=3)
    joiner.exchange(record(2, Answer(prompt_n=20)), 1.0)
    joiner.exchange(record(3, Answer(prompt_n=20)), 1.1)
    assert joiner.turn(turn(3, n=20, gen=3), 1.2) == record(2, Answer(prompt_n=20))


def test_every_figure_that_both_know_must_agree() -> None:
    """One evaluated token is common: of two such answers only the sizes of the prompts differ."""
    short = Turn(slot=0, task=1, prompt_n=1, gen_n=4, cached_n=9, cached_source="logged")
    assert fits(exchange(Answer(prompt_tokens=10, prompt_n=1, cached_n=9, gen_n=4)), short)
    assert not fits(exchange(Answer(prompt_tokens=28, prompt_n=1, cached_n=27, gen_n=4)), short)


def test_a_cancelled_request_that_never_got_a_slot_takes_no_later_turn() -> None:
    joiner = Joiner()
    joiner.exchange(record(1, status="cancelled"), 0.0)
    joiner.exchange(record(2, status="cancelled"), 3.0)
    assert joiner.turn(CANCELLED, 3.1) == record(2, status="cancelled")


def test_a_refused_request_belongs_to_its_refused_turn() -> None:
    refused = Turn(slot=0, task=3, error="request exceeds the available context size")
    assert fits(exchange(Answer(error="request exceeds the available context size"), "error"), refused)
    assert not fits(exchange(Answer(error="another reason"), "error"), refused)
    assert not fits(exchange(status="error"), refused)
    assert not fits(exchange(), refused)


def test_an_exchange_that_changes_is_held_once() -> None:
    joiner = Joiner()
    joiner.exchange(record(1, TIMED, "streaming"), 0.0)
    joiner.exchange(record(1, TIMED), 1.0)
    assert joiner.turn(turn(1, ms=12.35, n=10), 1.0) == record(1, TIMED)
    assert joiner.turn(turn(2, ms=12.35, n=10), 1.0) is None


def test_nobody_waits_for_ever() -> None:
    joiner = Joiner()
    joiner.exchange(record(1, TIMED), 0.0)
    assert joiner.expire(GRACE) == []
    joiner.turn(turn(1, ms=99.0, n=1), 1.0)
    joiner.turn(turn(2, ms=98.0, n=1), GRACE)
    assert [waiting.turn.task for waiting in joiner.expire(GRACE + 1.5)] == [1]
    assert joiner.turn(turn(3, ms=12.35, n=10), GRACE + 1.5) is None


@given(
    counts=st.lists(st.integers(1, 10_000), min_size=1, max_size=12, unique=True),
    order=st.randoms(use_true_random=False),
)
def test_distinct_figures_join_one_to_one_in_any_order(counts: list[int], order: Random) -> None:
    joiner = Joiner()
    steps = [("turn", n) for n in counts] + [("exchange", n) for n in counts]
    order.shuffle(steps)
    pairs: dict[int, int | None] = {}
    for at, (what, n) in enumerate(steps):
        now = at * GRACE / len(steps)
        if what == "turn":
            found = joiner.turn(turn(n, ms=n + 0.5, n=n, gen=1), now)
            if found is not None:
                pairs[found.id] = n
        else:
            answer = Answer(prompt_ms=n + 0.5, prompt_n=n, gen_n=1)
            joined = joiner.exchange(record(n, answer), now)
            if joined is not None:
                pairs[n] = joined.task
    assert pairs == {n: n for n in counts}
    assert joiner.expire(GRACE * 3) == []
