"""The proxy: receive, normalize, forward, measure.

A raw ASGI app, since request and response classes cost more than the forwarding itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from proxy_core.asgi import Headers, Receive, Scope, Send, refuse
from proxy_core.exchange import OPEN, Bodies, Exchange
from proxy_core.forward import Forward, Outgoing
from proxy_core.history import History
from proxy_core.intake import Intake, begin
from proxy_core.llama.generated import Generated
from proxy_core.local_answers import answer_here
from proxy_core.routes import route
from proxy_core.tasks import spawn
from proxy_core.upstream import UpstreamClient

_LONG_BODY = 256 * 1024
"""Bytes from which on a body is normalized on a thread of its own."""


class TooLargeError(Exception):
    """The request's body is over the limit."""


class ClientGoneError(Exception):
    """The client went away before its request was complete."""


class Gateway:
    """Forwards every request to the upstream; those that carry a prompt go through the rules first."""

    def __init__(
        self,
        upstream: UpstreamClient,
        history: History,
        intake: Intake,
        saw: Callable[[Exchange], None],
        heard: Callable[[int, Generated], None] | None,
        *,
        body_limit: int,
    ) -> None:
        """`saw` takes each exchange whose prompt went through the intake; `heard`, by record id, what the
        model answered, where anybody wants to know."""
        self._upstream = upstream
        self._history = history
        self._intake = intake
        self._saw = saw
        self._heard = heard
        self._body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        meant = route(scope["method"], scope["path"])
        headers = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
        exchange = begin(scope, meant, headers)
        try:
            raw = await _read_body(receive, headers, self._body_limit)
        except TooLargeError:
            self._history.refused(replace(exchange, status="error", http_status=413, note=self._too_large()))
            await refuse(send, meant.api, 413, self._too_large(), "request_too_large")
            return
        except ClientGoneError:
            return
        told = await answer_here(exchange, self._intake.bypassed(), send)
        if told is not None:
            self._history.refused(told)
            return
        take = partial(self._intake.take, exchange, headers, raw)
        # A long prompt takes a while to read; the streams of others go on meanwhile.
        exchange, body, learn = await asyncio.to_thread(take) if len(raw) > _LONG_BODY else take()
        key = self._history.begin(exchange, Bodies(raw, body))
        if exchange.prompts:
            self._saw(exchange)

        def publish(changed: Exchange) -> None:
            self._history.change(key, changed)
            if changed.status not in OPEN:
                self._intake.counted(changed, body)

        heard = partial(self._heard, key) if self._heard is not None and exchange.prompts else None
        forward = Forward(self._upstream, exchange, publish, learn, heard)
        sending = spawn(forward.run(Outgoing.of(scope, headers, body), send), f"forward {key}")
        gone = spawn(_until_gone(receive), f"client of {key}")
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Cancelling closes the connection to the upstream, and llama-server frees the slot.
            sending.cancel()
            gone.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)

    def _too_large(self) -> str:
        return (
            f"The request is larger than kvconsole's limit of {self._body_limit} bytes. "
            "Raise it with body_limit in kvconsole.toml or KVCONSOLE_BODY_LIMIT."
        )


async def _read_body(receive: Receive, headers: Headers, limit: int) -> bytes:
    """The whole request body, of at most `limit` bytes."""
    declared = next((value for name, value in headers if name == b"content-length"), b"0")
    if declared.isdigit() and int(declared) > limit:
        raise TooLargeError
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise TooLargeError
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
