"""Which client sent a request: told from its headers, else from what it writes into its prompts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from proxy_core.prompt import Prompt


class _Sign(NamedTuple):
    client: str
    agent: re.Pattern[str] | None
    """Matches the User-Agent header from its start."""
    opening: re.Pattern[bytes] | None
    """Matches the first system text from its start; for a client with an SDK's User-Agent."""
    first: re.Pattern[bytes] | None
    """Matches the first user text from its start."""
    within: re.Pattern[bytes] | None
    """Found anywhere in the first system text: a frame that only this client, or its forks, write."""


def _sign(
    client: str,
    agent: str | None = None,
    opening: str | None = None,
    *,
    first: str | None = None,
    within: str | None = None,
) -> _Sign:
    texts = [re.compile(pattern.encode()) if pattern else None for pattern in (opening, first, within)]
    return _Sign(client, re.compile(agent, re.IGNORECASE) if agent else None, *texts)


# Sources: OpenClaw 2026.1 to 2026.9 ("Clawdbot" and "Moltbot" before 2026-01-30), Claude Code 2.1, and each
# other client's releases of 2025 and 2026. Forks go by the name of the client whose prompt they kept, since
# that is what the rules were written for. The names of SDKs tell nothing: many agents share one.
_SIGNS = (
    _sign(
        "openclaw",
        r"openclaw/",
        r"You are a personal assistant running inside (?:OpenClaw|Clawdbot|Moltbot)\b",
    ),
    _sign(
        "claude-code",
        r"claude-(?:cli|code)/",
        r"(?:x-anthropic-billing-header:|You are (?:Claude Code\b|a Claude agent\b|an agent for Claude Code\b"
        r"|an? [a-z ]{1,60} for Claude Code, Anthropic's official CLI))",
    ),
    _sign(
        "opencode",
        r"opencode/",
        r"You are [Oo]pen[Cc]ode\b",
        within=r"(?m)^<env>\n  Working directory: .*\n(?:  Workspace root folder: .*\n)?"
        r"  Is directory a git repo: ",
    ),
    _sign(
        "codex",
        r"codex[_-](?:cli|tui|exec|vscode)",
        r"You are (?:a coding agent running in (?:the )?)?Codex\b",
        first=r"<environment_context>\n  <",
    ),
    _sign(
        "qwen-code",
        r"qwencode/|qwen-code/",
        r"You are Qwen Code\b",
        first=r"(?:<system-reminder>\s*)?This is the Qwen Code\. We are setting up the context\b",
    ),
    _sign(
        "hermes",
        r"hermes[-_ ]?agent",
        r"You are Hermes Agent\b",
        within=r"(?m)^(?:(?:MEMORY|USER PROFILE) \([^)\n]*\) \[\d{1,3}% "
        r"|Conversation started: [A-Z][a-z]+day, [A-Z][a-z]+ \d\d?, \d{4})",
    ),
    _sign(
        "goose",
        r"goose/",
        r"You are a (?:general-purpose AI agent called|specialized subagent within the) goose\b",
    ),
    _sign("zed", r"zed/", r"You are the Zed coding agent\b"),
    _sign(
        "pi",
        r"(?:pi|pi-coding-agent|oh-my-pi|pi_agent_rust)/",
        r"You are an expert coding assistant operating inside pi\b",
        within=r"operating in the Oh My Pi coding harness\b",
    ),
    _sign("continue", r"continue/", r"You are an agent in the Continue CLI\b"),
    _sign("cline", r"cline/", r"You are Cline,"),
    _sign("roo-code", r"roo-?code/", r"You are Roo,"),
    _sign("kilo-code", r"kilo-?code/", r"You are Kilo Code,"),
    _sign("aider", r"aider/", within=r"(?m)^- Platform: .+\n- Shell: [A-Z]+="),
    _sign(
        "open-webui",
        r"open[- ]?webui",
        first=r"### Task:\n(?:Generate (?:a concise, 3-5 word title|1-3 broad tags)"
        r"|Suggest 3-5 relevant follow-up|Analyze the chat history|You are an autocompletion system"
        r"|Respond to the user query using the provided context)",
        within=r"(?m)^User Context:\n1\. \[\d{4}-\d\d-\d\d\] ",
    ),
    _sign(
        "librechat",
        r"librechat",
        r"# `web_search`:\n",
        within=r"(?m)^# `web_search`:\nCurrent Date & Time: ",
    ),
    _sign(
        "home-assistant",
        r"homeassistant|home assistant",
        r"(?:Current time is \d\d:\d\d:\d\d\. Today's date is |Today's date is [\d-]{10}\. Current time is "
        r"|You are a voice assistant for Home Assistant\b)",
    ),
    _sign("n8n", r"n8n", r"You are the n8n Instance Agent\b"),
    _sign("sillytavern", r"sillytavern"),
)

CLIENTS = frozenset(sign.client for sign in _SIGNS)
"""The names that can be recognized, and that rules are written for."""

# Headers that clients send besides: what OpenRouter asks for (`X-Title`), and names of their own.
_TITLES = {
    "aider": "aider",
    "cline": "cline",
    "kilo code": "kilo-code",
    "librechat": "librechat",
    "open webui": "open-webui",
    "opencode": "opencode",
    "roo code": "roo-code",
    "sillytavern": "sillytavern",
}
_OPEN_WEBUI = "x-openwebui-"

_FORKED = {"kilo-code": "opencode"}
"""Clients of which some releases are forks of another, by the other's frame: Kilo's command line."""
_ORIGINATOR = "originator"
"""Codex names its variant in it: `codex_cli_rs` for instance."""

_SDKS = re.compile(r"(OpenAI/JS|OpenAI/Python|AsyncOpenAI/Python|Anthropic/JS|Anthropic/Python|python-httpx)")

_REMEMBERED = 32
"""Conversations whose client is remembered: their first texts come again in every request."""


def recognize(headers: Mapping[str, str], prompt: Prompt | None) -> str | None:
    """The client's name, or None when nothing tells. What a client says of itself goes before its prompt.

    Args:
        headers: Request headers by lower-case name.
        prompt: The request's prompt, where it could be read.
    """
    named = _by_headers(headers)
    if prompt is None or (named is not None and named not in _FORKED):
        return named
    system = next((s.text for s in prompt.segments if s.kind == "system"), b"")
    user = next((s.text for s in prompt.segments if s.kind == "user"), b"")
    return _unforked(named or _by_texts(system, user), system)


def agent_name(headers: Mapping[str, str]) -> str | None:
    """What to show for a client that is not recognized: its SDK, or the first word of its User-Agent."""
    agent = headers.get("user-agent", "")
    if sdk := _SDKS.match(agent):
        return sdk[1]
    return agent.split("/")[0].split(" ")[0][:24] or None


def _by_headers(headers: Mapping[str, str]) -> str | None:
    agent = headers.get("user-agent", "")
    named = next((sign.client for sign in _SIGNS if sign.agent and sign.agent.match(agent)), None)
    if named is not None:
        return named
    if headers.get(_ORIGINATOR, "").lower().startswith("codex"):
        return "codex"
    if any(name.startswith(_OPEN_WEBUI) for name in headers):
        return "open-webui"
    return _TITLES.get(headers.get("x-title", "").strip().lower())


def _unforked(client: str | None, system: bytes) -> str | None:
    """The client whose prompt a fork kept, where it did; else the client itself."""
    other = _FORKED.get(client or "")
    frame = next((sign.within for sign in _SIGNS if sign.client == other), None)
    return other if frame is not None and frame.search(system) else client


@lru_cache(maxsize=_REMEMBERED)
def _by_texts(system: bytes, user: bytes) -> str | None:
    opening, first = system.lstrip(), user.lstrip()
    for sign in _SIGNS:
        if sign.opening and sign.opening.match(opening):
            return sign.client
    for sign in _SIGNS:
        if sign.first and sign.first.match(first):
            return sign.client
    return next((sign.client for sign in _SIGNS if sign.within and sign.within.search(system)), None)
