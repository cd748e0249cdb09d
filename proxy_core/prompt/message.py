"""Messages, read once: history is replayed in every request, so each message is remembered by its bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict

from proxy_core.errors import PromptError
from proxy_core.prompt.content import Parts, function_call, read_content, tool_calls
from proxy_core.prompt.model import KINDS, Api, Kind, Message, member, opens, text_of
from proxy_core.prompt.spans import Member, Span, members, whole

_MOST_BYTES = 96 * 1024 * 1024
"""Bytes that remembered messages may take: several long conversations."""

_OBJECTS = 2500
"""Bytes that a message takes besides its text, which is held up to three times: raw, read, and edited."""


class _Memory:
    """Messages by API and bytes; the one that was not used for longest goes first."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Api | Kind, bytes], Message] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[Api | Kind, bytes]) -> Message | None:
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
            return known

    def put(self, key: tuple[Api | Kind, bytes], message: Message) -> None:
        with self._lock:
            if key in self._known:
                return
            self._known[key] = message
            self._bytes += 3 * len(key[1]) + _OBJECTS
            while self._bytes > _MOST_BYTES and len(self._known) > 1:
                (_, raw), _ = self._known.popitem(last=False)
                self._bytes -= 3 * len(raw) + _OBJECTS

    def clear(self) -> None:
        with self._lock:
            self._known.clear()
            self._bytes = 0


_memory = _Memory()


def read_message(api: Api, raw: bytes) -> Message:
    """One item of a request's list of messages.

    One that cannot be read (an object in it repeats a key, its bytes are no text) has no kind and no
    segments: it goes on as it is, and the other messages are read all the same.
    """
    known = _memory.get((api, raw))
    if known is None:
        try:
            raw.decode()
            known = _responses_item(raw) if api == "responses" else _message(raw)
        except (PromptError, UnicodeDecodeError):
            known = Message(raw)
        _memory.put((api, raw), known)
    return known


def read_text(kind: Kind, raw: bytes) -> Message:
    """A content that stands without a message: top-level system text, or an `input` that is one string.

    One that cannot be read has no segments.
    """
    known = _memory.get((kind, raw))
    if known is None:
        parts = Parts()
        try:
            raw.decode()
            read_content(raw, whole(raw), kind, parts)
            known = _made(raw, kind, parts)
        except (PromptError, UnicodeDecodeError):
            known = Message(raw, kind)
        _memory.put((kind, raw), known)
    return known


def forget_messages() -> None:
    """Forget all that was remembered, so that a measurement begins cold."""
    _memory.clear()


def _message(raw: bytes) -> Message:
    """A message with a role; one whose role is unknown has no segments."""
    span = whole(raw)
    return _with_role(raw, members(raw, span)) if opens(raw, span, b"{") else Message(raw)


def _with_role(raw: bytes, fields: list[Member]) -> Message:
    kind = KINDS.get(text_of(raw, member(fields, "role")) or "")
    if kind is None:
        return Message(raw)
    parts = Parts()
    read_content(raw, member(fields, "content"), kind, parts)
    parts.calls += tool_calls(raw, member(fields, "tool_calls"))
    if kind == "tool":
        parts.answers.append(text_of(raw, member(fields, "tool_call_id")) or "")
    return _made(raw, kind, parts)


def _responses_item(raw: bytes) -> Message:
    """An item without a type is a message; outputs of tools hold their text in `output`."""
    span: Span = whole(raw)
    if not opens(raw, span, b"{"):
        return Message(raw)
    fields = members(raw, span)
    what = text_of(raw, member(fields, "type"))
    if what in (None, "message"):
        return _with_role(raw, fields)
    parts = Parts()
    if what == "function_call_output":
        read_content(raw, member(fields, "output"), "tool", parts)
        parts.answers.append(text_of(raw, member(fields, "call_id")) or "")
        return _made(raw, "tool", parts)
    if what == "function_call":
        parts.calls.append(function_call(raw, fields))
        return _made(raw, "assistant", parts)
    return Message(raw)


def _made(raw: bytes, kind: Kind, parts: Parts) -> Message:
    return Message(
        raw, kind, tuple(parts.segments), tuple(parts.calls), tuple(parts.answers), tuple(parts.others)
    )
