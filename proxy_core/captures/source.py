"""Where captured requests come from: files of any known format, told by what they hold and not by name."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from proxy_core.captures import bodies, har, jsonl, proxy_log
from proxy_core.captures.captured import Captured, Passed, Place, Problem, Read
from proxy_core.captures.reading import Reading, shown
from proxy_core.captures.stream import Stream
from proxy_core.errors import CaptureError
from proxy_core.paths import journal_file

_OWN = re.compile(rb'\s*\{\s*"kvconsole"\s*:')
_HAR = re.compile(rb'\s*\{\s*"log"\s*:\s*[{n]')
_JSON = re.compile(rb'\s*(?:\{\s*(?:["}]|$)|\[\s*(?:[\[{"\]]|$))')
_SQLITE = b"SQLite format 3\0"
_KNOWN = (
    "kvconsole reads its own JSON Lines, HAR 1.2, request bodies (one, several, or an array of them) "
    "and logs of a logging proxy (CATCH-ALL:, HEADERS:, BODY:)."
)


class _Format(NamedTuple):
    name: str
    read: Callable[[Stream], Iterator[Read]]


_FORMATS = {
    "jsonl": _Format("kvconsole JSON Lines", jsonl.read),
    "har": _Format("HAR", har.read),
    "bodies": _Format("request bodies", bodies.read),
    "log": _Format("proxy log", proxy_log.read),
}


class Source(Reading):
    """The requests of one file, read as they are asked for. Broken entries are passed over and told.

    Args:
        path: A file; `-` is standard input.

    Raises:
        CaptureError: It cannot be opened, or is of no known format.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(str(path))
        self._entries: Iterator[Read] = iter(())
        self._file, self._own = _opened(self.name)
        self._size = _size(self._file)
        try:
            self._stream = Stream(self.name, self._file)
            chosen = _FORMATS[_sniffed(shown(self.name), self._stream.head)]
        except BaseException:
            self.close()
            raise
        self.format = chosen.name
        self._entries = chosen.read(self._stream)

    def __next__(self) -> Captured:
        try:
            for entry in self._entries:
                if isinstance(entry, Captured):
                    self.read += 1
                    return entry
                if isinstance(entry, Passed):
                    self.passed += 1
                else:
                    self._tell(entry)
        except CaptureError as error:
            self._tell(Problem(Place(self.name), error.message))
        self.close()
        raise StopIteration

    def close(self) -> None:
        """Let go of the file; nothing more is read."""
        self._entries = iter(())
        if self._own:
            self._file.close()

    @property
    def share(self) -> float | None:
        """How much of the file was read so far, from 0 to 1; None where its size is unknown, as of a pipe."""
        if self._size is None:
            return None
        return 1.0 if self._file.closed else min(1.0, self._file.tell() / self._size)


def open_source(path: str | Path) -> Source:
    """The requests of a file, whatever its format; see `Source`.

    Raises:
        CaptureError: It cannot be opened, or is of no known format.
    """
    return Source(path)


def _opened(name: str) -> tuple[BinaryIO, bool]:
    if name == "-":
        # Python sets it to None when descriptor 0 is closed.
        if sys.stdin is None:
            raise CaptureError("Standard input is closed; name a file, or pipe one in.")
        return sys.stdin.buffer, False
    try:
        return Path(name).open("rb"), True
    except IsADirectoryError:
        raise CaptureError(f"{name} is a directory; name the files in it.") from None
    except OSError as error:
        raise CaptureError(f"{name} cannot be opened: {error.strerror or error}.") from error
    except ValueError as error:
        raise CaptureError(f"{name!r} cannot be opened: {error}.") from error


def _size(file: BinaryIO) -> int | None:
    try:
        found = os.fstat(file.fileno())
    except (OSError, ValueError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) and found.st_size else None


def _sniffed(name: str, head: bytes) -> str:
    if not head.strip():
        raise CaptureError(f"{name} is empty. {_KNOWN}")
    if _OWN.match(head):
        return "jsonl"
    if _HAR.match(head):
        return "har"
    if _JSON.match(head):
        return "bodies"
    if head.startswith(_SQLITE):
        raise CaptureError(
            f"{name} is an SQLite file. A journal is read where kvconsole keeps it: copy it into a directory "
            f"as {journal_file().name}, and set KVCONSOLE_STATE_DIR to that directory."
        )
    if b"\0" in head[:1024]:
        raise CaptureError(f"{name} is no text. {_KNOWN}")
    if proxy_log.is_log(head):
        return "log"
    raise CaptureError(f"{name} is of no format that kvconsole knows. {_KNOWN}")
