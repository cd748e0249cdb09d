"""How fast the server evaluates prompts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.exchange import Exchange, Record
from proxy_core.llama.answer import Answer
from proxy_core.llama.turns import Turn
from proxy_core.speed import Speed

CHAT = Exchange("POST", "/v1/chat/completions", api="chat", label="chat", prompts=True)


def measured(key: int, tokens: int, ms: float, model: str | None = None) -> Record:
    answer = Answer(prompt_n=tokens, prompt_ms=ms)
    return Record(key, 0.0, replace(CHAT, model=model, status="done", answer=answer))


def speed(*records: Record) -> Speed:
    found = Speed()
    for record in records:
        found.take(record)
    return found


def test_nothing_is_known_before_a_turn_was_measured() -> None:
    assert speed().ms(1000) is None
    assert speed(Record(1, 0.0, CHAT)).per_token() is None


def test_short_prompts_tell_nothing() -> None:
    assert speed(measured(1, 63, 500.0)).per_token() is None
    assert speed(measured(1, 64, 128.0)).per_token() == 2.0


def test_a_turn_that_only_the_log_knows_counts_as_well() -> None:
    assert speed(Record(1, None, None, Turn(slot=0, task=1, prompt_n=100, prompt_ms=300.0))).ms(10) == 30.0


def test_a_long_prompt_outweighs_short_ones() -> None:
    found = speed(measured(1, 100, 900.0), measured(2, 100, 800.0), measured(3, 5000, 5000.0))
    assert found.per_token() == 1.0


def test_one_slow_turn_of_many_does_not_count() -> None:
    usual = [measured(key, 200, 400.0) for key in range(1, 10)]
    assert speed(*usual, measured(10, 200, 90_000.0)).per_token() == 2.0


def test_what_was_long_ago_is_forgotten_and_does_not_come_back() -> None:
    old = measured(1, 10_000, 90_000.0)
    found = speed(old, *(measured(key, 100, 100.0) for key in range(2, 60)))
    assert found.per_token() == 1.0
    found.take(old)
    assert found.per_token() == 1.0


def test_a_record_that_is_taken_again_replaces_itself() -> None:
    assert speed(measured(1, 100, 100.0), measured(1, 100, 300.0)).per_token() == 3.0


def test_models_have_speeds_of_their_own() -> None:
    found = speed(measured(1, 100, 100.0, "small"), measured(2, 100, 900.0, "large"))
    assert (found.ms(10, "small"), found.ms(10, "large")) == (10.0, 90.0)
    assert speed(measured(1, 100, 100.0, "small")).ms(10, "unmeasured") == 10.0


@given(st.lists(st.tuples(st.integers(64, 100_000), st.floats(0.001, 1e7)), min_size=1, max_size=120))
def test_the_speed_is_one_that_was_measured(turns: list[tuple[int, float]]) -> None:
    found = speed(*(measured(key, tokens, ms) for key, (tokens, ms) in enumerate(turns, 1)))
    assert found.per_token() in [pytest.approx(ms / tokens) for tokens, ms in turns[-50:]]
