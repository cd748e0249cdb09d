"""Small bounded questions over HTTP, to whoever listens: it need not be who was meant."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import httpx

from proxy_core.upstream import reason

_SECONDS = 3.0
"""For the connection, and for each part of an answer."""
_ALTOGETHER = 8.0
MOST_BYTES = 32 * 1024 * 1024
"""Of an answer: a thousand exchanges take half a megabyte, a chat template takes less."""


class Reply(NamedTuple):
    """An answer, or why there is none."""

    status: int = 0
    """0 when nobody answered."""
    body: bytes = b""
    server: str = ""
    """What the server calls itself."""
    problem: str = ""
    """Why nobody answered, in words."""

    @property
    def answered(self) -> bool:
        """Whether somebody answered, with whatever status."""
        return self.status != 0

    @property
    def refused(self) -> bool:
        """Whether no connection came about at all."""
        return self.problem.startswith(("nobody", "no connection", "it did not take"))


class Asker:
    """Asks with GET alone, follows nowhere, and brings no credentials."""

    def __init__(self) -> None:
        limits = httpx.Limits(max_keepalive_connections=8)
        self._client = httpx.AsyncClient(timeout=_SECONDS, trust_env=False, limits=limits)

    async def get(self, url: str) -> Reply:
        """What `url` answers; nothing here raises."""
        try:
            asking = self._client.stream("GET", url, headers={"accept": "application/json"})
            async with asyncio.timeout(_ALTOGETHER), asking as answer:
                return Reply(answer.status_code, await _body(answer), answer.headers.get("server", ""))
        except httpx.HTTPError as error:
            return Reply(problem=reason(error))
        except TimeoutError:
            return Reply(problem="its answer does not end")
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            return Reply(problem=f"the address cannot be used: {error}")

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()


async def _body(answer: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            break
    return b"".join(parts)
