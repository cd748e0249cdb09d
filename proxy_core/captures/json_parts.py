"""The values of a large JSON text one by one, as the bytes that they are, without holding the text.

A HAR of a day is hundreds of megabytes; an entry of it is some hundred kilobytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from proxy_core.captures.stream import LONGEST, PIECE

_TOKEN = re.compile(rb'[ \t\r\n]*("[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^ \t\r\n"{}\[\],:]+)', re.DOTALL)
_NESTING = re.compile(rb'[^"{}\[\]]*("[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]])', re.DOTALL)
_CLOSES = {b"{": b"}", b"[": b"]"}
_NO_VALUE = b"}],:"
_WHOLE = b'{}[],:"'
"""What a token ends with that cannot go on in the next piece."""
_SHOWN = 40


class Part(NamedTuple):
    """One value, as it is spelled."""

    data: bytes
    line: int
    """Line on which it begins, from 1."""


class BrokenJsonError(Exception):
    """The text cannot be followed from here on.

    Args:
        line: Line of the place, from 1.
        message: What was expected.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def values(pieces: Iterable[bytes]) -> Iterator[Part]:
    """The values of a text that holds several, one behind another, or one.

    Raises:
        BrokenJsonError: After the last value that could be told from what follows.
    """
    scan = _Scanner(pieces)
    while scan.peek():
        yield scan.value()


def elements(pieces: Iterable[bytes], keys: Sequence[str] = ()) -> Iterator[Part]:
    """The elements of one array in a JSON text; what follows the array is not read.

    Args:
        pieces: The text.
        keys: Where the array is: a key of the outer object, a key of that key's object, and so on.

    Raises:
        BrokenJsonError: The array is not there; or after its last element that could be told from what
            follows.
    """
    scan = _Scanner(pieces)
    for key in keys:
        scan.enter(key)
    scan.expect(b"[")
    while scan.peek() != b"]":
        yield scan.value()
        if scan.peek() != b"]":
            scan.expect(b",")


class _Scanner:
    """Reads tokens; what lies before the present one is let go unless a value is being taken."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._data = b""
        self._at = 0
        self._begun: int | None = None
        self._line = 1

    def peek(self) -> bytes:
        """The first byte of the next token; nothing at the end."""
        token = self._token()
        if token is None:
            return b""
        return self._data[token[0] : token[0] + 1]

    def expect(self, bracket: bytes) -> None:
        """Go behind a bracket, comma or colon."""
        token = self._token()
        if token is None or self._data[token[0] : token[1]] != bracket:
            raise self._broken(f'expected "{bracket.decode()}"')
        self._at = token[1]

    def enter(self, key: str) -> None:
        """Go to the value of a key of the object that comes next."""
        self.expect(b"{")
        while self.peek() == b'"':
            start, end = self._token() or (0, 0)
            try:
                found = json.loads(self._data[start:end], strict=False)
            except ValueError:
                raise self._broken("expected a key") from None
            self._at = end
            self.expect(b":")
            if found == key:
                return
            self._skip()
            if self.peek() == b",":
                self.expect(b",")
        raise self._broken(f'there is no "{key}"')

    def value(self) -> Part:
        """The value that comes next."""
        token = self._token()
        if token is None:
            raise self._broken("the text ends where a value should be")
        self._count(token[0])
        line = self._line
        self._begun = self._at = token[0]
        try:
            self._skip()
            return Part(self._data[self._begun : self._at], line)
        finally:
            self._count(self._at)
            self._begun = None

    def _skip(self) -> None:
        """Go behind the value that comes next."""
        token = self._token()
        if token is None:
            raise self._broken("the text ends where a value should be")
        start, self._at = token
        first = self._data[start : start + 1]
        if first not in _CLOSES:
            if first in _NO_VALUE:
                raise self._broken("expected a value")
            return
        closing = [_CLOSES[first]]
        while closing:
            found = self._match(_NESTING)
            if found is None:
                raise self._broken(f"the text ends in a value that lacks {closing[-1].decode()}")
            start, self._at = found
            char = self._data[start : start + 1]
            if char in _CLOSES:
                closing.append(_CLOSES[char])
            elif char != b'"' and char != closing.pop():
                raise self._broken(f"{char.decode()} closes nothing here")

    def _token(self) -> tuple[int, int] | None:
        return self._match(_TOKEN)

    def _match(self, pattern: re.Pattern[bytes]) -> tuple[int, int] | None:
        """Where the next token lies; None at the end of the text."""
        while True:
            found = pattern.match(self._data, self._at)
            if found is not None and (
                found.end() < len(self._data) or self._data[found.end() - 1 : found.end()] in _WHOLE
            ):
                return found.span(1)
            if not self._more():
                # What lay before was let go, so the token lies elsewhere now.
                found = pattern.match(self._data, self._at)
                if found is None and self._data[self._at :].strip():
                    raise self._broken("the text ends in the middle of a string")
                return None if found is None else found.span(1)

    def _more(self) -> bool:
        """Take as much again as is held, so that a long value is not looked through over and over."""
        keep = self._at if self._begun is None else self._begun
        self._count(keep)
        wanted = max(PIECE, len(self._data) - keep)
        if len(self._data) - keep > LONGEST:
            raise self._broken(f"a value is longer than {LONGEST >> 20} MiB")
        new: list[bytes] = []
        while wanted > 0 and (piece := next(self._pieces, b"")):
            new.append(piece)
            wanted -= len(piece)
        self._data = self._data[keep:] + b"".join(new)
        self._counted -= keep
        self._at -= keep
        if self._begun is not None:
            self._begun = 0
        return bool(new)

    _counted = 0
    """Offset up to which line feeds were counted."""

    def _count(self, to: int) -> None:
        if to > self._counted:
            self._line += self._data.count(b"\n", self._counted, to)
            self._counted = to

    def _broken(self, message: str) -> BrokenJsonError:
        # The place is where the next token is, not the white space before it.
        space = len(self._data) - len(self._data[self._at :].lstrip()) - self._at
        self._count(self._at + space)
        rest = self._data[self._at + space :][:_SHOWN].strip()
        near = f", before {rest.decode(errors='replace')!r}" if rest else ""
        return BrokenJsonError(self._line, f"{message}{near}")
