"""A source's bytes, piece by piece: its beginning can be looked at, and all of it is then read once.

Editors and shells on Windows write UTF-16 and byte order marks; attachments of bug reports are often gzipped.
Both are undone here, so that readers see UTF-8.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from proxy_core.errors import CaptureError

PIECE = 256 * 1024
"""Bytes that are read at once."""
LONGEST = 256 * 1024 * 1024
"""Bytes of one line or entry; no request is as long."""

_GZIP = b"\x1f\x8b"
_WIDE = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class Stream:
    """The bytes of a source.

    Args:
        name: The file's name, for messages.
        file: Read from where it stands, never sought: it may be a pipe.

    Raises:
        CaptureError: Its first bytes cannot be read.
    """

    def __init__(self, name: str, file: BinaryIO) -> None:
        self.name = name
        self._raw = _chunks(file)
        self.head = b""
        """How it begins, `PIECE` bytes or so."""
        first = self._next()
        if first.startswith(_GZIP):
            self._raw = _inflated(first, self._raw)
            first = self._next()
        wide = next((name for mark, name in _WIDE.items() if first.startswith(mark)), None)
        if wide is not None:
            self._raw = _narrowed(wide, first, self._raw)
            first = self._next()
        self.head = first.removeprefix(codecs.BOM_UTF8)

    def pieces(self) -> Iterator[bytes]:
        """All of it, from its beginning; to be asked for once.

        Raises:
            CaptureError: The rest cannot be read: the disk failed, or a compressed file is cut short.
        """
        yield self.head
        while piece := self._next():
            yield piece

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Each line with its number from 1, without what ends it.

        Raises:
            CaptureError: See `pieces`; or a line is longer than `LONGEST`.
        """
        number, begun, length = 1, list[bytes](), 0
        for piece in self.pieces():
            first, *more = piece.split(b"\n")
            begun.append(first)
            length += len(first)
            if length > LONGEST:
                raise CaptureError(f"{self.name}:{number}: the line is longer than {LONGEST >> 20} MiB")
            for line in more:
                yield number, b"".join(begun).removesuffix(b"\r")
                number, begun, length = number + 1, [line], len(line)
        if length:
            yield number, b"".join(begun).removesuffix(b"\r")

    def _next(self) -> bytes:
        try:
            return next(self._raw, b"")
        except (OSError, EOFError, zlib.error, UnicodeError) as error:
            raise CaptureError(f"{self.name}: cannot be read to its end: {error}") from error


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(PIECE):
        yield chunk


class _Joined:
    """Pieces as a file, for what reads from files."""

    def __init__(self, first: bytes, rest: Iterator[bytes]) -> None:
        self._held, self._rest = first, rest

    def read(self, size: int = -1) -> bytes:
        if not self._held:
            self._held = next(self._rest, b"")
        given, self._held = self._held[:size], self._held[size:]
        return given


def _inflated(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    # It asks for nothing but `read`, so that a pipe will do.
    with gzip.GzipFile(fileobj=cast("BinaryIO", _Joined(first, rest)), mode="rb") as file:
        yield from _chunks(cast("BinaryIO", file))


def _narrowed(encoding: str, first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    yield decoder.decode(first).encode()
    for piece in rest:
        yield decoder.decode(piece).encode()
    if tail := decoder.decode(b"", final=True).encode():
        yield tail
