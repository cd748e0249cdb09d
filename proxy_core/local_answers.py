"""Requests that llama-server does not know and that kvconsole answers itself."""

from __future__ import annotations

from dataclasses import replace

from proxy_core import asgi
from proxy_core.exchange import Exchange
from proxy_core.routes import TELEMETRY

_NOTE = "answered here: llama-server knows no telemetry, and Claude Code would send it again and again"


async def answer_here(exchange: Exchange, bypassed: bool, send: asgi.Send) -> Exchange | None:
    """Answer a request that need not reach the upstream, once its body has been read.

    Claude Code posts its telemetry to the address where it finds its model. It repeats what is answered with
    404, so often that a machine can run out of ports; an empty 204 ends it, and nothing is kept of the body.

    Args:
        exchange: As far as the request's head tells.
        bypassed: Whether everything is to pass untouched, this too.
        send: Takes the answer.

    Returns:
        The exchange as it ended, for the history; None when the request is to be forwarded.
    """
    if bypassed or exchange.label != TELEMETRY:
        return None
    await asgi.start(send, 204, ())
    await asgi.body(send, b"", more=False)
    return replace(exchange, status="done", http_status=204, note=_NOTE)
