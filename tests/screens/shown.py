"""A console on fixed events under test: what it shows, keys pressed, and events told."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Static

from console.app import ConsoleApp
from console.screens.main import MainScreen
from console.screens.request_diff import RequestDiff
from console.widgets.keyline import KeyLine
from console.widgets.turns import TurnsTable
from console.widgets.why import WhyPane
from proxy_core.events import Event
from tests.screens.fixed import FixedEngine, console, settle

NORMAL = (120, 36)
BOUND = 30.0
"""Seconds after which something that should happen is taken for lost."""


class Shown:
    """A console under test."""

    def __init__(self, app: ConsoleApp, engine: FixedEngine, pilot: Pilot[None]) -> None:
        self.app = app
        self.engine = engine
        self.pilot = pilot

    @property
    def screen(self) -> MainScreen:
        return next(s for s in self.app.screen_stack if isinstance(s, MainScreen))

    @property
    def why(self) -> str:
        return " ".join(plain(static) for static in self.screen.query_one(WhyPane).query(Static))

    @property
    def diff(self) -> RequestDiff:
        return self.screen.query_one(RequestDiff)

    @property
    def table(self) -> TurnsTable:
        return self.screen.query_one(TurnsTable)

    @property
    def ledger(self) -> str:
        return plain(self.screen.query_one("#ledger", Static))

    @property
    def keys(self) -> str:
        return str(self.screen.query_one(KeyLine).render())

    @property
    def looks(self) -> list[object]:
        """The turns whose tokens were asked to be counted."""
        return [wish[1] for wish in self.engine.wishes if wish[0] == "look closer"]

    @property
    def switched(self) -> list[tuple[object, ...]]:
        """The switches that were asked for."""
        return [wish for wish in self.engine.wishes if wish[0] != "look closer"]

    def verdict(self, record_id: int) -> str:
        return self.table.get_cell(str(record_id), "verdict").plain

    def sees(self, pane: str) -> bool:
        """Whether a pane is on screen."""
        return self.screen.query_one(f"#{pane}").is_on_screen

    async def press(self, *keys: str) -> None:
        names = {"[": "left_square_bracket", "]": "right_square_bracket"}
        await self.pilot.press(*(names.get(key, key) for key in keys))
        await self.drawn()

    async def until(self, what: Callable[[], object]) -> None:
        """Wait until `what` is true, also while something else is still under way."""
        last = time.monotonic() + BOUND
        while not what():
            assert time.monotonic() < last, "the console never came to show it"
            await self.pilot.pause(0.05)

    async def tell(self, *events: Event) -> None:
        self.app._events.extend(events)
        while self.app._events:
            await self.pilot.pause(0.05)
        await self.drawn()

    async def drawn(self) -> None:
        """Until the messages are answered and what they asked for is compared."""
        for _ in range(2):
            await self.pilot.pause()
            await self.app.workers.wait_for_complete()
        await self.pilot.pause()


def plain(static: Static) -> str:
    content = static.content
    return content.plain if isinstance(content, Content) else str(content)


@asynccontextmanager
async def shown(
    events: list[Event], size: tuple[int, int] = NORMAL, engine: FixedEngine | None = None
) -> AsyncIterator[Shown]:
    engine = engine or FixedEngine()
    app = console(events, engine=engine)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        yield Shown(app, engine, pilot)
