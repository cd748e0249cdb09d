"""The console on what the journal holds: turns of earlier runs beside those of this one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from textual.widgets import Static

from console.screens.request_diff import RequestDiff
from console.widgets.chart import TurnChart
from console.widgets.lanes import LanesPanel
from console.widgets.status import StatusBar
from console.widgets.turns import TurnsTable
from console.widgets.why import WhyPane
from proxy_core import paths
from proxy_core.captures import html_page
from proxy_core.events import JournalChanged, JournalState, Recalled, RecordChanged
from proxy_core.exchange import Bodies
from proxy_core.journal import Key
from tests.journal.kit import entry, whole, write
from tests.real_llama import LlamaServer
from tests.screens.explained import START, running
from tests.screens.fixed import NORMALIZED, RAW, FixedEngine
from tests.screens.kit import conversation, driven
from tests.screens.recalled import JOURNAL, earlier, later, opened
from tests.screens.shown import Shown, plain, shown

NEWEST = earlier()[-1].id


@pytest.fixture
def afternoon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """It is the afternoon of `START`, in UTC."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(time, "time", lambda: START + 640.0)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def when(s: Shown, record_id: int) -> str:
    return s.table.get_cell(str(record_id), "time").plain


def drawn(s: Shown, chart: str) -> str:
    found = s.screen.query_one(chart, TurnChart)
    return "\n".join(found.render_line(y).text for y in range(found.content_size.height))


async def test_it_opens_on_the_newest_turn_of_the_journal_and_follows() -> None:
    async with shown(opened()) as s:
        assert s.table.selected == NEWEST
        assert s.table.following
        assert s.table.row_count == NEWEST
        assert "✗ system changed: Inbound Context" in s.why
        assert "■ openclaw.message-id" in s.why
        await s.tell(*map(RecordChanged, later(2)))
        assert s.table.selected == NEWEST + 2
        assert s.table.following


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)], ids=str)
@pytest.mark.usefixtures("afternoon")
async def test_times_of_other_days_name_them_and_earlier_runs_are_marked(size: tuple[int, int]) -> None:
    async with shown(opened(this_run=2), size) as s:
        assert when(s, 2) == "Fri 21:02┊"
        assert when(s, NEWEST) == "20:10:52 ┊"
        assert when(s, NEWEST + 1) == "21:07:40"
        await s.press("g", "e")
        assert "Fri 2026-02-13 21:01:37 · openclaw" in str(s.screen.query_one(WhyPane).border_subtitle)
        await s.press("d")
        assert "request 1 · Fri 2026-02-13 21:01:37" in str(s.diff.border_title)


@pytest.mark.usefixtures("afternoon")
async def test_after_midnight_the_turns_of_before_are_yesterdays(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown(opened(this_run=1)) as s:
        assert when(s, NEWEST + 1) == "21:07:40"
        monkeypatch.setattr(time, "time", lambda: START + 4 * 3600.0)
        s.screen.tick()
        assert when(s, NEWEST + 1) == "Wed 21:07"
        assert "Wed 21:07" in drawn(s, "#sim-chart")


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)], ids=str)
async def test_no_bar_moves_when_the_first_turn_of_this_run_comes(size: tuple[int, int]) -> None:
    def bars(s: Shown) -> dict[str, dict[int, int]]:
        """By chart, in which cell the bar of each earlier turn begins."""
        found: dict[str, dict[int, int]] = {}
        for chart in s.screen.query(TurnChart):
            places = found[str(chart.id)] = {}
            for x, cell in enumerate(chart._grid()[0]):
                if cell.key is not None and cell.key <= NEWEST:
                    places.setdefault(cell.key, x)
        return found

    async with shown(opened(), size) as s:
        at, rows = bars(s), s.table.virtual_size
        assert "┊" not in drawn(s, "#sim-chart")
        await s.tell(RecordChanged(later(1)[0]))
        for chart, places in bars(s).items():
            # Where the chart is full, its oldest turns leave it and all others go to the left alike.
            moved = {places[key] - at[chart][key] for key in places if key in at[chart]}
            assert len(moved) == 1
        assert "┊" in drawn(s, "#sim-chart")
        assert s.table.virtual_size.width == rows.width


async def test_the_line_between_the_runs_is_named() -> None:
    async with shown(opened(this_run=3)) as s:
        for chart in ("#sim-chart", "#eval-chart"):
            lines = drawn(s, chart).split("\n")
            assert "this run" in lines[-1]
            assert len({line.index("┊") for line in lines[:-1]}) == 1


async def test_the_journals_name_of_the_turn_is_among_its_figures() -> None:
    async with shown(opened(this_run=1)) as s:
        assert "c07e55d1-17" in s.why
        assert "of an earlier run" not in s.why
        await s.press("[")
        assert "3f9a12c4-56" in s.why
        assert "of an earlier run" in s.why


async def test_turns_of_earlier_runs_raise_no_notice_and_count_nothing() -> None:
    async with shown(opened()) as s:
        assert not s.app._notifications
        assert "0 requests" in str(s.screen.query_one(StatusBar).render())
        await s.tell(RecordChanged(earlier()[-1]))
        assert not s.app._notifications


async def test_their_tokens_are_not_counted_anew() -> None:
    recalled = earlier()[-1]
    async with shown(opened()) as s:
        await s.press("e")
        await s.pilot.pause(0.8)
        assert s.looks == []
        # The very same turn, of this run.
        await s.tell(RecordChanged(replace(recalled, id=NEWEST + 1, recalled=False)))
        await s.press("f")
        await s.pilot.pause(0.8)
        assert s.looks == [NEWEST + 1]


async def test_their_diffs_are_there_until_retention_takes_the_bodies() -> None:
    async with shown(opened()) as s:
        await s.press("d")
        assert s.diff.diff is not None
        await s.press("v")
        assert f"previous ({NEWEST - 1}) → current" in str(s.diff.border_title)
        s.engine.gone = {NEWEST - 1, NEWEST - 2}
        await s.press("[")
        assert "The body of request 15 is not in the journal, or no longer." in s.diff._message
        await s.press("]", "v", "v")
        assert "The body of request 15, which this one continues, is not in the journal" in s.diff._message


async def test_without_a_journal_memory_is_what_ends() -> None:
    unnamed = replace(earlier()[-1], name=None, recalled=False)
    async with shown([RecordChanged(unnamed)]) as s:
        s.engine.gone = {unnamed.id}
        await s.press("d", "v", "v")
        s.engine.gone = set()
        assert "is no longer in memory. Raise max_bodies" in s.diff._message


class SlowDisk(FixedEngine):
    """Reads the bodies of the newest turn only when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.spins = threading.Event()
        self.read: list[int] = []

    def bodies(self, record_id: int) -> Bodies | None:
        if record_id == NEWEST:
            self.spins.wait(30)
        self.read.append(record_id)
        return super().bodies(record_id)


async def test_what_the_disk_gives_too_late_is_dropped() -> None:
    engine = SlowDisk()
    async with shown([*opened()[:2]], engine=engine) as s:
        assert s.screen.query_one(TurnsTable).selected == NEWEST
        await s.pilot.press("d")
        await s.pilot.pause(0.2)
        assert s.diff.diff is None
        await s.pilot.press("left_square_bracket")
        await s.until(lambda: s.diff.diff is not None)
        assert "request 15" in str(s.diff.border_title)
        engine.spins.set()
        await s.until(lambda: NEWEST in engine.read)
        await s.drawn()
        assert "request 15" in str(s.diff.border_title)
        await s.press("]")
        assert f"request {NEWEST} " in str(s.diff.border_title)


async def test_a_slow_disk_is_asked_once_however_much_happens_meanwhile() -> None:
    engine = SlowDisk()
    async with shown([*opened()[:2]], engine=engine) as s:
        await s.pilot.press("d")
        for turn in later(3):
            s.app._events.append(RecordChanged(turn))
            await s.pilot.pause(0.15)
        engine.spins.set()
        await s.until(lambda: s.diff.diff is not None)
        assert engine.read == [NEWEST]


async def test_what_the_journal_lost_stands_in_the_status_line_and_is_explained() -> None:
    def status(s: Shown) -> str:
        return str(s.screen.query_one(StatusBar).render())

    async with shown(opened(this_run=1)) as s:
        assert "journal" not in status(s)
        full = JournalState(JOURNAL, problem="The disk is full.")
        await s.tell(JournalChanged(full))
        assert "journal !" in status(s)
        await s.press("s")
        assert "The disk is full." in plain(s.screen.query_one("#slots", Static))
        await s.tell(JournalChanged(replace(full, dropped=1_012)))
        assert "journal −1 012" in status(s)
        assert "1 012 requests are not in it" in plain(s.screen.query_one("#slots", Static))
        await s.tell(JournalChanged(JournalState(JOURNAL)))
        assert "journal" not in status(s)
        assert "journal" not in plain(s.screen.query_one(LanesPanel).query_one("#slots", Static))


async def test_an_empty_journal_leaves_the_first_screen_as_it_is() -> None:
    async with shown([Recalled(()), JournalChanged(JournalState(JOURNAL))]) as s:
        assert "No request yet" in str(s.screen.query_one("#no-turns", Static).render())


async def test_the_requests_of_the_run_before_are_there_after_a_restart(llama: LlamaServer) -> None:
    """A real engine and a real journal: two requests, a restart, and a third that goes on from them."""
    sent = conversation(3)
    async with driven(llama.url) as first:
        for request in sent[:2]:
            await first.send(request)
        await first.until(lambda: first.screen.query_one(TurnsTable).row_count == 2)
    async with driven(llama.url) as second:
        table, diff = second.screen.query_one(TurnsTable), second.screen.query_one(RequestDiff)
        await second.until(lambda: table.row_count == 2)
        assert all(record.recalled for record in table._records.values())
        await second.pilot.press("d")
        await second.until(lambda: diff.diff is not None)
        assert "request 2 " in str(diff.border_title)
        await second.send(sent[2])
        await second.until(lambda: table.row_count == 3)
        await second.pilot.press("f", "v")
        await second.until(lambda: "previous (2) → current" in str(diff.border_title))
        assert [record.recalled for record in table._records.values()] == [True, True, False]


def _pages(folder: Path) -> int:
    return len(list(folder.glob("kvconsole-3*.html")))


def exported(s: Shown) -> str:
    return " ".join(f"{said.title} {said.message}" for said in s.app._notifications)


async def test_x_writes_the_selected_turn_as_a_page_and_says_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    recalled = earlier()[-1]
    key = Key.parse(str(recalled.name))
    # The one before it has left the journal, which is told to nobody who looks at a screen.
    turn = msgspec.structs.replace(
        entry(key.record, run=key.run, bodies=whole(RAW, NORMALIZED)), before=f"{key.run}-1"
    )
    paths.state_dir().mkdir(parents=True)
    write(paths.journal_file(), turn)
    async with shown(opened()) as s:
        for end in ("", "-2"):
            await s.press("x")
            file = tmp_path / f"kvconsole-{key}{end}.html"
            assert file.exists()
            assert f"Exported {file}\n" in exported(s)
        await s.press("[", "x")
        assert "Journal The journal has no request" in exported(s)
    assert _pages(tmp_path) == 2


async def test_an_export_that_fails_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("[b]odd")

    monkeypatch.setattr(html_page, "write", fails)
    key = Key.parse(str(earlier()[-1].name))
    paths.state_dir().mkdir(parents=True)
    write(paths.journal_file(), entry(key.record, run=key.run, bodies=whole(RAW)))
    async with shown(opened()) as s:
        await s.press("x")
        assert f"Export Request {key} could not be exported: RuntimeError('[b]odd')." in exported(s)
        await s.press("[")
        assert s.table.selected == NEWEST - 1


async def test_what_cannot_be_exported_says_why() -> None:
    direct = replace(earlier()[-1], id=17, exchange=None)
    unkept, open_one = replace(earlier()[-1], id=18, name=None), replace(running(19), name="3f9a12c4-59")
    async with shown([*map(RecordChanged, (direct, unkept, open_one))]) as s:
        await s.press("x")
        assert "under way" in exported(s)
        await s.press("[", "x")
        assert "not in the journal" in exported(s)
        await s.press("[", "x")
        assert "not proxied" in exported(s)
    async with shown([]) as s:
        await s.press("x")
        assert "no request yet" in exported(s)
