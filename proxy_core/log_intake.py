"""What the logs say, taken in piece by piece: the log of a long day must not hold up requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from proxy_core.events import Event, LogRead
from proxy_core.history import History
from proxy_core.insight import Insight
from proxy_core.llama.feed import Batch

_TURNS_AT_ONCE = 20
"""Logged turns that are taken in before others have their turn on the loop."""


class LogIntake:
    """Hands batches of lines to whoever makes something of them, in their order, on the engine's loop."""

    def __init__(self, history: History, insight: Insight, tell: Callable[[Event], None]) -> None:
        self._history = history
        self._insight = insight
        self._tell = tell
        self._batches: asyncio.Queue[Batch] = asyncio.Queue()

    def put(self, batch: Batch) -> None:
        """Lines came in."""
        self._batches.put_nowait(batch)

    async def work(self) -> None:
        """Take in what comes, for ever."""
        while True:
            batch = await self._batches.get()
            self._lines(batch)
            for number, turn in enumerate(batch.turns, 1):
                self._history.turn(turn, live=batch.live)
                if number % _TURNS_AT_ONCE == 0:
                    await asyncio.sleep(0)

    def finish(self) -> None:
        """Take in what is left, at the end."""
        while not self._batches.empty():
            batch = self._batches.get_nowait()
            self._lines(batch)
            for turn in batch.turns:
                self._history.turn(turn, live=batch.live)

    def _lines(self, batch: Batch) -> None:
        self._tell(LogRead(batch.lines))
        self._insight.log_read(batch)
