"""A few rules for pictures: those that ship change more often than pictures should."""

from __future__ import annotations

from proxy_core.rules import Rule
from proxy_core.rules.actions.strip import Strip
from proxy_core.rules.rule import Level

_RULES: tuple[tuple[str, Level, str, str, str], ...] = (
    ("aider.date", "safe", "Aider date", "Moves today's date to the newest user message.", "A few tokens."),
    (
        "any.clock",
        "safe",
        "Clocks in system prompts",
        "Moves a line that tells the time from the system prompt to the newest user message.",
        "The model finds the time at the end of a user message, without seconds.",
    ),
    ("any.tools", "safe", "Order of tools", "Sends tools in the order in which they first came.", "Nothing."),
    (
        "any.reasoning",
        "careful",
        "Reasoning that a client drops",
        "Puts reasoning back that the model generated and the client left out.",
        "The prompt grows by what was thought.",
    ),
    (
        "any.vanished-tools",
        "aggressive",
        "Tools that come and go",
        "Goes on offering tools that a client no longer sends.",
        "The model may call a tool that its client then refuses.",
    ),
    ("codex.date", "safe", "Codex date", "Moves today's date to the newest user message.", "A few tokens."),
    (
        "openclaw.message-id",
        "safe",
        "OpenClaw message ids",
        "Removes message ids from OpenClaw's metadata blocks, in the system prompt and before each message.",
        "The model cannot react to or reply to one certain message by its id.",
    ),
    (
        "openclaw.timestamp",
        "safe",
        "OpenClaw message stamps",
        "Removes the [Wed 2026-02-18 20:48 UTC] stamp before a message's text.",
        "The model no longer sees when a message was written.",
    ),
    (
        "openclaw.memory",
        "careful",
        "OpenClaw memory",
        "Keeps the memory section that a conversation began with.",
        "The model reads a memory of before until the next conversation.",
    ),
    ("zed.date", "safe", "Zed date", "Moves today's date to the newest user message.", "A few tokens."),
)

FEW_RULES = tuple(
    Rule(
        id=rule_id,
        title=title,
        client=client,
        apis=frozenset({"chat", "responses", "messages"}),
        level=level,
        does=does,
        cost=cost,
        looks=(),
        action=Strip(),
        source=f"{client}.toml",
    )
    for rule_id, level, title, does, cost in _RULES
    for client in (rule_id.partition(".")[0],)
)
"""Rules of five clients, at all three levels; they do nothing."""
