"""Watching what changes outside: the upstream's state, and the rule files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import httpx

from proxy_core.llama.facts import Upstream, health_state, with_props
from proxy_core.upstream import UpstreamClient, reason

_TIMEOUT = 3.0
_UP_SECONDS = 5.0
_DOWN_SECONDS = 1.0
_LOOK_MS = 1000


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
    except httpx.HTTPError as error:
        # A busy server may be slow to answer; that it took the request says that it is there.
        state = upstream.state if isinstance(error, httpx.ReadTimeout) else "down"
        return replace(upstream, state=state, reason=reason(error))
    return upstream


async def watch_rules(folder: Path, reload: Callable[[], Awaitable[None]]) -> None:
    """Await `reload` after each change to a rule file in `folder`, for ever.

    What counts is whether the files differ from those seen before; the system's word on changes only makes it
    quick. So nothing is missed that happens before a watch begins, or where there is no watch at all, and the
    folder may be replaced by another one, as version control and dotfile managers do.

    Raises:
        OSError: The folder cannot be made.
    """
    # Imported here: it takes a while and nothing waits for it.
    from watchfiles import awatch

    seen: _Files | None = None
    while True:
        watched = await asyncio.to_thread(_made, folder)
        async for _ in awatch(
            folder, debounce=200, step=50, recursive=False, rust_timeout=_LOOK_MS, yield_on_timeout=True
        ):
            inode, files = await asyncio.to_thread(_look_at, folder)
            if files != seen:
                seen = files
                await reload()
            if inode != watched:
                break


_Files = frozenset[tuple[str, int, int, int]]
"""Name, inode, size and time of change of each file."""


def _made(folder: Path) -> int:
    """The folder's inode, after making it where it is missing."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder.stat().st_ino


def _look_at(folder: Path) -> tuple[int | None, _Files]:
    """The folder's inode and what is in it; nothing where there is none."""
    try:
        facts = ((path.name, path.lstat()) for path in folder.glob("*.toml"))
        files = frozenset((name, fact.st_ino, fact.st_size, fact.st_mtime_ns) for name, fact in facts)
        return folder.stat().st_ino, files
    except OSError:
        return None, frozenset()
