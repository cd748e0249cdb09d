"""Where the values of a JSON text lie, byte by byte.

Rules edit a few bytes of a large body and must leave every other byte as the client wrote it, so the body is
never decoded and written again. msgspec gives each value's raw length; walking the punctuation between them
gives its place.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import NamedTuple, TypeVar

import msgspec

from proxy_core.errors import PromptError

_T = TypeVar("_T")

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_STRING = msgspec.json.Decoder(str)

_KEY = re.compile(rb'[ \t\r\n]*("(?:[^"\\]|\\.)*")[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*")
_TOKEN = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL
)


_LONG = 64 * 1024
"""Bytes from which on a value is known by its key and its length alone: comparing it would cost a copy."""


_SPACES = b" \t\r\n"
_ENDS = b",]}"


class Span(NamedTuple):
    """Bytes `start` up to, not including, `end` of some source."""

    start: int
    end: int


class Member(NamedTuple):
    """One `"key": value` of an object: `start` is where the key's quote is, `value` where its value lies."""

    key: str
    start: int
    value: Span


def whole(source: bytes) -> Span:
    """The span of the one JSON value in `source`, without the white space around it."""
    start = _skip(source, 0)
    end = len(source.rstrip(b" \t\r\n"))
    return Span(start, max(start, end))


def members(source: bytes, span: Span) -> list[Member]:
    """The members of the object at `span`, in their order.

    Raises:
        PromptError: There is no object, or one that repeats a key: it has no single meaning to edit.
    """
    values = _decode(_OBJECT, source, span)
    found: list[Member] = []
    at = span.start + 1
    for key, raw in values.items():
        # Most writers put nothing between a key and its value; for others, a pattern finds the way.
        spelled = _compact_key(key)
        if source.startswith(spelled, at) and source[at + len(spelled)] not in _SPACES:
            first, start = at, at + len(spelled)
        else:
            match = _KEY.match(source, at, span.end)
            if match is None or _STRING.decode(match[1]) != key:
                raise PromptError("an object repeats a key")
            first, start = match.start(1), match.end()
        end = start + memoryview(raw).nbytes
        if end - start < _LONG and not source.startswith(raw_bytes(raw), start):
            raise PromptError("an object repeats a key")
        found.append(Member(key, first, Span(start, end)))
        at = _after_comma(source, end)
    if found and at != span.end:
        raise PromptError("an object repeats a key")
    return found


def items(source: bytes, span: Span) -> list[Span]:
    """The spans of the values in the array at `span`.

    Raises:
        PromptError: There is no array.
    """
    found: list[Span] = []
    at = span.start + 1
    for raw in _decode(_ARRAY, source, span):
        start = at if source[at] not in _SPACES else _skip(source, at)
        end = start + memoryview(raw).nbytes
        found.append(Span(start, end))
        at = _after_comma(source, end)
    return found


def string(source: bytes, span: Span) -> str:
    """The text of the JSON string at `span`.

    Raises:
        PromptError: There is no valid string.
    """
    try:
        return _STRING.decode(source[span.start : span.end])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PromptError(f"a string cannot be read: {error}") from error


def literal_offsets(literal: bytes, text: bytes, positions: list[int]) -> list[int]:
    """Offsets in a quoted JSON string of ascending byte positions in the UTF-8 text that it spells.

    A position inside a character that is spelled as one escape belongs to that escape's start.
    """
    if b"\\" not in literal:
        return [1 + position for position in positions]
    return _plain_offsets(literal, text, positions) or _any_offsets(literal, positions)


def _plain_offsets(literal: bytes, text: bytes, positions: list[int]) -> list[int] | None:
    """As `literal_offsets`, for a string that is spelled as most writers do; None for any other."""
    spelled = next((spelling for spelling in (_as_is, _in_ascii) if spelling(text) == literal), None)
    if spelled is None:
        return None
    offsets: list[int] = []
    offset, last = 1, 0
    for position in positions:
        if position == len(text):
            offset = len(literal) - 1
        else:
            try:
                offset += len(spelled(text[last:position])) - 2
            except UnicodeDecodeError:
                return None
        offsets.append(offset)
        last = position
    return offsets


def _as_is(text: bytes) -> bytes:
    """As JavaScript writes, and most others."""
    return msgspec.json.encode(text.decode())


def _in_ascii(text: bytes) -> bytes:
    """As Python writes by default."""
    return json.dumps(text.decode()).encode()


def _any_offsets(literal: bytes, positions: list[int]) -> list[int]:
    offsets: list[int] = []
    # `raw` and `text` are the same place, counted in the literal and in its text.
    raw, text = 1, 0
    tokens = _TOKEN.finditer(literal)
    token = next(tokens, None)
    for position in positions:
        while token is not None:
            plain = token.start() - raw
            if position <= text + plain:
                break
            width = len(_STRING.decode(b'"' + token[0] + b'"').encode())
            if position < text + plain + width:
                raw, text = token.start(), text + plain
                break
            raw, text = token.end(), text + plain + width
            token = next(tokens, None)
        inside = token is not None and raw == token.start()
        offsets.append(raw if inside else raw + position - text)
    return offsets


def raw_bytes(raw: msgspec.Raw) -> bytes:
    """The bytes that a raw value is a view of."""
    return memoryview(raw).tobytes()


@lru_cache(maxsize=256)
def _compact_key(key: str) -> bytes:
    return msgspec.json.encode(key) + b":"


def _decode(decoder: msgspec.json.Decoder[_T], source: bytes, span: Span) -> _T:
    try:
        return decoder.decode(memoryview(source)[span.start : span.end])
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise PromptError(str(error)) from error


def _skip(source: bytes, at: int) -> int:
    match = _SPACE.match(source, at)
    return match.end() if match else at


def _after_comma(source: bytes, at: int) -> int:
    """Just behind the comma or closing bracket that follows a value."""
    return (at if source[at] in _ENDS else _skip(source, at)) + 1
