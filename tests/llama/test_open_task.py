from __future__ import annotations

import pytest

from proxy_core.llama import events as ev
from proxy_core.llama.held import Taken
from proxy_core.llama.open_task import OpenTask

AT = (None, 0, 7, None)
RELEASE = ev.Released(*AT, 1249, False)
TIMED = (ev.PromptTiming(*AT, 400.0, 200), ev.EvalTiming(*AT, 1000.0, 50))


def task(*events: ev.LogEvent, taken: Taken | None = None) -> OpenTask:
    open_task = OpenTask(7, taken or Taken())
    for event in events:
        open_task.note(event)
    return open_task


@pytest.mark.parametrize(("task_id", "meant"), [(7, True), (None, True), (8, False), (-1, False)])
def test_which_lines_are_meant(task_id: int | None, meant: bool) -> None:
    assert task().is_meant(ev.CachedPrefix(None, 0, task_id, None, 5)) is meant


def test_only_the_first_prefix_was_reused() -> None:
    turn = task(ev.CachedPrefix(*AT, 1000), ev.CachedPrefix(*AT, 1100)).finished(3, RELEASE)
    assert (turn.cached_n, turn.cached_source, turn.epoch) == (1000, "logged", 3)


def test_the_balance_of_the_slot() -> None:
    turn = task(*TIMED).finished(0, RELEASE)
    assert (turn.cached_n, turn.cached_source) == (1000, "derived")
    assert task(*TIMED, ev.ContextShift(*AT, 4, 100)).finished(0, RELEASE).cached_n is None
    assert task(TIMED[0]).finished(0, RELEASE).cached_n is None


@pytest.mark.parametrize(
    ("held_n", "found"), [(None, False), (0, True), (983, True), (984, False), (1000, False)]
)
def test_more_than_the_slot_held(held_n: int | None, found: bool) -> None:
    # A derived figure may be a draft's tokens too high.
    assert task(*TIMED, taken=Taken(held_n=held_n)).finished(0, RELEASE).found_in_ram is found
