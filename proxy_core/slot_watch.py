"""Asking llama-server how its slots are, gently: only while something runs, and less often when it minds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import httpx

from proxy_core.llama.slots import SlotState, read_slots
from proxy_core.upstream import UpstreamClient

_LOOK_SECONDS = 0.1
"""How soon it is noticed that something runs."""
_EVERY = 2.5
"""Shortest time between two questions in seconds. llama-server looks for clients that left only after a
second in which it answered nobody, so that more frequent ones would keep prompts going that nobody waits for
(b11549). Builds before b9276 have little to tell here, and log every question."""
_SLOW_SHARE = 8
"""A server that took long for its answer is left alone this many times as long: older builds answer only
between two batches."""
_MOST_SLOW = 10.0
_MOST_REFUSED = 60.0
_MOST_DOWN = 5.0
_TIMEOUT = 10.0


async def watch_slots(
    client: UpstreamClient,
    busy: Callable[[], bool],
    tell: Callable[[tuple[SlotState, ...]], None],
) -> None:
    """Ask GET /slots for ever, every few seconds, while `busy` says so, and once more when all is done.

    Refusals (a key is wanted, the endpoint is off, a router wants a model's name) and faults are not told;
    they only make the pauses longer, up to a minute.
    """
    pause = _EVERY
    working = False
    while True:
        if not busy() and not working:
            await asyncio.sleep(_LOOK_SECONDS)
            continue
        working = busy()
        started = time.monotonic()
        try:
            status, body = await client.get("/slots", _TIMEOUT)
        except httpx.HTTPError:
            pause = min(pause * 2, _MOST_DOWN)
        else:
            states = read_slots(body) if status == 200 else None
            if states is None:
                pause = min(pause * 2, _MOST_REFUSED)
            else:
                tell(states)
                pause = max(_EVERY, min((time.monotonic() - started) * _SLOW_SHARE, _MOST_SLOW))
        await asyncio.sleep(pause)
