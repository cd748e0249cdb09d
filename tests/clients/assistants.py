"""Clients whose one moving part is a clock or a date in the system prompt."""

from __future__ import annotations

from tests.clients.plain import CODING, PROJECT, chat_client, iso_ms, long_date
from tests.clients.story import Ask, Person
from tests.clients.wire import Write, openai_js, openai_python

_HASS = {"exec": "HassTurnOn", "read": "GetLiveContext", "process": "HassTurnOff", "edit": "HassLightSet"}


def librechat(ask: Ask, text: str) -> str:
    """The search tool's own head, with milliseconds."""
    return f"# `web_search`:\nCurrent Date & Time: {iso_ms(ask.at)}\n\nUse it for what is new.\n\n{text}"


def home_assistant(ask: Ask, text: str) -> str:
    """The clock stands at the very start, with seconds."""
    return (
        f"Current time is {ask.at:%H:%M:%S}. Today's date is {ask.at:%Y-%m-%d}.\n"
        "You are a voice assistant for Home Assistant.\n"
        "Answer questions about the world truthfully.\n"
        "An overview of the areas and the devices in this smart home:\n"
        f"- names: Study radiator\n  domain: climate\n  areas: Study\n\n{text}"
    )


def n8n(ask: Ask, text: str) -> str:
    """The clock is the second line, with milliseconds."""
    return f"You are the n8n Instance Agent.\nThe current date and time is {iso_ms(ask.at)}.\n\n{text}"


def zed(ask: Ask, text: str) -> str:
    """The date stands near the end."""
    return (
        "You are a highly skilled software engineer.\n\n"
        f"{text}\n\n## System Information\n\nOperating System: linux\nDefault Shell: /bin/bash\n"
        f"Today's Date: {ask.at:%Y-%m-%d}\n\n## User's Custom Instructions\n\nKeep changes small."
    )


def pi(ask: Ask, text: str) -> str:
    """The last two lines are date and directory."""
    return (
        "You are an expert coding assistant operating inside pi, a coding agent harness.\n\n"
        f"{text}\n\nCurrent date: {ask.at:%Y-%m-%d}\nCurrent working directory: {PROJECT}"
    )


def older_pi(ask: Ask, text: str) -> str:
    """The last two lines are the time of the process's start and the directory; here it starts each turn."""
    now = f"{long_date(ask.person.at)} at {ask.person.at:%I:%M:%S %p} UTC"
    return (
        "You are an expert coding assistant operating inside pi, a coding agent harness.\n\n"
        f"{text}\n\nCurrent date and time: {now}\nCurrent working directory: {PROJECT}"
    )


def oh_my_pi(ask: Ask, text: str) -> str:
    """The date and the directory share the last sentence."""
    return f"{text}\n\nToday is {ask.at:%Y-%m-%d}, and the current working directory is '{PROJECT}'."


def aider(ask: Ask, text: str) -> str:
    """The date is a row of the list about the platform."""
    return (
        "Act as an expert software developer.\n\n"
        "The user's system:\n- Platform: Linux-6.12-x86_64\n- Shell: SHELL=/bin/bash\n- Language: en_US\n"
        f"- Current date: {ask.at:%Y-%m-%d}\n\n{text}"
    )


def continue_cli(ask: Ask, text: str) -> str:
    """A block about the machine, and the repository's state at the start of the process: here two of them."""
    changed = " M src/tidepool/tariff.py\n" + ("?? notes.md\n" if ask.turn > 2 else "")
    return (
        "You are an agent in the Continue CLI.\n\n"
        f"{text}\n\n<env>\nWorking directory: {PROJECT}\nIs directory a git repo: true\nPlatform: linux\n"
        f"Today's date: {ask.at:%Y-%m-%d}\n</env>\n\n"
        '<context name="gitStatus">This is the git status at the start of the conversation.\n\n'
        f"{changed}</context>"
    )


def roo(ask: Ask, text: str) -> str:
    """Nothing moves in the system prompt."""
    return f"You are Roo, an engineer who works inside an editor.\n\n{text}"


def details(_ask: Ask) -> Write:
    """Roo's details end each message, and are stored with it: they never change."""

    def write(person: Person) -> object:
        lines = [
            "<environment_details>",
            "# Current Time",
            f"Current time in ISO 8601 UTC format: {iso_ms(person.at)}",
            "User time zone: UTC, UTC+0:00",
            "",
            "# Current Cost",
            f"${0.04 * person.turn:.2f}",
            "</environment_details>",
        ]
        return [{"type": "text", "text": person.text}, {"type": "text", "text": "\n".join(lines)}]

    return write


def unknown_iso(ask: Ask, text: str) -> str:
    """A script of somebody's, with a clock in the ISO form."""
    return f"You help at a harbour office.\nCurrent time: {ask.at:%Y-%m-%dT%H:%M:%S}+00:00\n\n{text}"


def unknown_long(ask: Ask, text: str) -> str:
    """A script of somebody's, with a clock in words."""
    now = f"{long_date(ask.at)} {ask.at:%I:%M:%S %p} UTC"
    return f"You help at a harbour office.\n\n{text}\n\nCurrent date and time: {now}"


def unknown_id(ask: Ask, text: str) -> str:
    """A script of somebody's, with an id of each turn."""
    return f"You help at a harbour office.\nrequest_id: {ask.person.id}\n\n{text}"


CASES = (
    chat_client(
        "librechat", "librechat", "a clock with milliseconds at the top", librechat,
        headers=openai_js("LibreChat/0.8.2"),
    ),
    chat_client(
        "home-assistant", "home-assistant", "a clock with seconds at the very start", home_assistant,
        headers=openai_python("HomeAssistant/2026.2.1"), tools=_HASS,
    ),
    chat_client(
        "n8n", "n8n", "a clock with milliseconds in the second line", n8n, headers=openai_js("n8n/2.6.0"),
    ),
    chat_client("zed", "zed", "the date, once", zed, headers=openai_js("Zed/0.222.0 (linux; x86_64)")),
    chat_client("pi", "pi", "the date, once", pi),
    chat_client("pi-2025", "pi", "a clock with seconds at each start", older_pi),
    chat_client("oh-my-pi", "pi", "the date, once", oh_my_pi, headers=openai_js("oh-my-pi/0.9")),
    chat_client(
        "aider", "aider", "the date, once", aider, headers=openai_python("aider/0.86.1"), tools={},
    ),
    chat_client(
        "continue", "continue", "the date, once; git status at a new start", continue_cli,
        headers=openai_js("Continue/1.5.29"), tools={**CODING, "read": "Read", "exec": "Bash"},
    ),
    chat_client("roo-code", "roo-code", "nothing: details stay with their messages", roo, user=details),
    chat_client(
        "unknown-iso", None, "a clock in the ISO form", unknown_iso, headers=openai_python(), tools=_HASS,
    ),
    chat_client("unknown-long", None, "a clock in words", unknown_long, headers=openai_python()),
    chat_client(
        "unknown-id", None, "an id of each turn", unknown_id, headers=openai_python(), wanted="careful",
    ),
)  # fmt: skip
