"""The key by which a client itself tells its conversations apart, where it sends one.

Sources: Codex CLI and OpenClaw's responses (`prompt_cache_key`; Codex also the header `session_id`), Claude
Code (`metadata.user_id`, which ends in the session's UUID), OpenClaw's Runtime line (`session=`, 2026.7 and
later), and headers that routers ask clients for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from proxy_core.prompt import Prompt
from proxy_core.prompt.model import member

_HEADERS = ("x-session-id", "session-id", "session_id", "x-session-affinity", "x-conversation-id")
_KEYS = ("prompt_cache_key", "session_id", "conversation_id")
_LONGEST = 256
_RUNTIME = re.compile(rb"(?m)^Runtime: [^\n]*\bsession=([^\s|]+)")
_REMEMBERED = "session"


def session_key(headers: Mapping[str, str], prompt: Prompt) -> str | None:
    """The client's own name for the conversation, or None.

    Args:
        headers: Request headers by lower-case name.
        prompt: The request.
    """
    named = next((headers[name] for name in _HEADERS if headers.get(name)), None)
    found = named or _in_body(prompt) or _in_text(prompt)
    return found[:_LONGEST] if found else None


def _in_body(prompt: Prompt) -> str | None:
    top = {
        known.key: prompt.body[known.value.start : known.value.end]
        for known in prompt.top
        if known.key in _KEYS
    }
    for key in _KEYS:
        if (found := _text(top.get(key, b"null"))) is not None:
            return found
    span = member(prompt.top, "metadata")
    metadata = _value(prompt.body[span.start : span.end]) if span else None
    if not isinstance(metadata, dict):
        return None
    texts = (metadata.get(key) for key in ("session_id", "conversation_id", "user_id"))
    return next((text for text in texts if isinstance(text, str) and text), None)


def _in_text(prompt: Prompt) -> str | None:
    first = next((m for m in (prompt.head, *prompt.messages[:1]) if m and m.kind == "system"), None)
    if first is None:
        return None
    if _REMEMBERED not in first.remembered:
        # Looking for the few letters first spares most texts the pattern.
        texts = (segment.text for segment in first.segments if b"\nRuntime: " in segment.text)
        lines = (_RUNTIME.search(text) for text in texts)
        first.remembered[_REMEMBERED] = next((m[1].decode(errors="replace") for m in lines if m), None)
    found = first.remembered[_REMEMBERED]
    return found if isinstance(found, str) else None


def _text(raw: bytes) -> str | None:
    value = _value(raw)
    return value if isinstance(value, str) and value else None


def _value(raw: bytes) -> object:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
