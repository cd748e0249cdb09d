"""Bare request bodies: one in a file, several one behind another (JSON Lines too), or an array of them.

Batch files of the OpenAI API are read as well: lines whose `body` is a request and whose `url` is its path.
A body does not say which API it is for; that is told from its members.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from proxy_core.captures import jsonl
from proxy_core.captures.captured import Captured, Place, Problem, Read
from proxy_core.captures.json_parts import BrokenJsonError, Part, elements, values
from proxy_core.captures.stream import Stream
from proxy_core.prompt import Api
from proxy_core.prompt.spans import raw_bytes
from proxy_core.queries import clean_path
from proxy_core.routes import route

PATHS: dict[Api | None, str] = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    None: "/v1/completions",
}
_EXPECTED = 'expected a request body: an object with "messages", "input" or "prompt"'
_LISTS = frozenset({"messages", "input", "prompt"})
_OF_MESSAGES = frozenset({"system", "anthropic_version", "stop_sequences", "thinking", "mcp_servers"})
"""Members that only bodies of Anthropic messages have."""


class _Tool(msgspec.Struct):
    input_schema: dict[str, Any] | None = None


class _Message(msgspec.Struct):
    role: str = ""
    content: str | list[dict[str, Any]] | None = None


_INDENTED = re.compile(rb"[ \t]+\S|[{}\[\]][ \t\r]*$")
"""A line of a value that is spread over several."""

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TOOLS = msgspec.json.Decoder(list[_Tool])
_MESSAGES = msgspec.json.Decoder(list[_Message])
_TEXT = msgspec.json.Decoder(str)


def read(stream: Stream) -> Iterator[Read]:
    """The bodies of a file, each with its exact bytes but for white space around it.

    Raises:
        CaptureError: The file cannot be read to its end.
    """
    if stream.head.lstrip().startswith(b"["):
        yield from _read(stream, elements(stream.pieces()))
    elif _is_lines(stream.head):
        yield from _read(stream, _lines(stream))
    else:
        yield from _read(stream, values(stream.pieces()))


def captured(data: bytes, place: Place) -> Captured:
    """One body as a request.

    Raises:
        ValueError: It is no body of a request.
    """
    members = _object(data)
    if "kvconsole" in members:
        # Written by kvconsole, and then sorted by its keys by some other tool.
        return jsonl.captured(data, place)
    method, path = "POST", None
    if "body" in members and not _LISTS & set(members):
        method, path = _text(members.get("method")) or method, _text(members.get("url"))
        data = raw_bytes(members["body"])
        members = _object(data)
    if not _LISTS & set(members):
        raise ValueError(_EXPECTED)
    if path is not None:
        return Captured(
            place=place,
            method=method,
            path=clean_path(path),
            api=route("POST", path.partition("?")[0]).api,
            body=data,
        )
    api = api_of(members)
    return Captured(place=place, method=method, path=PATHS[api], api=api, body=data)


def api_of(members: dict[str, msgspec.Raw]) -> Api | None:
    """The API that a body is for, told from its members; None for a plain completion."""
    if "messages" not in members:
        return "responses" if "input" in members else None
    if _OF_MESSAGES & set(members) or _declares_schemas(members) or _speaks_in_blocks(members["messages"]):
        return "messages"
    return "chat"


def _declares_schemas(members: dict[str, msgspec.Raw]) -> bool:
    try:
        tools = _TOOLS.decode(members.get("tools", b"[]"))
    except msgspec.DecodeError:
        return False
    return any(tool.input_schema is not None for tool in tools)


def _speaks_in_blocks(messages: msgspec.Raw) -> bool:
    """Whether a message holds a tool's use or result as a part, which chat completions do not know."""
    try:
        parts = [m.content for m in _MESSAGES.decode(messages) if isinstance(m.content, list)]
    except msgspec.DecodeError:
        return False
    return any(part.get("type") in ("tool_use", "tool_result", "thinking") for own in parts for part in own)


def _read(stream: Stream, parts: Iterable[Part]) -> Iterator[Read]:
    number = 0
    try:
        for number, part in enumerate(parts, 1):
            place = Place(stream.name, part.line, number)
            try:
                yield captured(part.data, place)
            except (ValueError, RecursionError) as error:
                yield Problem(place, str(error) or _EXPECTED)
    except BrokenJsonError as error:
        yield Problem(Place(stream.name, error.line, number + 1), error.message)


def _is_lines(head: bytes) -> bool:
    """Whether each line holds a whole value, so that a broken one costs no other."""
    first, _, rest = head.lstrip().partition(b"\n")
    if not rest.strip() or any(_INDENTED.match(line) for line in rest.split(b"\n")):
        return False
    try:
        msgspec.json.decode(first, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _lines(stream: Stream) -> Iterator[Part]:
    for number, line in stream.lines():
        if line := line.strip():
            yield Part(line, number)


def _object(data: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _OBJECT.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{_EXPECTED}; {error}") from error


def _text(raw: msgspec.Raw | None) -> str | None:
    try:
        return None if raw is None else _TEXT.decode(raw)
    except msgspec.DecodeError:
        return None
