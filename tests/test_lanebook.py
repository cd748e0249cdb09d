"""How conversations stand, told by their records in whatever order these change."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.exchange import Exchange, Record
from proxy_core.lanebook import MOST_LANES, LaneBook, Standing
from proxy_core.llama.answer import Answer
from proxy_core.llama.turns import Turn
from proxy_core.verdict import Diagnosis, Verdict

CHAT = Exchange("POST", "/v1/chat/completions", api="chat", label="chat", prompts=True, lane="a")


def record(key: int, cached: int | None = None, tokens: int = 100, *, judged: bool = False) -> Record:
    answer = Answer()
    if cached is not None:
        answer = Answer(prompt_tokens=tokens, cached_n=cached, prompt_n=tokens - cached)
    diagnosis = Diagnosis(Verdict("healthy", str(key))) if judged else None
    return Record(key, 0.0, replace(CHAT, status="done", answer=answer), diagnosis=diagnosis)


def standing(*records: Record) -> Standing:
    book = LaneBook()
    for one in records:
        book.take(one)
    return book.get("a")


def test_a_lane_without_records_tells_nothing() -> None:
    assert standing() == Standing()
    assert standing().reused is None


def test_the_first_request_reused_nothing_of_its_own() -> None:
    assert standing(record(1, 90)).reused is None
    assert standing(record(1, 90), record(2, 40)).reused == pytest.approx(0.4)


def test_a_latest_request_without_figures_leaves_those_of_the_one_before() -> None:
    found = standing(record(1, 0, judged=True), record(2, 50, 200, judged=True), record(3))
    assert (found.latest, found.tokens) == (3, 200)
    assert found.verdict == Verdict("healthy", "2")


def test_its_latest_turn_in_the_log_is_known() -> None:
    logged = replace(record(2, 50), turn=Turn(slot=1, task=7))
    assert standing(record(1, 0), logged, record(3, 50)).turned == 2


def test_requests_of_no_lane_and_without_a_prompt_do_not_count() -> None:
    book = LaneBook()
    for exchange in (None, replace(CHAT, lane=None), replace(CHAT, prompts=False)):
        book.take(Record(1, 0.0, exchange, Turn(slot=0, task=1)))
    assert book.get("a") == Standing()


def test_lanes_are_bounded() -> None:
    book = LaneBook()
    for key in range(MOST_LANES + 1):
        book.take(replace(record(key + 1, 0), exchange=replace(CHAT, lane=f"lane {key}")))
    assert book.get("lane 0") == Standing()
    assert book.get("lane 1").latest == 2


@given(
    st.lists(st.tuples(st.integers(2, 8), st.integers(0, 100)), max_size=20),
    st.randoms(use_true_random=False),
)
def test_each_request_counts_once_with_its_last_figures(
    changes: list[tuple[int, int]], chance: random.Random
) -> None:
    last = dict(changes)
    order = sorted(last)
    chance.shuffle(order)
    found = standing(record(1, 0), *(record(*change) for change in changes))
    plain = standing(record(1, 0), *(record(key, last[key]) for key in order))
    assert (found.cached, found.evaluated) == (plain.cached, plain.evaluated)
    assert found.cached == sum(last.values())
