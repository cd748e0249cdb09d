"""One request on its way: to the upstream, and its answer back.

Each piece of the answer goes to the client before it is looked at.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import httpx
import msgspec

from proxy_core import asgi
from proxy_core.exchange import Exchange, Status
from proxy_core.failures import error_event
from proxy_core.llama.answer import Answer, AnswerReader
from proxy_core.llama.generated import Generated, GeneratedReader
from proxy_core.queries import secrets_of, without
from proxy_core.upstream import UpstreamClient, forwarded, reason

_log = logging.getLogger("kvconsole")

_UNREACHABLE = "upstream_unreachable"


class Outgoing(NamedTuple):
    """A request as it is forwarded."""

    method: str
    target: bytes
    headers: asgi.Headers
    body: bytes

    @classmethod
    def of(cls, scope: asgi.Scope, headers: asgi.Headers, body: bytes) -> Outgoing:
        """The client's request with another body."""
        return cls(scope["method"], asgi.target(scope), headers, body)


class Forward:
    """Carries one exchange to its end, and publishes each state that it goes through."""

    def __init__(
        self,
        upstream: UpstreamClient,
        exchange: Exchange,
        publish: Callable[[Exchange], None],
        learn: Callable[[Generated], None] | None = None,
        heard: Callable[[Generated], None] | None = None,
    ) -> None:
        """
        Args:
            upstream: Where the request goes.
            exchange: The request, as far as it is known.
            publish: Takes each state of the exchange.
            learn: Takes the model's answer, if all of it came.
            heard: Takes what came of the model's answer, before the exchange's end is published.
        """
        self._upstream = upstream
        self._exchange = exchange
        self._publish = publish
        self._learn = learn
        self._heard = heard
        self._generated = GeneratedReader() if learn is not None or heard is not None else None
        self._reader: AnswerReader | None = None
        self._started = time.monotonic()

    async def run(self, request: Outgoing, send: asgi.Send) -> None:
        """Forward the request and pass the answer back; the exchange always ends in some state."""
        try:
            response = await self._upstream.send(*request)
        except httpx.TransportError as error:
            message = self._advice(error)
            self._end("error", message, http_status=502)
            await asgi.refuse(send, self._exchange.api, 502, message, _UNREACHABLE)
            return
        except asyncio.CancelledError:
            self._end("cancelled")
            raise
        try:
            await self._answer(response, request, send)
        except asyncio.CancelledError:
            # A client may close as soon as it has read the last event: that is no cancellation.
            ended = self._reader is not None and self._reader.ended
            if ended:
                self._tell_what_was_said()
            self._end("done" if ended else "cancelled")
            raise
        finally:
            await response.aclose()

    async def _answer(self, response: httpx.Response, request: Outgoing, send: asgi.Send) -> None:
        events = response.headers.get("content-type", "").startswith("text/event-stream")
        readable = self._exchange.prompts and "content-encoding" not in response.headers
        self._reader = AnswerReader(stream=events, generated=self._generated) if readable else None
        self._change(status="streaming", http_status=response.status_code, stream=events)
        await asgi.start(send, response.status_code, forwarded(response.headers.raw))
        try:
            async for chunk in response.aiter_raw():
                await asgi.body(send, chunk, more=True)
                if self._reader is not None and self._reader.feed(chunk):
                    self._change(answer=_discreet(self._reader.answer, request))
        except httpx.TransportError as error:
            # A plain event would be garbage within a compressed stream.
            plain = events and "content-encoding" not in response.headers
            await self._broken_off(error, plain, send)
            return
        await asgi.body(send, b"", more=False)
        self._finish(response.status_code, request)

    async def _broken_off(self, error: httpx.TransportError, plain_events: bool, send: asgi.Send) -> None:
        """The upstream died half-way: a stream ends in an error event, another body is left visibly short."""
        message = f"{self._advice(error)} This answer is incomplete."
        self._end("error", message)
        if plain_events:
            gap = b"\n\n" if self._reader is None or self._reader.mid_event else b""
            event = error_event(self._exchange.api, message, _UNREACHABLE)
            await asgi.body(send, gap + event, more=False)

    def _advice(self, error: httpx.TransportError) -> str:
        return (
            f"kvconsole cannot reach llama-server at {self._upstream.base}: {reason(error)}. "
            "Start llama-server there, or start kvconsole with --upstream URL."
        )

    def _finish(self, status: int, request: Outgoing) -> None:
        if self._reader is not None:
            self._reader.finish()
            self._exchange = replace(self._exchange, answer=_discreet(self._reader.answer, request))
        failed = self._exchange.answer.error
        whole = self._reader is not None and (self._reader.ended or not self._exchange.stream)
        if whole and failed is None and status < 400:
            self._tell_what_was_said()
        self._end("error" if failed is not None or status >= 400 else "done", failed)

    def _tell_what_was_said(self) -> None:
        if self._learn is not None and self._generated is not None and self._generated.complete:
            self._exchange = replace(self._exchange, reasoned=self._generated.generated.thought)
            try:
                self._learn(self._generated.generated)
            except Exception:  # what is not remembered costs a prefix later, and no answer now
                _log.exception("an answer could not be remembered")

    def _end(self, status: Status, note: str | None = None, http_status: int | None = None) -> None:
        if self._heard is not None and self._generated is not None:
            self._heard(self._generated.generated)
        self._change(
            status=status,
            note="; ".join(text for text in (self._exchange.note, note) if text) or None,
            total_ms=(time.monotonic() - self._started) * 1000,
            http_status=http_status or self._exchange.http_status,
        )

    def _change(self, **fields: Any) -> None:
        self._exchange = replace(self._exchange, **fields)
        self._publish(self._exchange)


def _discreet(answer: Answer, request: Outgoing) -> Answer:
    """An answer whose error quotes nothing that lets anyone in, as a server's may that refuses a key."""
    if answer.error is None:
        return answer
    secrets = secrets_of(request.headers, request.target)
    return msgspec.structs.replace(answer, error=without(answer.error, secrets))
