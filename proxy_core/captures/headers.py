"""What is kept of a request's headers and path: nothing that lets anyone in.

Headers are kept by name, never dropped by name: a header that nobody thought of may hold a key.
"""

from __future__ import annotations

import re
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

_SECRET = re.compile(
    r"((?:^|[?&])[^=&#]*(?:key|token|secret|passw|pwd|auth|signature|\bsig\b)[^=&#]*=)[^&#]*", re.IGNORECASE
)
_USER = re.compile(r"(://)[^/?#@]*@")


def kept_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers that tell the client and its conversation, by lower-case name and in order of name."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    named = sorted((name.lower(), value) for name, value in pairs)
    return {name: value[:_LONGEST] for name, value in named if name in _KEPT or name.startswith(_KEPT_FAMILY)}


def clean_path(path: str) -> str:
    """A path with its query, in which `…` stands for secrets."""
    return _USER.sub(r"\1", _SECRET.sub(r"\1…", path))
