"""Which client sent a request: told from its headers, else from how its prompt begins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from proxy_core.prompt import Prompt


class _Sign(NamedTuple):
    client: str
    agent: re.Pattern[str] | None
    """Matches the User-Agent header from its start."""
    opening: re.Pattern[bytes] | None
    """Matches the first system text from its start; for a client with an SDK's User-Agent."""


def _sign(client: str, agent: str | None, opening: str | None) -> _Sign:
    return _Sign(
        client,
        re.compile(agent, re.IGNORECASE) if agent else None,
        re.compile(opening.encode()) if opening else None,
    )


# Prompt openings come before SDK names: many agents share one SDK. Sources: OpenClaw 2026.1 to 2026.9
# ("Clawdbot" and "Moltbot" before 2026-01-30), Claude Code 2.1, and each client's current User-Agent.
_SIGNS = (
    _sign(
        "openclaw",
        r"openclaw/",
        r"You are a personal assistant running inside (?:OpenClaw|Clawdbot|Moltbot)\b",
    ),
    _sign(
        "claude-code",
        r"claude-(?:cli|code)/",
        r"(?:x-anthropic-billing-header:|You are Claude Code\b|You are a Claude agent\b)",
    ),
    _sign("opencode", r"opencode/", r"You are opencode\b"),
    _sign(
        "codex",
        r"codex[_-](?:cli|tui|exec|vscode)",
        r"You are (?:a coding agent running in (?:the )?)?Codex\b",
    ),
    _sign("qwen-code", r"qwencode/|qwen-code/", r"You are Qwen Code\b"),
    _sign("hermes", r"hermes[-_]agent", r"You are Hermes\b"),
    _sign("goose", r"goose/", r"You are a general-purpose AI agent called goose\b"),
    _sign("zed", r"zed/", None),
    _sign("aider", r"aider/", None),
    _sign("open-webui", r"open[- ]?webui", None),
    _sign("librechat", r"librechat", None),
    _sign("home-assistant", r"homeassistant|home assistant", None),
    _sign("n8n", r"n8n", None),
)

_SDKS = re.compile(r"(OpenAI/JS|OpenAI/Python|AsyncOpenAI/Python|Anthropic/JS|Anthropic/Python|python-httpx)")


def recognize(headers: Mapping[str, str], prompt: Prompt | None) -> str | None:
    """The client's name, or None when nothing tells.

    Args:
        headers: Request headers by lower-case name.
        prompt: The request's prompt, where it could be read.
    """
    agent = headers.get("user-agent", "")
    named = next((s.client for s in _SIGNS if s.agent and s.agent.match(agent)), None)
    if named is not None:
        return named
    system = next((s for s in prompt.segments if s.kind == "system"), None) if prompt else None
    if system is not None:
        text = system.text.lstrip()
        named = next((s.client for s in _SIGNS if s.opening and s.opening.match(text)), named)
    return named


def agent_name(headers: Mapping[str, str]) -> str | None:
    """What to show for a client that is not recognized: its SDK, or the first word of its User-Agent."""
    agent = headers.get("user-agent", "")
    if sdk := _SDKS.match(agent):
        return sdk[1]
    return agent.split("/")[0].split(" ")[0][:24] or None
