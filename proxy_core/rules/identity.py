"""What a message is, whatever a client does to it later: how a message is known again in a later request.

Clients strip their own decoration from older messages, drop reasoning, respell arguments, replace tool
output. What stays is a person's words, the model's words, and the ids of tool calls.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from hashlib import blake2b
from typing import cast

from proxy_core.prompt import Kind, Message
from proxy_core.rules.anchors import Frame

SIZE = 16
"""Bytes of a digest."""

_THOUGHT = re.compile(rb"\s*<think>.*?</think>", re.DOTALL)
"""Reasoning that a server leaves in the text (`--reasoning-format none`); many clients take it out."""

START = bytes(SIZE)
"""What stands before the first message."""

_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9]")
"""OpenClaw replays call ids without these (2026.3.2 and later)."""


def identity(message: Message, frame: Frame | None) -> bytes | None:
    """A digest of what stays of a message; None for one that only accompanies another.

    Args:
        message: A message of a request, as the client sent it.
        frame: How the client decorates what a person wrote.
    """
    key: Hashable = ("identity", frame.token if frame else None)
    if key not in message.remembered:
        message.remembered[key] = _identity(message, frame)
    return cast("bytes | None", message.remembered[key])


def linked(before: bytes, own: bytes) -> bytes:
    """The digest of a message together with what stands before it."""
    return blake2b(before + own, digest_size=SIZE).digest()


def links(messages: Sequence[Message], frame: Frame | None) -> list[bytes | None]:
    """For each message one digest of it and of everything before it; None for one that does not count.

    System messages do not: they change while the conversation goes on.
    """
    found: list[bytes | None] = []
    last = START
    for message in messages:
        own = identity(message, frame)
        if own is None or message.kind == "system":
            found.append(None)
            continue
        key: Hashable = ("link", last, own)
        known = message.remembered.get(key)
        if not isinstance(known, bytes):
            known = message.remembered[key] = linked(last, own)
        found.append(known)
        last = known
    return found


def is_carrier(message: Message, frame: Frame | None) -> bool:
    """Whether a user message is the client's context for a turn and no person's."""
    if frame is None or frame.carrier is None or message.kind != "user" or not message.segments:
        return False
    known = message.remembered.get(("carrier", frame.token))
    if known is None:
        known = frame.carrier.match(message.segments[0].text) is not None
        message.remembered["carrier", frame.token] = known
    return bool(known)


def _identity(message: Message, frame: Frame | None) -> bytes | None:
    if message.kind is None or is_carrier(message, frame):
        return None
    digest = blake2b(message.kind.encode(), digest_size=SIZE)
    ids = [*message.answers, *(call.id for call in message.calls)]
    for known in ids:
        digest.update(b"\0id" + _NOT_IN_IDS.sub("", known).encode())
    if not any(message.answers):
        for call in message.calls:
            digest.update(b"\0call" + call.name.encode())
    texts = [_words(s.text, frame) if s.kind == "user" else _said(s.kind, s.text) for s in message.segments]
    if any(message.answers):
        texts = [t for t, s in zip(texts, message.segments, strict=True) if s.kind != "tool"]
    texts = [text for text in texts if text]
    for text in texts:
        digest.update(b"\0text" + text)
    if message.kind == "user":
        for other in message.others:
            digest.update(b"\0other" + other)
    if not texts and not ids and not message.others:
        digest.update(b"\0raw" + message.raw)
    return digest.digest()


def words_of(message: Message, frame: Frame | None) -> bytes:
    """The first thing that a user message says in a person's name; empty where it says nothing."""
    if message.kind != "user" or is_carrier(message, frame):
        return b""
    said = (_words(segment.text, frame) for segment in message.segments if segment.kind == "user")
    return next((text for text in said if text), b"")


def has_words(message: Message, frame: Frame | None) -> bool:
    """Whether a user message says anything in a person's name, besides what the client puts in."""
    if not message.answers:
        return True
    return any(segment.kind == "user" and _words(segment.text, frame) for segment in message.segments)


def _said(kind: Kind, text: bytes) -> bytes:
    thought = _THOUGHT.match(text) if kind == "assistant" else None
    return text[thought.end() if thought else 0 :].strip()


def _words(text: bytes, frame: Frame | None) -> bytes:
    if frame is None:
        return text.strip()
    if frame.aside is not None and frame.aside.fullmatch(text.strip()):
        return b""
    return frame.bare(text)
