"""A console over a running engine, and the wishes of a test that waits for it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from textual.pilot import Pilot

from console.app import ConsoleApp
from console.demo.conversation import requests
from console.demo.openclaw_wire import Request
from console.screens.main import MainScreen
from console.themes import load_themes
from proxy_core import paths
from proxy_core.engine import Engine
from proxy_core.events import Event
from proxy_core.settings import load_settings

START = datetime(2026, 2, 18, 20, 48, tzinfo=UTC)
WAIT_SECONDS = 30.0


class Driven:
    """A console under test."""

    def __init__(self, app: ConsoleApp, engine: Engine, pilot: Pilot[None]) -> None:
        self.app = app
        self.engine = engine
        self.pilot = pilot

    @property
    def screen(self) -> MainScreen:
        """The main screen, whatever is above it."""
        return next(s for s in self.app.screen_stack if isinstance(s, MainScreen))

    async def until(self, what: Callable[[], object]) -> None:
        """Wait until `what` is true."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not what():
            assert time.monotonic() < deadline, "the console never came to show it"
            await self.pilot.pause(0.05)

    async def send(self, request: Request) -> httpx.Response:
        """Send a request through the proxy, as a client would, and read its answer."""
        return await asyncio.to_thread(self._post, request)

    def _post(self, request: Request) -> httpx.Response:
        url = f"http://127.0.0.1:{self.engine.port}{request.path}"
        return httpx.post(url, content=request.body, headers=request.headers, timeout=60.0, trust_env=False)


@asynccontextmanager
async def driven(
    upstream: str, *, log: Path | None = None, size: tuple[int, int] = (120, 36), **settings: object
) -> AsyncIterator[Driven]:
    """A console of that size over an engine of its own."""
    flags: dict[str, object] = {"upstream": upstream, "listen": "127.0.0.1:0", **settings}
    if log is not None:
        flags["log"] = (str(log),)
    events: deque[Event] = deque()
    engine = Engine(load_settings(flags, environ={}).settings, events.append)
    engine.start()
    try:
        themes, _ = load_themes(paths.themes_dir())
        app = ConsoleApp(engine, events, themes=themes, theme="kvconsole-dark")
        async with app.run_test(size=size) as pilot:
            yield Driven(app, engine, pilot)
    finally:
        engine.stop()


def conversation(turns: int = 4) -> list[Request]:
    """The requests of a short OpenClaw conversation, chat completions."""
    return list(requests("chat", turns=turns, start=START))
