"""The few ASGI types and answers that the gateway is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from proxy_core.failures import error_body
from proxy_core.prompt import Api

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]


def target(scope: Scope) -> bytes:
    """Path and query exactly as the client wrote them."""
    query = scope.get("query_string", b"")
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return path + (b"?" + query if query else b"")


async def start(send: Send, status: int, headers: Headers) -> None:
    """Begin an answer."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def body(send: Send, data: bytes, *, more: bool) -> None:
    """Send a piece of an answer's body; the last one has `more` False."""
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def refuse(send: Send, api: Api | None, status: int, message: str, code: str) -> None:
    """Answer with an error in the shape of `api`."""
    data = error_body(api, message, code)
    await start(
        send,
        status,
        [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())],
    )
    await body(send, data, more=False)
