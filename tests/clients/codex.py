"""Codex CLI, on the responses API: the environment as the first item."""

from __future__ import annotations

from collections.abc import Iterator

from tests.clients.case import Case, Sent
from tests.clients.plain import PROJECT, instructions
from tests.clients.story import Ask, asks
from tests.clients.wire import (
    MAX_TOKENS,
    MODEL,
    Json,
    openai_js,
    response_items,
    response_tools,
    sent,
    user_item,
)

_TOOLS = {"exec": "shell", "read": "view_image", "edit": "apply_patch", "process": "update_plan"}


def environment(ask: Ask) -> str:
    """The item about the machine and the day."""
    return "\n".join(
        [
            "<environment_context>",
            f"  <cwd>{PROJECT}</cwd>",
            "  <shell>bash</shell>",
            f"  <current_date>{ask.at:%Y-%m-%d}</current_date>",
            "  <timezone>UTC</timezone>",
            "</environment_context>",
        ]
    )


def requests(short: bool) -> Iterator[Sent]:
    """The date in the first item moves at midnight."""
    for ask in asks(short, names=_TOOLS):
        body: Json = {
            "model": MODEL,
            "instructions": f"You are a coding agent running in the Codex CLI.\n\n{instructions(short)}",
            "input": [user_item(environment(ask)), *response_items(ask.said)],
            "tools": response_tools(_TOOLS),
            "tool_choice": "auto",
            "parallel_tool_calls": False,
            "store": False,
            "stream": True,
            "prompt_cache_key": ask.session,
            "max_output_tokens": MAX_TOKENS,
        }
        yield sent(ask, "/v1/responses", openai_js("codex_cli_rs/0.98.0 (Linux 6.12; x86_64)"), body)


CASES = (Case("codex", "codex", "the date, once", requests),)
