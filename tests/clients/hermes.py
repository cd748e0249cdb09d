"""Hermes Agent: when the conversation started, and how full the memory is."""

from __future__ import annotations

from datetime import timedelta

from tests.clients.plain import chat_client
from tests.clients.story import START, Ask
from tests.clients.wire import openai_python

_REBUILT = 3
"""From this turn on the prompt is one that was built again, with another start and another memory."""


def system(ask: Ask, text: str) -> str:
    """The prompt."""
    rebuilt = ask.turn >= _REBUILT
    started = START + timedelta(minutes=23 if rebuilt else 0)
    full = "51% - 1,122/2,200" if rebuilt else "49% - 1,085/2,200"
    return "\n".join(
        [
            "You are Hermes Agent, an assistant with tools and a memory.",
            "",
            "══════════════════════════════════════════════",
            f"MEMORY (your personal notes) [{full} chars]",
            "══════════════════════════════════════════════",
            "The third soil sensor comes tomorrow.",
            "",
            text,
            "",
            f"Conversation started: {started:%A, %B %d, %Y %I:%M %p}",
        ]
    )


CASES = (
    chat_client(
        "hermes",
        "hermes",
        "start and memory counter, once",
        system,
        headers=openai_python("HermesAgent/0.9"),
    ),
)
