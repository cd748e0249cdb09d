"""Notices about verdicts: one per conversation and cause, and never a stream."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.notable import SECONDS_BETWEEN, Notable
from console.widgets.turn_columns import clock
from proxy_core.exchange import Record
from proxy_core.verdict import CAUSES, SIDE_OF, Cause
from tests.screens.explained import MAIN, OTHER, running, turn

LOSS = 5_000


def lossy(number: int, cause: Cause = "system changed", lane: str = MAIN, lost: int | None = LOSS) -> Record:
    return turn(number, cause, "Inbound Context", reused=5_000, tokens=10_000, lane=lane, lost=lost)


def told(*records: Record, apart: float = SECONDS_BETWEEN) -> list[int]:
    """Ids of the records that raised a notice, looked at so many seconds apart."""
    notable = Notable()
    return [r.id for n, r in enumerate(records) if notable.look(r, n * apart) is not None]


def test_a_notice_says_what_it_cost_and_where_to_read_on() -> None:
    notice = Notable().look(lossy(7), 0.0)
    assert notice is not None
    assert notice.title == "✗ system changed: Inbound Context"
    at = clock(lossy(7))
    assert notice.message == (
        f"openclaw, request 7 at {at}: 5 000 tokens evaluated again, about 13.0 s. Select it: e explains."
    )


@pytest.mark.parametrize("cause", CAUSES)
def test_only_what_client_or_server_did(cause: Cause) -> None:
    wanted = SIDE_OF[cause] in ("client", "server") and cause != "cancelled"
    assert bool(told(lossy(1, cause))) == wanted


def test_once_per_lane_and_cause_until_it_was_healthy() -> None:
    healthy = turn(5, "healthy", reused=9_000, tokens=9_100)
    records = [lossy(1), lossy(2), lossy(3, "slot taken"), lossy(4), healthy, lossy(6)]
    assert told(*records) == [1, 3, 6]
    assert told(lossy(1), lossy(2, lane=OTHER), lossy(3, lane=OTHER)) == [1, 2]


def test_never_more_than_one_a_minute_and_what_was_held_back_may_come_later() -> None:
    records = [lossy(number, lane=f"lane {number % 5}") for number in range(1, 30)]
    assert told(*records, apart=10.0) == [1, 7, 13, 19, 25]


def test_more_known_of_a_turn_is_no_second_notice() -> None:
    first, healthy = lossy(3), turn(2, "healthy", reused=9_000, tokens=9_100)
    assert told(first, lossy(3, "slot taken"), first) == [3]
    # What is learnt late of an earlier turn does not count as healthy in between.
    assert told(healthy, first, healthy, lossy(4)) == [3]


SMALL = [(0, 100, False), (5, 100, True), (4, 100, False), (400, 100_000, True), (300, 100_000, False)]


@pytest.mark.parametrize(("lost", "tokens", "wanted"), SMALL)
def test_small_losses_are_nobodys_business(lost: int, tokens: int, wanted: bool) -> None:
    record = turn(1, "system changed", reused=50, tokens=tokens, lost=lost)
    assert bool(told(record)) == wanted


def test_what_is_unknown_open_or_old_is_no_news() -> None:
    assert told(lossy(1, lost=None), replace(lossy(2), at=None), running(3)) == []


def test_what_an_earlier_run_saw_is_no_news() -> None:
    recalled = replace(lossy(1), recalled=True)
    assert told(recalled, replace(recalled, id=2), lossy(3)) == [3]
