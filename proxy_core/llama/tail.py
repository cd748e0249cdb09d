"""A log file read as it grows, through truncation, rotation and replacement."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from proxy_core.errors import LogSourceError
from proxy_core.llama.split import LineSplitter

READ_CAP = 1024 * 1024
"""Bytes read in one poll, so that a large backlog reaches the reader in parts."""
BACKLOG_CAP = 16 * 1024 * 1024
"""Bytes before the end of a file where a first start begins at the earliest."""

_MARK_SIZE = 64


class FileTail:
    """Complete lines of a file, poll by poll; no thread, no watcher, so it works on any file system.

    Args:
        path: The file; it may not exist yet.
        from_start: Whether to read what the file holds at the first poll (its last 16 MiB at most).
            A file that appears or is replaced later is read from its beginning in any case.
    """

    def __init__(self, path: Path, *, from_start: bool) -> None:
        self._path = path
        self._from_start = from_start
        self._first = True
        self._told = False
        self._fd: int | None = None
        self._offset = 0
        self._mark = b""
        self._skip_partial = False
        self._splitter = LineSplitter()
        self._caught_up = False

    @property
    def caught_up(self) -> bool:
        """Whether the last poll reached the end of the file, or found none."""
        return self._caught_up

    def poll(self) -> list[str]:
        """The lines completed since the last poll.

        Raises:
            LogSourceError: The file cannot be read; raised once per failure. Later polls keep trying.
        """
        try:
            lines = self._poll()
        except OSError as error:
            self.close()
            self._caught_up = True
            if self._told:
                return []
            self._told = True
            raise LogSourceError(_advice(self._path, error)) from error
        if self._fd is not None:
            self._told = False
        return lines

    def close(self) -> None:
        """Close the file; the next poll opens it again as a new one."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        self._splitter.reset()

    def _poll(self) -> list[str]:
        if self._fd is None and not self._open():
            self._first = False
            self._caught_up = True
            return []
        self._first = False
        # Asked before reading: what was written before the replacement is then read to its end below.
        replaced = self._is_replaced()
        self._rewind_if_truncated()
        data = self._read()
        lines = self._lines(data)
        self._caught_up = len(data) < READ_CAP and not replaced
        if replaced and len(data) < READ_CAP:
            lines += self._splitter.flush()
            self.close()
        return lines

    def _open(self) -> bool:
        try:
            # Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
            fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(fd)
            raise OSError("not a regular file")
        self._fd, self._offset, self._mark, self._skip_partial = fd, 0, b"", False
        if self._first:
            self._start_at(status.st_size - (BACKLOG_CAP if self._from_start else 0))
        return True

    def _start_at(self, offset: int) -> None:
        """Begin at the first line that starts at or after `offset`."""
        if self._fd is None or offset <= 0:
            return
        self._offset = offset
        self._mark = os.pread(self._fd, min(_MARK_SIZE, offset), offset - min(_MARK_SIZE, offset))
        self._skip_partial = not self._mark.endswith(b"\n")

    def _is_replaced(self) -> bool:
        """Whether the path names another file now; a path that names none yet is no replacement."""
        if self._fd is None:
            return False
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        here = os.fstat(self._fd)
        return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)

    def _rewind_if_truncated(self) -> None:
        """Start over when the file shrank, or was emptied and has already grown past the old end.

        The second case shows in the bytes before the offset: llama-server empties its log file at each start.
        """
        if self._fd is None or self._offset == 0:
            return
        size = os.fstat(self._fd).st_size
        if size == self._offset:
            return
        before = os.pread(self._fd, len(self._mark), self._offset - len(self._mark))
        if size < self._offset or before != self._mark:
            self._offset, self._mark, self._skip_partial = 0, b"", False
            self._splitter.reset()

    def _read(self) -> bytes:
        if self._fd is None:
            return b""
        data = os.pread(self._fd, READ_CAP, self._offset)
        self._offset += len(data)
        self._mark = (self._mark + data)[-_MARK_SIZE:]
        return data

    def _lines(self, data: bytes) -> list[str]:
        if not self._skip_partial:
            return self._splitter.feed(data)
        _, newline, rest = data.partition(b"\n")
        if not newline:
            return []
        self._skip_partial = False
        return self._splitter.feed(rest)


def _advice(path: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    if isinstance(error, PermissionError):
        hint = f"Give yourself read access to it (chmod a+r {path}), or pass --log another file."
    elif isinstance(error, IsADirectoryError) or reason == "not a regular file":
        hint = "Pass --log a plain file, or pipe the log in and pass --log -."
    else:
        hint = "Check the path that you passed as --log."
    return f"The log {path} cannot be read: {reason}. {hint} kvconsole keeps trying."
