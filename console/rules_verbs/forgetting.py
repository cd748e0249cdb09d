"""`kvconsole rules forget`: rule memory goes, on disk and in a kvconsole that runs."""

from __future__ import annotations

import sys
import time
from typing import Any

import click
import httpx

from console.figures import duration
from console.options import load
from proxy_core import paths
from proxy_core.control import PREFIX
from proxy_core.errors import KvconsoleError
from proxy_core.lanes.store import LaneStore
from proxy_core.settings import Settings
from proxy_core.visible import visible

_SECONDS = 10.0
"""How long a kvconsole that runs may take."""
_MOST_NAMED = 10
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that are listened on, and where to reach them."""


def forget(typed: dict[str, Any], lane_id: str | None, *, ask: bool) -> int:
    """Forget one conversation or all of them; gives the exit code, 1 if that one is not known.

    Raises:
        KvconsoleError: The settings are wrong, the file cannot be written, or a kvconsole that runs fails.
        click.UsageError: Nobody can be asked.
    """
    settings = load(typed).settings
    what = f"the conversation {lane_id}" if lane_id else "all conversations"
    if ask:
        if sys.stdin is None or not sys.stdin.isatty():
            raise click.UsageError("There is nobody to ask; --yes forgets without asking.")
        click.confirm(f"Forget what rules remember of {what}?", abort=True)
    running = _tell_running(settings, lane_id)
    store = LaneStore(paths.lanes_file())
    try:
        # The kvconsole that runs has forgotten its own by now, on disk as well: what is left is others'.
        gone = (running or 0) + store.forget(lane_id)
        known = [] if gone else _known(store)
    finally:
        store.close()
    if store.problem is not None:
        raise KvconsoleError(store.problem, title="Rule memory")
    if running is None:
        click.echo("No kvconsole runs at " + _base(settings) + "; one elsewhere is told with --listen.")
    if lane_id is not None and not gone:
        click.echo(f"Nothing is remembered of {what}.{' The newest:' if known else ''}", err=True)
        for line in known:
            click.echo(line, err=True)
        return 1
    click.echo(f"Forgot what rules remembered of {gone} conversation{'' if gone == 1 else 's'}.")
    return 0


def _tell_running(settings: Settings, lane_id: str | None) -> int | None:
    """How many conversations the kvconsole that runs forgot; None when there is none."""
    url = f"{_base(settings)}{PREFIX}/lanes/forget"
    try:
        answer = httpx.post(url, json={"lane": lane_id}, timeout=_SECONDS, trust_env=False)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None  # Another program listens there.
        answer.raise_for_status()
        return int(answer.json()["forgotten"])
    except httpx.ConnectError:
        return None
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise KvconsoleError(
            f"What listens at {_base(settings)} did not forget ({error}). If it is a kvconsole, stop it and "
            "try again; else name the right address with --listen.",
            title="Rule memory",
        ) from error


def _base(settings: Settings) -> str:
    host = _EVERYWHERE.get(settings.listen_host, settings.listen_host)
    return (
        f"http://[{host}]:{settings.listen_port}" if ":" in host else f"http://{host}:{settings.listen_port}"
    )


def _known(store: LaneStore) -> list[str]:
    """The newest conversations, for a person who mistyped an id."""
    now = time.time()
    return [
        f"  {lane.id}  {visible(lane.client or 'unknown client')}, {duration(max(0.0, now - lane.seen))} ago"
        for lane in store.load(_MOST_NAMED)
    ]
