"""What a model will roughly see of a message or a tool, whatever API the request came through.

llama-server makes one list of chat messages of all three APIs, and a chat template makes one text of it. The
templates differ in their marks, hardly in the order: what was thought, what is said, what is called.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from proxy_core.prompt import Api, Message
from proxy_core.prompt.content import TEXT_KEYS

FRAME = 20
"""Size of the marks that a template writes around one message, five tokens or so."""

_PICTURE = 1500
"""The same for a picture: some hundred tokens, more or fewer by model and resolution."""
_PICTURES = frozenset({"image", "image_url", "input_image"})

_DIGIT = 3
_FOREIGN = 2
_DIGITS = b"0123456789"
_BEYOND_ASCII = bytes(range(0x80, 0x100))

_DIGEST = 16
_THOUGHT = re.compile(r"\s*<think>.*?</think>\s*", re.DOTALL)
"""Thoughts that a server leaves in the text (`--reasoning-format none`)."""
_UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError)
_UNSEEN = frozenset({"type", "cache_control"})
_BILLING = re.compile(r"\A(x-anthropic-billing-header:.*?\bcch=)[^;]{5};", re.DOTALL)
"""llama-server masks this checksum, which changes with every request of Claude Code, since b8906."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the model sees of one component."""

    role: str
    """`system`, `user`, `assistant`, `tool`, or the type of an item that is no message."""
    text: bytes = field(repr=False)
    digest: bytes
    size: int
    """Size of the text, see `weight`, and of the marks around it."""
    thought: int = 0
    """Bytes at the text's beginning that the model thought; nobody was told."""
    ids: tuple[str, ...] = ()
    """Ids of the tool calls whose output it carries."""

    @property
    def said(self) -> bytes:
        """The text without what was thought."""
        return self.text[self.thought :]


@dataclass(slots=True)
class _Text:
    """A message's text as it grows."""

    thoughts: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    frames: int = 0
    """Messages that the server makes of it beside its own: one for each output of a tool."""
    pictures: int = 0

    def finished(self, role: str, ids: tuple[str, ...], *, framed: bool = True) -> Seen:
        thought = "".join(f"<think>\n{text}\n</think>\n\n" for text in self.thoughts)
        said = "\n".join(self.said)
        if role == "assistant" and not thought and (inline := _THOUGHT.match(said)):
            thought, said = inline[0], said[inline.end() :]
        text = (thought + said + "".join(self.calls)).encode(errors="replace")
        marks = FRAME * (framed + self.frames) + _PICTURE * self.pictures
        return _seen(role, text, marks, len(thought.encode(errors="replace")), ids)


def seen_message(api: Api, message: Message) -> Seen:
    """What the model sees of a message, or of a system text that stands alone.

    One that cannot be read is taken as it is.
    """
    role = message.kind or "item"
    try:
        return _read(api, message, role, msgspec.json.decode(message.raw))
    except _UNREADABLE:
        return _seen(role, message.raw, FRAME, 0, message.answers)


def _read(api: Api, message: Message, role: str, value: object) -> Seen:
    if not isinstance(value, dict):
        text = _Text()
        _content(value, text)
        if api == "messages" and role == "system":
            text.said = [_BILLING.sub(r"\1fffff;", said) for said in text.said]
        return text.finished(role, ())
    return _item(value, message, role) if api == "responses" else _message(value, message, role)


@lru_cache(maxsize=1024)
def seen_tool(api: Api, raw: bytes) -> Seen | None:
    """What the model sees of a declared tool; None where llama-server leaves it out.

    Whatever else the client sent with it, in whatever order: llama-server takes name, description and
    parameters, and keeps the order of keys inside the parameters alone.
    """
    try:
        value = msgspec.json.decode(raw)
        text = _declared(api, value) if isinstance(value, dict) else raw.decode()
    except _UNREADABLE:
        return _seen("tools", raw, 0, 0, ())
    return None if text is None else _seen("tools", text.encode(), 0, 0, ())


def _declared(api: Api, value: Mapping[str, Any]) -> str | None:
    """A tool's declaration as templates write it."""
    kind = value.get("type")
    if api == "responses" and kind not in ("function", "namespace"):
        return None
    inner = value.get("function")
    declared = inner if isinstance(inner, dict) else value
    function = {"name": declared.get("name"), "description": declared.get("description", "")}
    function["parameters"] = declared.get("input_schema" if api == "messages" else "parameters")
    if kind == "namespace":
        function["tools"] = declared.get("tools")
    return _json({"type": "function", "function": function})


def weight(text: bytes) -> int:
    """Size of a text: its bytes in UTF-8, but those count for more of which tokenizers make more tokens.

    Of letters four or so go into a token; of digits one (Qwen, Gemma, Mistral) or up to three (Llama, GPT);
    of what is not ASCII two bytes. A prefix never weighs more than the whole.
    """
    digits = len(text) - len(text.translate(None, _DIGITS))
    foreign = len(text) - len(text.translate(None, _BEYOND_ASCII))
    return len(text) + (_DIGIT - 1) * digits + (_FOREIGN - 1) * foreign


def _seen(role: str, text: bytes, marks: int, thought: int, ids: tuple[str, ...]) -> Seen:
    # The marks tell how many messages the server makes of it.
    digest = blake2b(b"%b\0%d\0%b" % (role.encode(), marks, text), digest_size=_DIGEST).digest()
    return Seen(role, text, digest, weight(text) + marks, thought, ids)


def _message(value: Mapping[str, Any], message: Message, role: str) -> Seen:
    """A message of chat completions or of Anthropic's API."""
    if message.kind is None:
        return _seen(role, message.raw, FRAME, 0, ())
    text = _Text()
    thought = value.get("reasoning_content")
    if isinstance(thought, str) and thought:
        text.thoughts.append(thought)
    _content(value.get("content"), text)
    calls = value.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            text.calls.append(_call(function.get("name"), function.get("arguments")))
    # An Anthropic user message that carries outputs of tools is the tools', not a person's.
    told = "tool" if any(message.answers) else role
    return text.finished(told, message.answers, framed=not text.frames)


def _item(value: Mapping[str, Any], message: Message, role: str) -> Seen:
    """An item of a responses request. Calls and thoughts join the assistant's message beside them."""
    text = _Text()
    match value.get("type"):
        case None | "message":
            _content(value.get("content"), text)
            return text.finished(role, ())
        case "function_call_output":
            _content(value.get("output"), text)
            return text.finished("tool", message.answers)
        case "function_call":
            text.calls.append(_call(value.get("name"), value.get("arguments")))
            return text.finished("assistant", (), framed=False)
        case "reasoning":
            thought = _Text()
            _content(value.get("content") or value.get("summary"), thought)
            text.thoughts += ["\n".join(thought.said)]
            return text.finished("reasoning", (), framed=False)
        case other:
            return _seen(other if isinstance(other, str) else role, message.raw, FRAME, 0, ())


def _content(content: object, into: _Text) -> None:
    """A content: a string, or a list of parts."""
    if isinstance(content, str):
        into.said.append(content)
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict):
                _part(part, into)
            elif isinstance(part, str):
                into.said.append(part)


def _part(part: Mapping[str, Any], into: _Text) -> None:
    kind = part.get("type")
    kind = kind if isinstance(kind, str) else "part"
    key = TEXT_KEYS.get(kind)
    if key is not None and isinstance(part.get(key), str):
        into.said.append(part[key])
    elif kind == "thinking":
        thought = part.get("thinking")
        into.thoughts += [thought] if isinstance(thought, str) and thought else []
    elif kind == "redacted_thinking":
        return
    elif kind == "tool_use":
        into.calls.append(_call(part.get("name"), part.get("input")))
    elif kind == "tool_result":
        into.frames += 1
        _content(part.get("content"), into)
    else:
        into.pictures += kind in _PICTURES
        own = _json({name: value for name, value in part.items() if name not in _UNSEEN})
        digest = blake2b(own.encode(errors="replace"), digest_size=4)
        into.said.append(f"[{kind} {digest.hexdigest()}]")


def _call(name: object, arguments: object) -> str:
    spelled = arguments if isinstance(arguments, str) else _json(arguments)
    return f'\n<tool_call>\n{{"name": {_json(name)}, "arguments": {spelled}}}\n</tool_call>'


def _json(value: object) -> str:
    """As templates write it."""
    return json.dumps(value, ensure_ascii=False)
