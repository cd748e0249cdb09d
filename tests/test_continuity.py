"""Whether the server can still have what it read: restarts, sleeps, other templates, midnight."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from proxy_core.continuity import Continuity, Served, template_changed
from proxy_core.exchange import Record
from proxy_core.llama.facts import Upstream
from proxy_core.llama.turns import Turn

UP = Upstream("http://127.0.0.1:8080", "up", build="b11549", model="tiny", template="aa")
DOWN = Upstream("http://127.0.0.1:8080", "down", reason="nobody listens there")


def record(number: int, *, epoch: int | None = None, at: float = 1000.0, port: int | None = None) -> Record:
    turn = None if epoch is None else Turn(slot=0, task=number, epoch=epoch, port=port)
    return Record(number, at, None, turn)


def seen(*states: Upstream) -> tuple[Continuity, Served, Served]:
    """A continuity, and what a turn after the first and after the last state was served by."""
    continuity = Continuity()
    continuity.upstream(states[0])
    first = continuity.served()
    for state in states[1:]:
        continuity.upstream(state)
    return continuity, first, continuity.served()


def test_a_server_that_stays_up_keeps_its_cache() -> None:
    continuity, first, last = seen(UP, replace(UP, ctx=8192), UP)
    assert continuity.renewed(record(1), first, record(2), last) is None
    assert template_changed(record(1), first, record(2), last) is None


def test_down_and_up_again_is_a_restart() -> None:
    continuity, first, last = seen(UP, DOWN, replace(UP, state="loading", build=None), UP)
    assert continuity.renewed(record(1), first, record(2), last) == "the server was restarted"


@pytest.mark.parametrize("reason", [None, "it wants an API key, so its build and model are not known"])
def test_a_server_that_does_not_tell_its_build_is_restarted_all_the_same(reason: str | None) -> None:
    silent = replace(UP, build=None, build_info="b0-unknown" if reason is None else None, reason=reason)
    continuity, first, last = seen(silent, DOWN, silent)
    assert continuity.renewed(record(1), first, record(2), last) == "the server was restarted"


def test_another_template_of_a_build_without_a_number_is_noticed() -> None:
    silent = replace(UP, build=None)
    _, first, last = seen(silent, DOWN, replace(silent, template="bb"))
    assert template_changed(record(1), first, record(2), last) == "the server has another template"


def test_coming_up_for_the_first_time_is_none() -> None:
    continuity, first, last = seen(DOWN, UP)
    assert continuity.renewed(record(1), first, record(2), last) is None


def test_a_sleep_is_told_as_one() -> None:
    continuity, first, last = seen(UP, replace(UP, sleeping=True), UP)
    assert "slept" in (continuity.renewed(record(1), first, record(2), last) or "")


def test_a_restart_that_only_the_log_saw() -> None:
    continuity, first, last = seen(UP, UP)
    told = continuity.renewed(record(1, epoch=0), first, record(2, epoch=1), last)
    assert told is not None
    assert "began anew" in told
    # Two children of a router are two servers: neither began anew.
    assert continuity.renewed(record(1, epoch=0, port=1), first, record(2, epoch=1, port=2), last) is None


def test_a_server_that_only_seemed_to_be_gone_keeps_its_cache_where_the_log_shows_both_turns() -> None:
    continuity, first, last = seen(UP, DOWN, UP)
    assert continuity.renewed(record(1, epoch=0), first, record(2, epoch=0), last) is None


def test_a_later_restart_is_not_why_an_earlier_turn_lost_its_cache() -> None:
    continuity, first, last = seen(UP, replace(UP, sleeping=True), UP)
    continuity.upstream(DOWN)
    continuity.upstream(UP)
    assert "slept" in (continuity.renewed(record(1), first, record(2), last) or "")


def test_another_template_and_midnight() -> None:
    _, first, last = seen(UP, replace(UP, template="bb"))
    assert template_changed(record(1), first, record(2), last) == "the server has another template"
    _, first, last = seen(
        replace(UP, template_clock="strftime_now"), replace(UP, template_clock="strftime_now")
    )
    late = datetime(2026, 2, 18, 23, 59).timestamp()
    told = template_changed(record(1, at=late), first, record(2, at=late + 120), last)
    assert told == "the date is another one (strftime_now)"
    assert template_changed(record(1, at=late - 120), first, record(2, at=late), last) is None
