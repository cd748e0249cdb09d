"""Goose: an hour in the system prompt, and a message about the moment that is never stored."""

from __future__ import annotations

from collections.abc import Iterator

from tests.clients.case import Case, Sent
from tests.clients.plain import CODING, PROJECT, instructions
from tests.clients.story import Ask, asks
from tests.clients.wire import Json, chat, chat_messages, chat_tools, openai_js, sent

_TOOLS = {name: f"developer__{called}" for name, called in CODING.items()}


def system(ask: Ask, text: str) -> str:
    """The prompt; its clock has whole hours."""
    return (
        "You are a general-purpose AI agent called goose, created by Block.\n"
        f"The current date is {ask.at:%Y-%m-%d %H}:00.\n\n{text}"
    )


def older(ask: Ask) -> str:
    """The spelling of 2025, with seconds."""
    return f"<info-msg>\nDatetime: {ask.at:%Y-%m-%d %H:%M:%S}\nWorking directory: {PROJECT}\n</info-msg>"


def newer(ask: Ask) -> str:
    """The spelling of 2026, to the minute."""
    return f"<info_msg>\nDatetime: {ask.at:%Y-%m-%d %H:%M}\nWorking directory: {PROJECT}\n</info_msg>"


def _case(name: str, about: str, recent: bool) -> Case:
    def requests(short: bool) -> Iterator[Sent]:
        for ask in asks(short, names=_TOOLS):
            carrier: Json = {"role": "user", "content": newer(ask) if recent else older(ask)}
            first: Json = {"role": "system", "content": system(ask, instructions(short))}
            path, body = chat([first, *chat_messages(ask.said), carrier], chat_tools(_TOOLS))
            yield sent(ask, path, openai_js("goose/1.20.0"), body)

    return Case(name, "goose", about, requests)


CASES = (
    _case("goose-2025", "the hour; a message with seconds at the tail", recent=False),
    _case("goose", "the hour; a message with minutes at the tail", recent=True),
)
