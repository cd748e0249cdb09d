"""What to forward for a request. Fails open: whatever goes wrong, the client's own bytes go on."""

from __future__ import annotations

import logging
import re
from dataclasses import replace

from proxy_core.asgi import Headers, Scope, target
from proxy_core.clients import agent_name, recognize
from proxy_core.errors import PromptError
from proxy_core.exchange import Exchange
from proxy_core.prompt import parse
from proxy_core.routes import Route
from proxy_core.rules import Normalized, RuleSet

_log = logging.getLogger("kvconsole")

_SECRET = re.compile(r"((?:^|[?&])[^=&]*(?:key|token|secret|password)[^=&]*=)[^&]*", re.IGNORECASE)


def begin(scope: Scope, meant: Route, headers: Headers) -> Exchange:
    """The exchange as far as its head tells. Secrets in the query are not kept."""
    named = _named(headers)
    return Exchange(
        method=scope["method"],
        path=_SECRET.sub(r"\1…", target(scope).decode("latin-1")),
        api=meant.api,
        label=meant.label,
        prompts=meant.prompts,
        client=recognize(named, None) or agent_name(named),
    )


def _named(headers: Headers) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def take_in(
    exchange: Exchange, headers: Headers, raw: bytes, rules: RuleSet | None
) -> tuple[Exchange, bytes]:
    """The exchange with what its prompt tells, and the body to forward.

    Args:
        exchange: As far as the request's head tells.
        headers: The request's headers.
        raw: Its body as the client sent it.
        rules: The rules in force; None forwards everything untouched.
    """
    if exchange.api is None:
        return exchange, raw
    named = _named(headers)
    encoding = named.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        return replace(exchange, note=f"forwarded untouched: its body is {encoding}-encoded"), raw
    try:
        prompt = parse(exchange.api, raw)
        client = recognize(named, prompt)
        normalized = Normalized(raw, (), ()) if rules is None else rules.apply(prompt, client)
    except PromptError as error:
        return replace(exchange, note=f"forwarded untouched: {error.message}"), raw
    except Exception as error:  # a fault of ours must not cost the client its request
        _log.exception("a request could not be normalized")
        return replace(exchange, note=f"forwarded untouched after a fault: {error!r}"), raw
    exchange = replace(
        exchange,
        client=client or exchange.client,
        model=prompt.model,
        messages=prompt.messages,
        stream=prompt.stream,
        edits=normalized.edits,
        note="; ".join(normalized.failures) or None,
    )
    return exchange, normalized.body
