"""What llama-server tells of itself over HTTP: /health, /props and /models.

Formats: llama.cpp b11549; `build_info` since 2024-12-23, `total_slots` and `n_ctx` long before, `is_sleeping`
and `chat_template_caps` since 2026.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

import msgspec

from proxy_core.llama.clock import template_clock

State = Literal["unknown", "up", "loading", "down"]

_BUILD = re.compile(r"b(\d+)\b")


@dataclass(frozen=True, slots=True)
class Upstream:
    """The upstream as it was when it last answered."""

    url: str
    state: State = "unknown"
    build: str | None = None
    """`b11549`, or what stands in for it; None when it does not say."""
    model: str | None = None
    slots: int | None = None
    ctx: int | None = None
    """Context of one slot in tokens."""
    reason: str | None = None
    """Why it is down or tells nothing, in words."""
    build_info: str | None = None
    """What it calls its build, in full."""
    sleeping: bool = False
    """Whether it has put its model and cache away until the next request."""
    slots_endpoint: bool | None = None
    """Whether it answers GET /slots."""
    template: str | None = None
    """A digest of its chat templates, by which another one is noticed."""
    template_clock: str | None = None
    """What in the chat template asks for the time, as `proxy_core.llama.clock` names it."""
    supports_reasoning_preserve: bool | None = None
    """Whether the chat template can keep what the model thought in earlier turns."""


class _Settings(msgspec.Struct):
    n_ctx: int | None = None


class _Caps(msgspec.Struct):
    supports_preserve_reasoning: bool | None = None


class _Props(msgspec.Struct):
    build_info: str | None = None
    model_alias: str | None = None
    model_path: str | None = None
    total_slots: int | None = None
    default_generation_settings: _Settings | None = None
    role: str | None = None
    is_sleeping: bool | None = None
    endpoint_slots: bool | None = None
    chat_template: str | None = None
    chat_template_tool_use: str | None = None
    chat_template_caps: _Caps | None = None


_PROPS = msgspec.json.Decoder(_Props)


def health_state(status: int) -> State:
    """The state that an answer to GET /health means; only 503 says that the model is loading.

    Another server's 404 still means that somebody is there.
    """
    return "loading" if status == 503 else "up"


def with_props(upstream: Upstream, status: int, body: bytes) -> Upstream:
    """`upstream` with what GET /props answered; one that cannot be read changes only the reason."""
    if status == 401:
        return _replace(upstream, reason="it wants an API key, so its build and model are not known")
    try:
        props = _PROPS.decode(body) if status == 200 else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        props = None
    if props is None:
        return _replace(upstream, reason=f"it answers /props with {status}: not a llama-server?")
    settings = props.default_generation_settings
    caps = props.chat_template_caps
    template = "\0".join(text for text in (props.chat_template, props.chat_template_tool_use) if text)
    return Upstream(
        url=upstream.url,
        state=upstream.state,
        build=_build(props.build_info),
        model="router" if props.role == "router" else _model(props),
        slots=props.total_slots,
        ctx=settings.n_ctx if settings else None,
        build_info=props.build_info or None,
        sleeping=props.is_sleeping or False,
        slots_endpoint=props.endpoint_slots,
        template=hashlib.blake2s(template.encode(), digest_size=8).hexdigest() if template else None,
        template_clock=template_clock(template),
        supports_reasoning_preserve=caps.supports_preserve_reasoning if caps else None,
    )


def _replace(upstream: Upstream, reason: str) -> Upstream:
    return Upstream(upstream.url, upstream.state, reason=reason)


def _build(info: str | None) -> str | None:
    """`b11549-1a2b3c4` is shown as `b11549`; builds from outside git call themselves b0."""
    if not info:
        return None
    found = _BUILD.match(info)
    if found is None:
        return info[:16]
    return None if found[1] == "0" else found[0]


def _model(props: _Props) -> str | None:
    name = props.model_alias or props.model_path
    if not name:
        return None
    return name.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".gguf")
