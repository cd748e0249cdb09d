"""What all sources of captured requests have in common: they are read once, and count what is passed over."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from proxy_core.captures.captured import Captured, Problem

MOST_TOLD = 100
"""Problems of one source that are kept; all are counted."""


class Reading(Iterator[Captured]):
    """The requests of one source, read as they are asked for; close it, or use it in a `with`.

    Args:
        name: What the person called it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        """The first `MOST_TOLD` entries that were passed over because they are broken."""
        self.broken = 0
        """How many there were so far."""
        self.passed = 0
        """Entries so far that are no request to a language model."""
        self.read = 0
        """Requests so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Let go of the source; nothing more is read."""

    @property
    @abstractmethod
    def share(self) -> float | None:
        """How much was read so far, from 0 to 1; None where its size is unknown, as of a pipe."""

    @property
    def summary(self) -> str | None:
        """What was not read, in a sentence; None where all was."""
        if not self.broken:
            return None
        entries = "1 entry was" if self.broken == 1 else f"{self.broken:,} entries were"
        return f"{shown(self.name)}: {entries} passed over. {self.problems[0]}"

    def _tell(self, problem: Problem) -> None:
        self.broken += 1
        if len(self.problems) < MOST_TOLD:
            self.problems.append(problem)


def shown(name: str) -> str:
    """A source's name in a sentence."""
    return "standard input" if name == "-" else name
