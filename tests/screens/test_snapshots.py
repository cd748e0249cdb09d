"""Pictures of the main screen at three sizes: full, empty, dark and light.

The bodies, figures and times are fixed. After a wanted change: `pytest tests/screens/test_snapshots.py
--snapshot-update`, and look at each picture before committing it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

import pytest
from textual.app import App
from textual.pilot import Pilot

from proxy_core.events import (
    Event,
    LogRead,
    RecordChanged,
    Today,
    TodayChanged,
    Totals,
    TotalsChanged,
)
from proxy_core.exchange import Exchange, Record
from proxy_core.llama.answer import Answer
from proxy_core.llama.feed import LogFeed
from proxy_core.llama.turns import Turn
from proxy_core.rules import Edit
from proxy_core.rules.rule import Level
from tests.screens.explained import START
from tests.screens.fixed import afternoon, console, facts, settle
from tests.screens.recalled import opened

SIZES = [(80, 24), (120, 36), (200, 60)]

LOG = [
    "0.31.027.345 I slot get_availabl: id  0 | task -1 | selected slot by LCP similarity, "
    "f_sim_best = 0.995 (> 0.100 thold), f_keep = 1.000",
    "0.31.027.512 I slot launch_slot_: id  0 | task 320 | processing task, is_child = 0",
    "0.32.713.102 I slot print_timing: id  0 | task 320 | prompt eval time =    1685.59 ms /    91 tokens "
    "(   18.52 ms per token,    53.99 tokens per second)",
    "0.36.120.007 W srv    stop: cancel task, id_task = 320",
]


class Snap(Protocol):
    """pytest-textual-snapshot's fixture, as far as it is used."""

    def __call__(self, app: App[None], *, terminal_size: tuple[int, int], run_before: object) -> bool:
        """Whether the app looks as it did."""


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clocks on the pictures are in UTC and stand still, wherever and whenever the test runs."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(time, "time", lambda: START + 640.0)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def history(level: Level = "safe", *stale: str) -> list[Event]:
    """Five cold turns, a flip, and nine warm ones; one cancelled, one failed, one direct."""
    edits = (Edit("openclaw.message-id", 0, "a", ""), Edit("openclaw.timestamp", 1, "b", ""))
    events: list[Event] = [*facts(level, *stale), LogRead(LogFeed().read(LOG, live=True).lines)]
    for number in range(1, 15):
        warm = number > 6
        tokens = 17_000 + 180 * number
        cached = tokens - 91 if warm else 2_600
        answer = Answer(
            tokens, tokens - cached, cached, 1_650.0 + number if warm else 38_900.0 - number, 64, 900.0
        )
        exchange = Exchange(
            "POST", "/v1/chat/completions", "chat", "chat", True, "openclaw", None, 2 * number, True,
            "done", 200, lane="3f9ac21b", edits=edits if number > 5 else (), answer=answer,
            total_ms=(answer.prompt_ms or 0) + 4_400.0,
        )  # fmt: skip
        sim = cached / tokens if number > 1 else None
        turn = Turn(slot=0, task=number, selected_by="lcp", sim_best=sim, f_keep=1.0 if warm else 0.18)
        flipped = "rules on" if number == 6 else None
        events.append(RecordChanged(Record(number, 1_771_447_680.0 + 47 * number, exchange, turn, flipped)))
    cancelled = Exchange(
        "POST",
        "/v1/messages",
        "messages",
        "messages",
        True,
        "claude-code",
        status="cancelled",
        total_ms=812.0,
    )
    failed = Exchange(
        "POST",
        "/v1/responses",
        "responses",
        "responses",
        True,
        "codex",
        status="error",
        http_status=502,
        total_ms=3.0,
    )
    direct = Turn(
        slot=1,
        task=99,
        sim_best=0.407,
        f_keep=0.256,
        prompt_n=16,
        cached_n=11,
        prompt_ms=84.0,
        total_ms=130.0,
    )
    events.append(RecordChanged(Record(15, 1_771_448_400.0, cancelled, None)))
    events.append(RecordChanged(Record(16, 1_771_448_410.0, failed, None)))
    events.append(RecordChanged(Record(17, 1_771_448_420.0, None, direct)))
    hits = (("openclaw.message-id", 1204), ("openclaw.timestamp", 987), ("any.tools", 3))
    events.append(TotalsChanged(Totals(requests=17, hits=hits)))
    events.append(TodayChanged(Today(17, 148_392, 251_000.0)))
    return events


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_day_at_work(snap_compare: Snap, size: tuple[int, int]) -> None:
    """Red stumps, the mark where rules went on, green bars; the newest turn came from a direct client."""
    assert snap_compare(console(history()), terminal_size=size, run_before=settle)


def test_the_light_theme(snap_compare: Snap) -> None:
    """The same in the light theme, with the diff of a request that rules changed."""

    async def to_the_diff(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("left_square_bracket", "left_square_bracket", "left_square_bracket", "d")
        await settle(pilot)

    app = console(history(), "kvconsole-light")
    assert snap_compare(app, terminal_size=(120, 36), run_before=to_the_diff)


@pytest.mark.parametrize("theme", ["kvconsole-dark", "kvconsole-light"])
def test_the_rules(snap_compare: Snap, theme: str) -> None:
    """An aggressive level, a stale rule under the cursor, and the clients that are not here folded away."""

    async def to_the_rules(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("r", "down")
        await settle(pilot)

    app = console(history("aggressive", "openclaw.timestamp"), theme)
    assert snap_compare(app, terminal_size=(120, 36), run_before=to_the_rules)


@pytest.mark.parametrize("size", SIZES[:2], ids=str)
def test_nothing_yet(snap_compare: Snap, size: tuple[int, int]) -> None:
    """Empty panes say what to do next."""
    assert snap_compare(console(facts()), terminal_size=size, run_before=settle)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_why(snap_compare: Snap, size: tuple[int, int]) -> None:
    """A system prompt that changed: cost, place, both texts, advice; in the widest one the diff as well."""

    async def to_the_why(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("escape", "left_square_bracket", "e")
        await settle(pilot)

    assert snap_compare(console(afternoon()), terminal_size=size, run_before=to_the_why)


def test_what_rules_held_off(snap_compare: Snap) -> None:
    """A healthy turn in the light theme: what rules saved, and where it would have left the one before."""

    async def to_the_why(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("escape", "left_square_bracket", "left_square_bracket", "e")
        await settle(pilot)

    app = console(afternoon(), "kvconsole-light")
    assert snap_compare(app, terminal_size=(120, 36), run_before=to_the_why)


@pytest.mark.parametrize("size", SIZES[:2], ids=str)
def test_slots_and_lanes(snap_compare: Snap, size: tuple[int, int]) -> None:
    """A busy slot, an idle one, three conversations, and what was saved and lost."""

    async def to_the_lanes(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("escape", "s")
        await settle(pilot)

    assert snap_compare(console(afternoon()), terminal_size=size, run_before=to_the_lanes)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_on_the_journal(snap_compare: Snap, size: tuple[int, int]) -> None:
    """Turns of five days ago and of an hour ago, a line, and those of this run."""
    assert snap_compare(console(opened(this_run=4)), terminal_size=size, run_before=settle)
