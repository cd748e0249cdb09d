"""What a conversation is called on screen: how its first question begins."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

from proxy_core.prompt import Message
from proxy_core.rules.anchors import Frame
from proxy_core.rules.identity import words_of

LONGEST = 40
"""Characters of a label."""

_READ = 4096
"""Most bytes of a message that are looked at: it may be a whole file."""

_ENVELOPE = re.compile(r"\[[^\]\n]{8,256}\]\s+(?=\S)")
"""Who writes from where and when, as chat bridges put it in front of a message."""


def label_of(messages: Sequence[Message], frame: Frame | None) -> str:
    """How the first user message begins, in the person's own words and on one line; empty when there is none.

    Args:
        messages: A request's messages.
        frame: How the client decorates what a person wrote.
    """
    return next((label for label in (_label(message, frame) for message in messages) if label), "")


def _label(message: Message, frame: Frame | None) -> str:
    if message.kind != "user":
        return ""
    key: Hashable = ("label", frame.token if frame else None)
    if key not in message.remembered:
        message.remembered[key] = _clipped(words_of(message, frame)[:_READ].decode(errors="ignore"))
    known = message.remembered[key]
    assert isinstance(known, str)
    return known


def _clipped(text: str) -> str:
    text = text.lstrip()
    envelope = _ENVELOPE.match(text)
    line = " ".join(text[envelope.end() if envelope else 0 :].split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1].rstrip()}…"
