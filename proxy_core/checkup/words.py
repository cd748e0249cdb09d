"""Figures and lists in sentences."""

from __future__ import annotations

from collections.abc import Sequence

_MOST_NAMED = 5


def number(value: float) -> str:
    """A whole number in groups of three, as in README: `8,192`."""
    return f"{round(value):,}"


def plural(count: int, word: str) -> str:
    """A count with its noun: `1 slot`, `4 slots`."""
    return f"{number(count)} {word}{'' if count == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Names with commas; of many, the first few and how many more."""
    shown = ", ".join(names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def ago(seconds: float) -> str:
    """A span as people say it: `12 seconds`, `4 minutes`, `3 hours`, `5 days`."""
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return plural(int(seconds // size), word)
    return plural(max(0, int(seconds)), "second")
