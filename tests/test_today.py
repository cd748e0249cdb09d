from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy_core import paths
from proxy_core.errors import KvconsoleError
from proxy_core.events import Event, Notice, Today, TodayChanged, Totals
from proxy_core.state import State, load_state, save_state, update_state
from proxy_core.today import Tally


def saved() -> tuple[int, int, float]:
    state, _ = load_state(paths.state_file())
    return state.requests, state.reused_tokens, state.prompt_ms


async def test_only_what_is_new_is_added() -> None:
    events: list[Event] = []
    tally = Tally(events.append)
    await tally.keep(Totals(requests=2, reused=10, prompt_ms=1.5))
    await tally.keep(Totals(requests=2, reused=10, prompt_ms=1.5))
    await tally.keep(Totals(requests=3, reused=15, prompt_ms=2.0))
    assert saved() == (3, 15, 2.0)
    assert events == [TodayChanged(Today(2, 10, 1.5)), TodayChanged(Today(3, 15, 2.0))]
    tally.keep_now(Totals(requests=4, reused=15, prompt_ms=2.0))
    tally.keep_now(Totals(requests=3, reused=15, prompt_ms=2.0))
    assert saved()[0] >= 3


async def test_others_sums_of_the_day_are_kept_and_yesterdays_are_not() -> None:
    save_state(paths.state_file(), State(day="2001-01-01", requests=99, reused_tokens=99))
    first, second = Tally(lambda _: None), Tally(lambda _: None)
    await first.keep(Totals(requests=1))
    await second.keep(Totals(requests=2))
    assert saved() == (3, 0, 0.0)


async def test_a_sum_that_is_put_right_never_falls_below_zero() -> None:
    tally = Tally(lambda _: None)
    await tally.keep(Totals(requests=1, reused=10, prompt_ms=5.0))
    save_state(paths.state_file(), State())
    await tally.keep(Totals(requests=1, reused=4, prompt_ms=1.0))
    assert saved()[1:] == (0, 0.0)


async def test_a_save_that_is_cancelled_on_its_way_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go, done = threading.Event(), threading.Event(), threading.Event()

    def slow(path: Path, change: Callable[[State], State]) -> State:
        begun.set()
        go.wait(30)
        try:
            return update_state(path, change)
        finally:
            done.set()

    monkeypatch.setattr("proxy_core.today.update_state", slow)
    tally = Tally(lambda _: None)
    keeping = asyncio.get_running_loop().create_task(tally.keep(Totals(requests=5)))
    await asyncio.to_thread(begun.wait, 30)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    go.set()
    await asyncio.to_thread(done.wait, 30)
    tally.keep_now(Totals(requests=5))
    assert saved()[0] == 5


async def test_a_state_that_cannot_be_written_is_told_once_and_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(path: Path, change: Callable[[State], State]) -> State:
        raise KvconsoleError("the disk is full", title="State")

    events: list[Event] = []
    tally = Tally(events.append)
    monkeypatch.setattr("proxy_core.today.update_state", fail)
    await tally.keep(Totals(requests=1))
    await tally.keep(Totals(requests=2))
    tally.keep_now(Totals(requests=2))
    assert events == [Notice("warning", "State", "the disk is full")]
    monkeypatch.setattr("proxy_core.today.update_state", update_state)
    await tally.keep(Totals(requests=3))
    assert saved()[0] == 3
