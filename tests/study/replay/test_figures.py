"""Medians over rounds and over turns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from proxy_core.study.replay.conversations import Arm
from proxy_core.study.replay.figures import Row, rows, sums
from proxy_core.study.replay.played import Played


def one(turn: int, arm: Arm, number: int = 1, *, lane: str = "c1", **figures: Any) -> Played:
    """A prompt of 1,000 tokens."""
    blank = Played(lane, turn, turn, f"a:{turn}", "chat", arm, number, 200, tokens=1000)
    return replace(blank, **{"reused": 900, "evaluated": 100, **figures})


def _only(played: list[Played]) -> list[Row]:
    (found,) = rows(played).values()
    return found


def test_a_turn_is_the_median_of_its_rounds_and_tells_their_spread() -> None:
    times = [30.0, 10.0, 11.0]
    raw = [one(2, "raw", n, prompt_ms=ms, reused=n * 100, shared=500) for n, ms in enumerate(times, 1)]
    (row,) = _only([*raw, one(2, "normalized", prompt_ms=5.5)])
    assert (row.raw.ms, row.raw.ms_min, row.raw.ms_max) == (11.0, 10.0, 30.0)
    assert (row.raw.reused, row.raw.sim, row.raw.clock) == (200, 0.5, "prompt")
    assert row.ratio == 2.0


def test_medians_leave_out_first_turns_and_what_one_arm_did_not_answer() -> None:
    played = [
        *(one(1, arm, prompt_ms=5000.0) for arm in ("raw", "normalized")),
        *(one(2, "raw", prompt_ms=40.0), one(2, "normalized", prompt_ms=4.0)),
        *(one(3, "raw", prompt_ms=60.0), one(3, "normalized", prompt_ms=6.0)),
        one(4, "raw", prompt_ms=9000.0),
        one(4, "normalized", tokens=None, reused=None, problem="400: no"),
    ]
    found = _only(played)
    told = sums(found)
    assert (told.turns, told.raw.ms, told.normalized.ms, told.ratio) == (2, 50.0, 5.0, 10.0)
    assert (told.raw_ms, told.normalized_ms) == (100.0, 10.0)
    assert found[3].problem("normalized") == "400: no"
    assert found[3].problem("raw") is None
    assert found[3].ratio is None


def test_the_time_of_a_whole_answer_is_told_from_prompt_eval() -> None:
    played = [one(2, "raw", answer_ms=50.0), one(2, "normalized", answer_ms=25.0, prompt_ms=5.0)]
    (row,) = _only(played)
    assert (row.raw.clock, row.raw.ms, row.normalized.clock, row.normalized.ms) == (
        "answer",
        50.0,
        "prompt",
        5.0,
    )
    assert row.ratio is None
    both = [one(2, "raw", answer_ms=50.0), one(2, "normalized", answer_ms=25.0)]
    assert _only(both)[0].ratio == 2.0
    # A round without the server's own time makes the whole turn one of whole answers.
    mixed = [one(2, "raw", 1, answer_ms=50.0, prompt_ms=9.0), one(2, "raw", 2, answer_ms=60.0)]
    assert (_only(mixed)[0].raw.clock, _only(mixed)[0].raw.ms) == ("answer", 55.0)


def test_times_of_two_kinds_are_never_added_up() -> None:
    arms: tuple[Arm, Arm] = ("raw", "normalized")
    told = [one(2, arm, prompt_ms=ms, answer_ms=ms + 30) for arm, ms in zip(arms, (60.0, 10.0), strict=True)]
    untold = [one(2, arm, lane="c2", answer_ms=ms) for arm, ms in zip(arms, (110.0, 60.0), strict=True)]
    of = [row for found in rows([*told, *untold]).values() for row in found]
    both = sums(of)
    assert (both.raw.clock, both.raw_ms, both.raw.ms) == ("answer", 200.0, 100.0)
    assert (both.normalized.clock, both.normalized_ms, both.ratio) == ("answer", 100.0, 2.0)
    assert sums(of[:1]).raw_ms == 60.0


def test_what_is_unknown_stays_unknown() -> None:
    played = [one(2, "raw", reused=None), one(2, "normalized", prompt_ms=0.0)]
    (row,) = _only(played)
    assert (row.raw.reused, row.raw.ms, row.raw.ms_min, row.raw.sim, row.ratio) == (None,) * 5
    told = sums([])
    assert (told.turns, told.raw.ms, told.raw_ms, told.ratio) == (0, None, None, None)


def test_rounds_that_failed_do_not_count() -> None:
    failed = one(2, "raw", 2, tokens=None, reused=None, answer_ms=9.0, problem="no answer within 1 s")
    (row,) = _only([one(2, "raw", 1, prompt_ms=7.0), failed])
    assert (row.raw.ms, row.raw.tokens, row.problem("raw")) == (7.0, 1000, "no answer within 1 s")


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_turns_come_in_their_order_by_conversation(order: tuple[int, int]) -> None:
    played = [one(turn, "raw", lane=lane) for lane in ("c2", "c1") for turn in order]
    assert {lane: [row.turn for row in found] for lane, found in rows(played).items()} == {
        "c2": [1, 2],
        "c1": [1, 2],
    }
