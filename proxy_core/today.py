"""The day's sums: kept across restarts, and shared with other kvconsoles of the same person."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import date

import msgspec

from proxy_core import paths
from proxy_core.errors import KvconsoleError
from proxy_core.events import Event, Notice, Today, TodayChanged, Totals
from proxy_core.state import State, update_state

_log = logging.getLogger("kvconsole")


class Tally:
    """Adds what was summed since the last time to the state file."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._kept = Totals()
        self._day = ""
        self._told = False

    async def keep(self, totals: Totals) -> None:
        """Save what is new, if anything is, without holding up the loop."""
        today = date.today().isoformat()
        if totals == self._kept and today == self._day:
            return
        add, kept = self._added(totals, today), self._kept
        # Before it is done: a save that is cancelled here still goes on in its thread, and counts.
        self._kept = totals
        try:
            state = await asyncio.to_thread(update_state, paths.state_file(), add)
        except KvconsoleError as error:
            self._kept = kept
            if not self._told:
                self._tell(Notice("warning", error.title, error.message))
            self._told = True
            return
        self._day = today
        self._tell(TodayChanged(Today(state.requests, state.reused_tokens, state.prompt_ms)))

    def keep_now(self, totals: Totals) -> None:
        """Save what is new before the end."""
        if totals == self._kept:
            return
        try:
            update_state(paths.state_file(), self._added(totals, date.today().isoformat()))
        except KvconsoleError as error:
            _log.warning("%s", error.message)

    def _added(self, totals: Totals, today: str) -> Callable[[State], State]:
        kept = self._kept

        def add(state: State) -> State:
            fresh = state.for_day(today)
            return msgspec.structs.replace(
                fresh,
                requests=fresh.requests + totals.requests - kept.requests,
                # Better figures may come in later and lower a sum by a little.
                reused_tokens=max(0, fresh.reused_tokens + totals.reused - kept.reused),
                prompt_ms=max(0.0, fresh.prompt_ms + totals.prompt_ms - kept.prompt_ms),
            )

        return add
