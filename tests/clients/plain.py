"""What clients share that send a system prompt, tools and the conversation as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache

from console.demo.openclaw_system import DATA
from tests.clients.case import Case, Level, Sent
from tests.clients.story import Ask, asks
from tests.clients.wire import Json, Write, chat, chat_messages, chat_tools, openai_js, sent

CODING: Mapping[str, str] = {
    "read": "read",
    "edit": "edit",
    "write": "write",
    "exec": "bash",
    "process": "task",
    "web_fetch": "webfetch",
    "memory_search": "grep",
}
"""The demo's tools under the names that coding agents like to use."""

PROJECT = "/home/mara/code/tidepool"


@cache
def instructions(short: bool) -> str:
    """Some thousand tokens of a project's instructions: the demo's texts."""
    names = ("SOUL.md", "USER.md", "TOOLS.md") if short else ("AGENTS.md", "SOUL.md", "USER.md")
    return "\n\n".join((DATA / "workspace" / name).read_text(encoding="utf-8").strip() for name in names)


def chat_client(
    name: str,
    client: str | None,
    about: str,
    system: Callable[[Ask, str], str],
    *,
    headers: Mapping[str, str] | None = None,
    user: Callable[[Ask], Write] | None = None,
    tools: Mapping[str, str] = CODING,
    wanted: Level = "safe",
) -> Case:
    """A client of chat completions.

    Args:
        name: The case's name.
        client: The client's name as kvconsole tells it.
        about: What moves.
        system: Gives the system prompt of a moment, from the instructions that every client has.
        headers: The client's; those of OpenAI's JavaScript SDK when none are given.
        user: Gives how user messages are written at a moment, when not as they are.
        tools: The demo's tools by the names that the client gives them; none for a client without tools.
        wanted: The first level at which nearly all of the previous prompt should be reused.
    """

    def requests(short: bool) -> Iterator[Sent]:
        for ask in asks(short, names=tools):
            messages = chat_messages(ask.said, user(ask) if user else None)
            first: Json = {"role": "system", "content": system(ask, instructions(short))}
            path, body = chat([first, *messages], chat_tools(tools))
            yield sent(ask, path, headers or openai_js(), body)

    return Case(name, client, about, requests, wanted)


def long_date(at: datetime) -> str:
    """`Wednesday, March 4, 2026`."""
    return f"{at:%A, %B} {at.day}, {at:%Y}"


def iso_ms(at: datetime) -> str:
    """What JavaScript's `toISOString` writes."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.second * 13 % 1000:03}Z"
