"""Threads that bring log lines in: from a file that grows, from standard input, from a child's pipe."""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias

from proxy_core.errors import LogSourceError
from proxy_core.llama.split import LineSplitter
from proxy_core.llama.tail import FileTail

OnLines: TypeAlias = Callable[[str, Sequence[str], bool], None]
"""Gets the source's name, its new lines, and whether they are live: False for what was in a file before it
was followed. Called on the source's thread; a slow one holds up the pipe's writer."""
OnError: TypeAlias = Callable[[str, LogSourceError], None]
OnEnd: TypeAlias = Callable[[str], None]

BATCH_SECONDS = 0.05
"""Shortest time between two deliveries."""
POLL_SECONDS = 0.1
"""Time between two looks at a file whose end was reached."""
_BATCH_LINES = 20_000
_CHUNK = 64 * 1024

_log = logging.getLogger("kvconsole")


class LogSource:
    """A named thread that delivers lines until it is stopped or its input ends.

    The thread is a daemon, so that a stuck file system cannot keep the process alive.
    """

    def __init__(self, name: str, work: Callable[[LogSource], None]) -> None:
        self.name = name
        self._work = work
        self._stopping = threading.Event()
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name=f"log:{name}", daemon=True)
        self._started = False
        self._closed = False

    @property
    def wake_fd(self) -> int:
        """A descriptor that becomes readable when the source is to stop."""
        return self._wake_read

    @property
    def stopping(self) -> bool:
        """Whether the source was told to stop."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Begin to deliver; a second call does nothing, and neither does one after `stop`."""
        if not self._started and not self.stopping:
            self._started = True
            self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it, one second at most. May be called twice, and by a callback."""
        if self._closed:
            return
        if not self.stopping:
            self._stopping.set()
            os.write(self._wake_write, b"x")
        if self._started and threading.current_thread() is not self._thread:
            self._thread.join(1.0)
        if not self._thread.is_alive():
            self._closed = True
            os.close(self._wake_read)
            os.close(self._wake_write)

    def wait(self, seconds: float) -> bool:
        """Sleep on the source's thread; `True` as soon as it is to stop."""
        return self._stopping.wait(seconds)

    def _run(self) -> None:
        try:
            self._work(self)
        except Exception:
            _log.exception("log source %s ended", self.name)


def follow_file(path: Path, from_start: bool, on_lines: OnLines, on_error: OnError) -> LogSource:
    """A source, not yet started, of the lines of a file that may not exist yet.

    Args:
        path: The file; its path is the source's name.
        from_start: Whether to deliver what the file already holds.
        on_lines: Gets each batch.
        on_error: Gets one error per failure; the source keeps trying.
    """

    def work(source: LogSource) -> None:
        tail = FileTail(path, from_start=from_start)
        live = False
        try:
            while not source.stopping:
                lines: list[str] = []
                try:
                    lines = tail.poll()
                except LogSourceError as error:
                    _call(on_error, source.name, error)
                if lines:
                    _call(on_lines, source.name, lines, live)
                if tail.caught_up:
                    live = True
                    source.wait(POLL_SECONDS)
                elif lines:
                    source.wait(BATCH_SECONDS)
        finally:
            tail.close()

    return LogSource(str(path), work)


def follow_stream(
    stream: int | IO[Any], on_lines: OnLines, on_end: OnEnd, *, name: str = "stdin"
) -> LogSource:
    """A source, not yet started, of the lines of a pipe, a terminal or a socket.

    Args:
        stream: A descriptor, or a file that has one. It is read below Python's buffers and is not closed.
        on_lines: Gets each batch.
        on_end: Called once when the writer closed its end, not when the source is stopped.
        name: The source's name.
    """
    fd = stream if isinstance(stream, int) else stream.fileno()

    def work(source: LogSource) -> None:
        if _read_stream(source, fd, on_lines):
            _call(on_end, source.name)

    return LogSource(name, work)


def _read_stream(source: LogSource, fd: int, on_lines: OnLines) -> bool:
    """Deliver lines until the input ends (`True`) or the source is stopped (`False`)."""
    splitter = LineSplitter()
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    poller.register(source.wake_fd, select.POLLIN)
    pending: list[str] = []
    due = 0.0
    ended = False
    while not (source.stopping or ended):
        timeout = max(0.0, due - time.monotonic()) * 1000 if pending else None
        if any(ready == fd for ready, _ in poller.poll(timeout)):
            data = _read(fd)
            ended = data == b""
            pending += splitter.flush() if ended else splitter.feed(data or b"")
        if pending and (ended or len(pending) >= _BATCH_LINES or time.monotonic() >= due):
            _call(on_lines, source.name, pending, True)
            pending, due = [], time.monotonic() + BATCH_SECONDS
    if pending:
        _call(on_lines, source.name, pending, True)
    return ended


def _read(fd: int) -> bytes | None:
    """What can be read now; empty at the end, `None` when another reader was faster."""
    try:
        return os.read(fd, _CHUNK)
    except BlockingIOError:
        return None
    except OSError:
        # A terminal whose other side went away answers with an error instead of an end.
        return b""


def _call(callback: Callable[..., None], *args: object) -> None:
    """A callback that fails must not end the source: the next lines are still worth showing."""
    try:
        callback(*args)
    except Exception:
        _log.exception("a receiver of log lines failed")
