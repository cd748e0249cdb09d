"""Who answers at an address, and what a llama-server there tells of itself."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote, urlsplit

import msgspec

from proxy_core.checkup.asking import Asker, Reply
from proxy_core.checkup.setup import Kind
from proxy_core.control import PREFIX
from proxy_core.llama.facts import State, Upstream, health_state, with_props

_MOST_MODELS = 8
_HERE = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"}
_DEFAULT_PORTS = (8080, 9931)
"""llama-server's default port until 2026, and the one that b10587 announces in its place (#26508)."""


class _Version(msgspec.Struct):
    kvconsole: str


class _Status(msgspec.Struct):
    value: str = ""


class _Model(msgspec.Struct):
    id: str
    status: _Status | None = None


class _Models(msgspec.Struct):
    data: list[_Model] = []


def port_of(url: str) -> int:
    """The port that a URL means."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def same_place(one: str, other: str) -> bool:
    """Whether two URLs name the same host and port; this machine has several names."""
    here = is_here(one) and is_here(other)
    return port_of(one) == port_of(other) and (here or urlsplit(one).hostname == urlsplit(other).hostname)


def is_here(url: str) -> bool:
    """Whether a URL names this machine by its usual names."""
    return urlsplit(url).hostname in _HERE


async def kvconsole_at(asker: Asker, base: str) -> str | None:
    """Version of the kvconsole that answers at `base`; None when none does."""
    return _version(await asker.get(f"{base}{PREFIX}/version"))


def _version(reply: Reply) -> str | None:
    try:
        return msgspec.json.decode(reply.body, type=_Version).kvconsole if reply.status == 200 else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


async def kind_at(asker: Asker, base: str) -> Kind:
    """Who answers at `base`."""
    reply = await asker.get(f"{base}{PREFIX}/version")
    if not reply.answered:
        return "nobody" if reply.refused else "silent"
    if _version(reply) is not None:
        return "kvconsole"
    if _is_llama(reply) or _is_llama(await asker.get(f"{base}/health")):
        return "llama-server"
    reply = await asker.get(f"{base}/")
    if reply.body.startswith(b"Ollama is running"):
        return "ollama"
    return "llama-server" if _is_llama(reply) else "other"


async def look(asker: Asker, base: str) -> tuple[Upstream, tuple[Upstream, ...]]:
    """The llama-server at `base`, and the loaded models of a router. Nothing is loaded by asking."""
    upstream = Upstream(base)
    health = await asker.get(f"{base}/health")
    if not health.answered:
        # One that took the connection and is slow to answer is there.
        state: State = "down" if health.refused else "unknown"
        return replace(upstream, state=state, reason=health.problem), ()
    upstream = replace(upstream, state=health_state(health.status))
    if upstream.state != "up":
        return upstream, ()
    server = await _props(asker, upstream, f"{base}/props")
    models = await _models(asker, base, upstream) if server.model == "router" else ()
    return server, models


async def elsewhere(asker: Asker, base: str) -> str | None:
    """Where a llama-server answers on this machine instead: on its other default port."""
    if not is_here(base):
        return None
    for port in _DEFAULT_PORTS:
        other = f"http://127.0.0.1:{port}"
        if port != port_of(base) and _is_llama(await asker.get(f"{other}/health")):
            return other
    return None


async def _props(asker: Asker, upstream: Upstream, url: str) -> Upstream:
    reply = await asker.get(url)
    if not reply.answered:
        return replace(upstream, reason=f"it does not answer /props: {reply.problem}")
    return with_props(upstream, reply.status, reply.body)


async def _models(asker: Asker, base: str, upstream: Upstream) -> tuple[Upstream, ...]:
    reply = await asker.get(f"{base}/models")
    try:
        models = msgspec.json.decode(reply.body, type=_Models).data if reply.status == 200 else []
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ()
    loaded = [model.id for model in models if model.status is not None and model.status.value == "loaded"]
    urls = [f"{base}/props?model={quote(name, safe='')}&autoload=false" for name in loaded[:_MOST_MODELS]]
    return tuple([await _props(asker, upstream, url) for url in urls])


def _is_llama(reply: Reply) -> bool:
    return "llama.cpp" in reply.server
