"""A log read once, as far as a check needs it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from proxy_core.checkup.setup import Log
from proxy_core.errors import LogSourceError
from proxy_core.llama import events as ev
from proxy_core.llama.grammar import parse
from proxy_core.llama.logfacts import LogCollector, LogFacts
from proxy_core.llama.split import LineSplitter
from proxy_core.llama.tail import BACKLOG_CAP, FileTail
from proxy_core.llama.turns import Turn, TurnAssembler

_HEAD = 256 * 1024
"""Bytes from the beginning of a long log: what the server says of itself when it starts stands there."""

_CLOCK_SLACK = 1.0
"""Seconds that a line may be late; more means that the server's clock began anew."""


class _Reader:
    """Lines to what is known of the server's newest start."""

    def __init__(self) -> None:
        self.lines = 0
        self.events = 0
        self.turns: list[Turn] = []
        self.evictions = 0
        self._facts = LogCollector()
        self._assembler = TurnAssembler()
        self._stamp = 0.0

    @property
    def facts(self) -> LogFacts:
        """What the server said of itself; of a router, its address and what its newest child said."""
        newest = self._facts.facts
        return replace(newest, address=self._facts.of(None).address) if newest.port is not None else newest

    def take(self, line: str) -> None:
        """The next line."""
        self.lines += 1
        event = parse(line)
        if event is None:
            return
        self.events += 1
        if event.port is None and event.stamp is not None:
            if event.stamp < self._stamp - _CLOCK_SLACK:
                # A start that fell into the part of a long log that is not read.
                self.turns, self.evictions, self._facts = [], 0, LogCollector()
            self._stamp = event.stamp
        self._facts.feed(event)
        match event:
            case ev.ServerState(what="loading", port=port):
                self.turns = [turn for turn in self.turns if turn.port != port]
                self.evictions = 0
            case ev.HostCache(what="evicted"):
                self.evictions += 1
            case _:
                pass
        self.turns += self._assembler.feed(event)


def read_log(name: str) -> Log:
    """The log in a file, which need not exist. Of one longer than 16 MiB, its beginning and its end."""
    path = Path(name)
    reader = _Reader()
    try:
        status = path.stat()
        if status.st_size > BACKLOG_CAP:
            for line in _head(path):
                reader.take(line)
        for line in _tail(path):
            reader.take(line)
    except FileNotFoundError:
        return Log(name, exists=False)
    except LogSourceError as error:
        return Log(name, problem=error.message.removesuffix(" kvconsole keeps trying."))
    except OSError as error:
        return Log(name, problem=f"The log {name} cannot be read: {error.strerror or error}.")
    return Log(
        name,
        inode=(status.st_dev, status.st_ino),
        modified=status.st_mtime,
        lines=reader.lines,
        events=reader.events,
        facts=reader.facts,
        turns=tuple(reader.turns),
        evictions=reader.evictions,
    )


def _head(path: Path) -> list[str]:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return LineSplitter().feed(os.pread(fd, _HEAD, 0))
    finally:
        os.close(fd)


def _tail(path: Path) -> Iterator[str]:
    tail = FileTail(path, from_start=True)
    try:
        # A log that grows faster than it is read is left where it was at the start.
        for _ in range(BACKLOG_CAP // (1024 * 1024) + 1):
            yield from tail.poll()
            if tail.caught_up:
                return
    finally:
        tail.close()
