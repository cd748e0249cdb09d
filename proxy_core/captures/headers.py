"""What is kept of a request's headers: nothing that lets anyone in.

Headers are kept by name, never dropped by name: a header that nobody thought of may hold a key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_KEPT = frozenset(
    {
        "accept",
        "anthropic-beta",
        "anthropic-version",
        "content-encoding",
        "content-type",
        "originator",
        "user-agent",
        "x-app",
        "x-title",
        # By which clients and routers name a conversation.
        "session-id",
        "session_id",
        "x-conversation-id",
        "x-openwebui-chat-id",
        "x-session-affinity",
        "x-session-id",
    }
)
_KEPT_FAMILY = "x-stainless-"
"""SDKs of OpenAI and Anthropic tell language, system and version under it."""
_LONGEST = 512


def kept_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers that tell the client and its conversation, by lower-case name and in order of name."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    named = sorted((name.lower(), value) for name, value in pairs)
    return {name: value[:_LONGEST] for name, value in named if name in _KEPT or name.startswith(_KEPT_FAMILY)}
