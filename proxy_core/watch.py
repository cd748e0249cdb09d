"""Watching what changes outside: the upstream's state, and the rule files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx

from proxy_core.llama.facts import Upstream, health_state, with_props
from proxy_core.upstream import UpstreamClient, reason

_TIMEOUT = 3.0
_UP_SECONDS = 5.0
_DOWN_SECONDS = 1.0


async def watch_upstream(client: UpstreamClient, tell: Callable[[Upstream], None]) -> None:
    """Ask the upstream how it is, for ever, and tell what is new."""
    known = Upstream(str(client.base))
    while True:
        fresh = await look(client)
        if fresh != known:
            known = fresh
            tell(fresh)
        await asyncio.sleep(_UP_SECONDS if fresh.state == "up" else _DOWN_SECONDS)


async def look(client: UpstreamClient) -> Upstream:
    """The upstream as it is now."""
    upstream = Upstream(str(client.base))
    try:
        status, _ = await client.get("/health", _TIMEOUT)
        upstream = replace(upstream, state=health_state(status))
        if upstream.state == "up":
            upstream = with_props(upstream, *await client.get("/props", _TIMEOUT))
    except httpx.TransportError as error:
        # A busy server may be slow to answer; that it took the request says that it is there.
        state = upstream.state if isinstance(error, httpx.ReadTimeout) else "down"
        return replace(upstream, state=state, reason=reason(error))
    return upstream


async def watch_rules(folder: Path, reload: Callable[[], None]) -> None:
    """Call `reload` after each change to a rule file in `folder`, for ever."""
    # Imported here: it takes a while and nothing waits for it.
    from watchfiles import awatch

    # What changed since the rules were first read would not be seen otherwise.
    reload()
    async for changes in awatch(folder, debounce=200, step=50, recursive=False, stop_event=None):
        if any(path.endswith(".toml") for _, path in changes):
            reload()
