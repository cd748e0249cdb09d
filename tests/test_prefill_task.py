from __future__ import annotations

import pytest

from proxy_core.llama import events as ev
from proxy_core.llama.slots import SlotState
from proxy_core.prefill_task import PromptTask

AT = (None, 0, 7, None)


def task(*events: tuple[float, ev.LogEvent | SlotState]) -> PromptTask:
    made = PromptTask((None, 0, 7), 0.0)
    for at, event in events:
        if isinstance(event, SlotState):
            made.state(event, at)
        else:
            made.line(event, at)
    return made


def share(evaluated: int, of_prompt: float, seconds: float) -> ev.PromptProgress:
    return ev.PromptProgress(*AT, evaluated, of_prompt, seconds)


def test_nothing_is_said_of_a_task_that_told_nothing() -> None:
    assert task().progress(1000, 1.0) is None
    assert task((0.0, ev.PromptFacts(*AT, 8192, 1000))).progress(None, 1.0) is None


def test_lines_of_earlier_builds_count_a_batch_too_many() -> None:
    made = task(
        (0.0, ev.PromptFacts(*AT, 8192, 1000)),
        (0.0, ev.CachedPrefix(*AT, 100)),
        (0.0, ev.PromptProgress(*AT, 600, 0.6)),
    )
    progress = made.progress(None, 0.0)
    assert progress is not None
    assert (progress.done, progress.share) == (100, 0.0)


def test_the_log_s_word_on_the_size_outweighs_an_estimate() -> None:
    made = task((0.0, SlotState(0, True, 7, 8192, 500, 400, 100, 0)), (1.0, share(400, 0.50, 4.0)))
    progress = made.progress(5000, 1.0)
    assert progress is not None
    assert progress.share == pytest.approx(400 / 900)


def test_two_shares_that_are_too_close_give_no_size() -> None:
    assert task((0.0, share(100, 0.50, 3.0)), (1.0, share(120, 0.52, 4.0))).progress(None, 1.0) is None


def test_time_goes_on_between_two_answers() -> None:
    made = task(
        (0.0, SlotState(0, True, 7, 8192, 2, 1, 1, 0)),
        (1.0, SlotState(0, True, 7, 8192, 102, 101, 1, 0)),
    )
    left = [progress.seconds_left for at in (1.0, 3.0, 60.0) if (progress := made.progress(602, at))]
    assert left == [5.0, 3.0, 0.0]


def attended(tokens: int, size: int) -> PromptTask:
    """`tokens` of a prompt in batches of 500, each token the slower the more stand before it."""
    steps = [(1e-6 * at**2, ev.CachedPrefix(*AT, at)) for at in range(0, tokens + 1, 500)]
    return task((0.0, ev.PromptFacts(*AT, 65536, size)), *steps)


@pytest.mark.parametrize("share", [0.2, 0.3, 0.5, 0.9])
def test_late_tokens_are_expected_to_take_longer(share: float) -> None:
    size = 20_000
    done = round(size * share)
    at = 1e-6 * done**2
    progress = attended(done, size).progress(None, at)
    assert progress is not None
    assert progress.seconds_left == pytest.approx(1e-6 * size**2 - at, rel=0.1)


def test_a_pause_among_the_batches_does_not_run_away() -> None:
    paused = [(0.1 * n + (10.0 if n > 8 else 0.0), ev.CachedPrefix(*AT, 500 * n)) for n in range(12)]
    progress = task((0.0, ev.PromptFacts(*AT, 65536, 50_000)), *paused).progress(None, 11.1)
    assert progress is not None
    assert progress.seconds_left is not None
    assert progress.seconds_left < 44_500 / (3500 / 10.7) * 7


def test_an_answer_that_comes_late_takes_nothing_back() -> None:
    made = task(
        (0.0, SlotState(0, True, 7, 8192, 500, 400, 100, 0)),
        (1.0, SlotState(0, True, 7, 8192, 500, 300, 100, 0)),
    )
    assert made.done == 500
