"""All that the checks need, gathered in a few seconds and without changing anything."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from proxy_core import __version__
from proxy_core.checkup import disk
from proxy_core.checkup.asking import Asker
from proxy_core.checkup.checks.clients import BASE_URLS
from proxy_core.checkup.log_file import read_log
from proxy_core.checkup.process import listening_on
from proxy_core.checkup.running import ask_running
from proxy_core.checkup.setup import Listener, Log, Proxy, Setup
from proxy_core.checkup.who import elsewhere, is_here, kind_at, look, port_of
from proxy_core.logs import STDIN
from proxy_core.settings import Loaded, Settings

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that are listened on, and where to reach them."""


async def gather(loaded: Loaded, environ: Mapping[str, str] | None = None) -> Setup:
    """A person's setup as it is now.

    Asks with GET alone: nothing is evaluated, loaded or woken, and no file is changed.

    Args:
        loaded: The settings in force.
        environ: Replaces the process's environment.
    """
    environ = os.environ if environ is None else environ
    settings = loaded.settings
    asker = Asker()
    try:
        base = listen_url(settings)
        found = await ask_running(asker, base) if settings.listen_port else None
        proxy, lanes = found or (None, None)
        upstream = _upstream(loaded, proxy)
        at_listen = await _at_listen(asker, settings, base, proxy)
        at_upstream = await _who(asker, upstream)
        server, models = await look(asker, upstream)
        other = await elsewhere(asker, upstream) if server.state == "down" else None
    finally:
        await asker.close()
    logs = await asyncio.to_thread(_logs, settings, proxy)
    on_disk, lanes_problem = await asyncio.to_thread(disk.lanes_on_disk)
    return Setup(
        settings=settings,
        now=time.time(),
        version=__version__,
        upstream=upstream,
        at_upstream=at_upstream,
        server=server,
        models=models,
        elsewhere=other,
        at_listen=at_listen,
        proxy=proxy,
        logs=logs,
        lanes=on_disk if lanes is None else lanes,
        lanes_problem=lanes_problem,
        base_urls={name: environ[name] for name in BASE_URLS if environ.get(name)},
        rules_problem=await asyncio.to_thread(disk.rules_problem),
        state_problem=disk.state_problem(),
        journal_problem=await asyncio.to_thread(disk.journal_problem) if settings.journal else None,
        files=tuple(disk.own_files(loaded.file)),
        free_bytes=disk.free_bytes(),
        leftovers=disk.leftovers(),
        packages=disk.packages(),
    )


def listen_url(settings: Settings) -> str:
    """Where clients on this machine reach kvconsole."""
    host = _EVERYWHERE.get(settings.listen_host, settings.listen_host)
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{settings.listen_port}"


def _upstream(loaded: Loaded, proxy: Proxy | None) -> str:
    """The one that was named; else that of the kvconsole that runs, which may have got it as a flag."""
    if loaded.sources["upstream"] == "default" and proxy is not None and proxy.upstream is not None:
        return proxy.upstream
    return loaded.settings.upstream


async def _who(asker: Asker, url: str) -> Listener:
    kind = await kind_at(asker, url)
    process = await asyncio.to_thread(partial(listening_on, port_of(url))) if is_here(url) else None
    return Listener(kind, process)


async def _at_listen(asker: Asker, settings: Settings, base: str, proxy: Proxy | None) -> Listener:
    if settings.listen_port == 0:
        return Listener()
    return Listener("kvconsole") if proxy is not None else await _who(asker, base)


def _logs(settings: Settings, proxy: Proxy | None) -> tuple[Log, ...]:
    """Those that were named; else those of the kvconsole that runs."""
    names = [name for name in settings.log if name != STDIN]
    if not settings.log and proxy is not None and proxy.logs:
        names = list(proxy.logs)
    return tuple(read_log(str(Path(name).absolute())) for name in names)
