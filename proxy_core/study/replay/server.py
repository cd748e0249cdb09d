"""The server that is played at: whether it is there, what it tells of itself, who else uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx

from proxy_core.checkup.asking import Asker
from proxy_core.checkup.who import kvconsole_at
from proxy_core.errors import KvconsoleError
from proxy_core.llama.facts import Upstream
from proxy_core.llama.slots import read_slots
from proxy_core.upstream import Headers, UpstreamClient
from proxy_core.watch import look

_LOADING_SECONDS = 60.0
_AGAIN_SECONDS = 1.0

_SLOTS_SECONDS = 5.0
_LOOKS = 3
"""Times to look before a slot counts as busy: the one of our own last prompt may not be free yet."""
_BETWEEN_SECONDS = 0.05

Tell = Callable[[str], None]
"""Takes a sentence for the person who waits."""


class ReplayError(KvconsoleError):
    """There is no server to play at."""

    title = "Replay"


class ServerClient(UpstreamClient):
    """Asks a server that may want an API key."""

    def __init__(self, base: str, connect_timeout: float, key: str | None = None) -> None:
        super().__init__(base, connect_timeout)
        self._own: Headers = [(b"authorization", f"Bearer {key}".encode())] if key else []

    async def send(
        self, method: str, target: bytes, headers: Headers, body: bytes, *, read_timeout: float | None = None
    ) -> httpx.Response:
        """As `UpstreamClient.send`, with the key."""
        return await super().send(method, target, [*headers, *self._own], body, read_timeout=read_timeout)


async def meet(client: ServerClient, tell: Tell) -> Upstream:
    """What the server tells of itself, once it is ready.

    Args:
        client: To the server.
        tell: Is told when there is something to wait for.

    Raises:
        ReplayError: Nobody answers, its model does not get ready, or it is a kvconsole.
    """
    url = str(client.base).rstrip("/")
    await _need_no_kvconsole(url)
    found = await ready(client, tell)
    if found.state == "down":
        raise ReplayError(
            f"{url} cannot be reached: {found.reason}. Start llama-server there, or name another."
        )
    if found.state == "loading":
        raise ReplayError(
            f"The model at {url} was not loaded within {_LOADING_SECONDS:.0f} s. Try again once it is."
        )
    return found


async def ready(client: ServerClient, tell: Tell) -> Upstream:
    """The server as it is, once it no longer loads its model, or after a minute of loading."""
    found = await look(client)
    if found.state == "loading":
        tell(f"llama-server loads its model; waiting for it up to {_LOADING_SECONDS:.0f} s.")
        for _ in range(int(_LOADING_SECONDS / _AGAIN_SECONDS)):
            await asyncio.sleep(_AGAIN_SECONDS)
            found = await look(client)
            if found.state != "loading":
                break
    return found


async def shared_with_others(client: ServerClient) -> bool | None:
    """Whether somebody else's request is in a slot; None where the server does not tell."""
    for attempt in range(_LOOKS):
        if attempt:
            await asyncio.sleep(_BETWEEN_SECONDS)
        try:
            status, body = await client.get("/slots", _SLOTS_SECONDS)
        except httpx.HTTPError:
            return None
        slots = read_slots(body) if status == httpx.codes.OK else None
        if not slots:
            return None
        if not any(slot.busy for slot in slots):
            return False
    return True


async def _need_no_kvconsole(url: str) -> None:
    asker = Asker()
    try:
        version = await kvconsole_at(asker, url)
    finally:
        await asker.close()
    if version is not None:
        raise ReplayError(
            f"At {url} answers kvconsole {version}, whose rules would work on both arms. "
            "Name llama-server's own address."
        )
