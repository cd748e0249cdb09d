"""The logs that the engine reads: files, standard input, and the output of a child."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from proxy_core.child import Child
from proxy_core.errors import LogSourceError
from proxy_core.events import Notice
from proxy_core.llama.feed import Batch, LogFeed
from proxy_core.llama.sources import LogSource, follow_file, follow_stream

STDIN = "-"
"""What stands for standard input in the list of logs."""

_LAST_WORDS = 5


class LogReader:
    """Starts a thread per log and delivers parsed batches on it."""

    def __init__(self, deliver: Callable[[Batch], None], tell: Callable[[Notice], None]) -> None:
        self._deliver = deliver
        self._tell = tell
        self._sources: list[LogSource] = []
        self._child: Child | None = None
        self._last: deque[str] = deque(maxlen=_LAST_WORDS)

    def open(
        self, files: Sequence[str], stdin: int | None, child: Child | None, seen: Collection[str]
    ) -> list[str]:
        """Get every log ready, and start the child.

        Args:
            files: Paths, and `-` for standard input.
            stdin: The descriptor behind `-`.
            child: A llama-server whose output is a log.
            seen: Logs that an earlier run followed; the others are read from their beginning.

        Returns:
            The absolute paths of the files.

        Raises:
            ChildError: The child does not start.
        """
        paths = [str(Path(file).absolute()) for file in files if file != STDIN]
        for path in paths:
            self._sources.append(follow_file(Path(path), path not in seen, self._lines(), self._failed))
        if STDIN in files and stdin is not None:
            self._sources.append(follow_stream(stdin, self._lines(), self._stdin_ended))
        if child is not None:
            self._child = child
            output = child.start()
            self._sources.append(follow_stream(output, self._lines(), self._child_ended, name=child.name))
        return paths

    def start(self) -> None:
        """Begin to deliver."""
        for source in self._sources:
            source.start()

    def close(self) -> None:
        """Stop the child, then the threads, so that its last words are still read."""
        child, self._child = self._child, None
        if child is not None:
            child.stop()
        for source in self._sources:
            source.stop()

    def _lines(self) -> Callable[[str, Sequence[str], bool], None]:
        feed = LogFeed()

        def read(_source: str, lines: Sequence[str], live: bool) -> None:
            batch = feed.read(lines, live=live)
            self._last.extend(line.text for line in batch.lines[-_LAST_WORDS:])
            self._deliver(batch)

        return read

    def _failed(self, _source: str, error: LogSourceError) -> None:
        self._tell(Notice("warning", error.title, error.message))

    def _stdin_ended(self, _source: str) -> None:
        message = "The program that wrote into standard input has ended. Turns still show from the answers."
        self._tell(Notice("warning", "Log", message))

    def _child_ended(self, _source: str) -> None:
        child = self._child
        how = child.wait_ended(2.0) if child is not None else None
        if child is not None and how is not None:
            words = "\n".join(self._last)
            self._tell(Notice("error", child.name, f"{how}. Its last words:\n{words}"))
