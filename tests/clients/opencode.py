"""OpenCode and its plugins: the date in `<env>`, a reminder that moves, blocks of plugins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tests.clients.plain import PROJECT, chat_client, iso_ms
from tests.clients.story import Ask, Person
from tests.clients.wire import openai_js

_HEADERS = openai_js("opencode/1.2.10")
_SWITCH = 3
"""The turn in which the person leaves plan mode."""


def system(ask: Ask, text: str) -> str:
    """The prompt; its date has the form of JavaScript's `toDateString`."""
    return (
        f"You are opencode, an agent that works on code in a terminal.\n\n{text}\n\n{env(ask.at)}\n"
        f"Instructions from: {PROJECT}/AGENTS.md\nKeep changes small."
    )


def env(at: datetime) -> str:
    """The block about the machine."""
    lines = [
        "Here is some useful information about the environment you are running in:",
        "<env>",
        f"  Working directory: {PROJECT}",
        "  Is directory a git repo: yes",
        "  Platform: linux",
        f"  Today's date: {at:%a %b %d %Y}",
        "</env>",
    ]
    return "\n".join(lines)


def planned(ask: Ask) -> Callable[[Person], object]:
    """From the switch to build mode on, the newest message ends with a reminder of it."""

    def write(person: Person) -> object:
        if person is not ask.person:
            return person.text
        mode = "Plan mode is on: change nothing." if ask.turn < _SWITCH else "You may change files now."
        reminder = f"<system-reminder>\n{mode}\n</system-reminder>"
        return [{"type": "text", "text": person.text}, {"type": "text", "text": reminder}]

    return write


def omo(ask: Ask, text: str) -> str:
    """With the oh-my-openagent plugin, whose block has a clock with seconds."""
    block = f"<omo-env>\n  Current date: {ask.at:%a, %b %d, %Y}\n  Current time: {ask.at:%I:%M:%S %p}\n"
    return f"{system(ask, text)}\n\n{block}  Timezone: UTC\n  Locale: en-US\n</omo-env>"


def agent_memory(ask: Ask, text: str) -> str:
    """With the opencode-agent-memory plugin, whose metadata has milliseconds."""
    metadata = f"<memory_metadata>\n- The current system date is: {iso_ms(ask.at)}\n"
    return (
        f"You are opencode, an agent that works on code in a terminal.\n\n{metadata}"
        f"- 3 memory blocks are loaded\n</memory_metadata>\n\n{text}\n\n{env(ask.at)}"
    )


CASES = (
    chat_client("opencode", "opencode", "the date, once", system, headers=_HEADERS),
    chat_client(
        "opencode-plan", "opencode", "a reminder that moves to the newest message", system,
        headers=_HEADERS, user=planned,
    ),
    chat_client("opencode-omo", "opencode", "a plugin's clock with seconds", omo, headers=_HEADERS),
    chat_client(
        "opencode-memory", "opencode", "a plugin's clock with milliseconds", agent_memory, headers=_HEADERS,
    ),
)  # fmt: skip
