"""From raw log lines to what the console shows and what the engine joins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from proxy_core.llama.events import Category, LogEvent
from proxy_core.llama.grammar import parse
from proxy_core.llama.lines import clean
from proxy_core.llama.turns import Turn, TurnAssembler


class LogLine(NamedTuple):
    """One line of the log, without colours, and what kind of line it is."""

    text: str
    category: Category | None
    """None for a line that the grammar has no use for."""


class Batch(NamedTuple):
    """What some lines came to."""

    lines: tuple[LogLine, ...]
    turns: tuple[Turn, ...]
    live: bool
    """False for lines that were in the log before kvconsole began to read it."""
    events: tuple[LogEvent, ...] = ()
    """All that the lines say, in their order."""


class LogFeed:
    """One log, from its first line on. Half-open turns are remembered between calls."""

    def __init__(self) -> None:
        self._assembler = TurnAssembler()

    def read(self, lines: Sequence[str], *, live: bool) -> Batch:
        """Parse the next lines; nothing in them can raise."""
        shown: list[LogLine] = []
        turns: list[Turn] = []
        events: list[LogEvent] = []
        for line in lines:
            event = parse(line)
            shown.append(LogLine(clean(line), event.category if event else None))
            if event is not None:
                events.append(event)
                turns += self._assembler.feed(event)
        return Batch(tuple(shown), tuple(turns), live, tuple(events))
