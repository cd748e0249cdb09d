"""Qwen Code: date and folder structure in the first message."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.clients.case import Case, Sent
from tests.clients.plain import CODING, PROJECT, instructions, long_date
from tests.clients.story import Ask, asks
from tests.clients.wire import Json, chat, chat_messages, chat_tools, openai_js, sent

_TOOLS = {**CODING, "exec": "run_shell_command", "read": "read_file", "write": "write_file"}


def setup(ask: Ask, *, files: int) -> list[Json]:
    """The opening pair of each conversation."""
    tree = "".join(
        f"├───{name}\n" for name in ("pyproject.toml", "README.md", "notes.md", "draft.md")[:files]
    )
    text = (
        "This is the Qwen Code. We are setting up the context for our chat.\n"
        f"Today's date is {long_date(ask.at)} (formatted according to the user's locale).\n"
        "My operating system is: linux\n"
        f"I'm currently working in the directory: {PROJECT}\n"
        "Here is the folder structure of the current working directories:\n\n"
        f"Showing up to 20 items (files + folders).\n\n{PROJECT}/\n{tree}└───src/\n"
    )
    return [
        {"role": "user", "content": text},
        {"role": "assistant", "content": "Got it. Thanks for the context!"},
    ]


def _case(name: str, about: str, files: Callable[[Ask], int]) -> Case:
    def requests(short: bool) -> Iterator[Sent]:
        for ask in asks(short, names=_TOOLS):
            system = f"You are Qwen Code, an agent for the command line.\n\n{instructions(short)}"
            opening = setup(ask, files=files(ask))
            first: Json = {"role": "system", "content": system}
            path, body = chat([first, *opening, *chat_messages(ask.said)], chat_tools(_TOOLS))
            yield sent(ask, path, openai_js("QwenCode/0.10.1 (linux; x64)"), body)

    return Case(name, "qwen-code", about, requests)


CASES = (
    _case("qwen-code", "the date, once", lambda _ask: 2),
    _case("qwen-code-files", "date and folder structure", lambda ask: 2 + (ask.turn > 2) + (ask.turn > 3)),
)
