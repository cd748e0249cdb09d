"""The one HTTP client of the engine: pooled connections to llama-server, bytes in and bytes out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

Headers = Sequence[tuple[bytes, bytes]]

_KEEPALIVE = 4.0
"""Seconds an idle connection is kept. llama-server closes its own after 5: to be first avoids a race."""

_STALE_SECONDS = 0.5
"""A kept connection that was closed meanwhile fails at once; later it is the request that failed."""

_MOST_STALE = 70
"""More than there are kept connections."""

_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers that belong to one connection, not to the message (RFC 9110, 7.6.1)."""


class _Opened:
    """Watches whether a request got a connection of its own."""

    def __init__(self) -> None:
        self.fresh = False
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the request was sent."""
        return time.monotonic() - self._started

    async def trace(self, event: str, _info: Mapping[str, Any]) -> None:
        """httpcore tells each of its steps."""
        if event == "connection.connect_tcp.started":
            self.fresh = True


class UpstreamClient:
    """Sends requests as they are; neither adds headers, nor decodes, nor follows redirects."""

    def __init__(self, base: str, connect_timeout: float) -> None:
        self.base = httpx.URL(base)
        self._prefix = self.base.raw_path.rstrip(b"/")
        # There is no read timeout: a prefill may take 20 minutes.
        self._timeout = {"connect": connect_timeout, "read": None, "write": None, "pool": None}
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=_KEEPALIVE)
        self._transport = httpx.AsyncHTTPTransport(limits=limits, trust_env=False)

    async def send(
        self, method: str, target: bytes, headers: Headers, body: bytes, *, read_timeout: float | None = None
    ) -> httpx.Response:
        """Send one request and wait for the answer's headers; its body is still to be read.

        Args:
            method: HTTP method.
            target: Path and query exactly as the client wrote them.
            headers: The client's own; those of the connection are left out.
            body: The whole body; it may be empty.
            read_timeout: Seconds to wait for each read; None waits for ever.

        Raises:
            httpx.TransportError: The upstream cannot be reached or broke off.
        """
        kept = [
            (name, value) for name, value in forwarded(headers) if name not in (b"host", b"content-length")
        ]
        kept.append((b"host", self.base.netloc))
        if body or any(name == b"content-length" for name, _ in headers):
            kept.append((b"content-length", str(len(body)).encode()))
        extensions: dict[str, Any] = {
            # httpx would write escapes in the path its own way.
            "target": self._prefix + target,
            "timeout": {**self._timeout, **({"read": read_timeout} if read_timeout else {})},
        }
        for _ in range(_MOST_STALE):
            opened = _Opened()
            request = httpx.Request(
                method,
                self.base,
                headers=kept,
                content=body or None,
                extensions={**extensions, "trace": opened.trace},
            )
            try:
                return await self._transport.handle_async_request(request)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                # llama-server closes connections that it announced to keep. A request that found such a one
                # was not read; on a connection of its own it may have been, and is not sent twice.
                if opened.fresh or opened.seconds > _STALE_SECONDS:
                    raise
        raise httpx.RemoteProtocolError("the upstream closed every kept connection")

    async def get(self, path: str, read_timeout: float) -> tuple[int, bytes]:
        """Status and body of a small GET of kvconsole's own.

        Raises:
            httpx.TransportError: The upstream cannot be reached, broke off, or took longer
                than `read_timeout` seconds.
        """
        return await self._ask("GET", path, [], b"", read_timeout)

    async def post(self, path: str, body: bytes, read_timeout: float) -> tuple[int, bytes]:
        """Status and body of a POST of kvconsole's own, which sends JSON.

        Raises:
            httpx.TransportError: As for `get`.
        """
        return await self._ask("POST", path, [(b"content-type", b"application/json")], body, read_timeout)

    async def _ask(
        self, method: str, path: str, headers: Headers, body: bytes, read_timeout: float
    ) -> tuple[int, bytes]:
        asked = [(b"accept", b"application/json"), *headers]
        response = await self.send(method, path.encode(), asked, body, read_timeout=read_timeout)
        try:
            return response.status_code, await response.aread()
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.aclose()


def forwarded(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Headers without those of the connection, named ones in `Connection` included.

    Spaces around a value are no part of it (RFC 9110, 5.5), and the HTTP library refuses to send them.
    """
    pairs = [(name.lower(), value.strip(b" \t")) for name, value in headers]
    named = {
        token.strip().lower() for name, value in pairs if name == b"connection" for token in value.split(b",")
    }
    return [(name, value) for name, value in pairs if name not in _HOP and name not in named]


def reason(error: httpx.HTTPError) -> str:
    """What went wrong, in words."""
    if isinstance(error, httpx.ConnectTimeout):
        return "it did not take the connection in time"
    if isinstance(error, httpx.ConnectError):
        known = str(error) and "All connection attempts failed" not in str(error)
        return f"no connection: {error}" if known else "nobody listens there"
    if isinstance(error, httpx.ReadTimeout):
        return "it did not answer in time"
    return f"the connection broke off ({error or type(error).__name__})"
