"""Figures as a person reads them; what is not known is `–`, never 0."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from typing import Literal

UNKNOWN = "–"
"""Stands for a figure that nobody measured."""

GOOD, FAIR = 0.9, 0.5
"""Shares from which on reuse counts as good, and as fair."""

Level = Literal["good", "fair", "poor"]


def level(share: float | None) -> Level:
    """How good a reused share or a `sim_best` is; an unknown one is not called good."""
    if share is None or share < FAIR:
        return "poor"
    return "good" if share >= GOOD else "fair"


def ms(value: float | None) -> str:
    """A span in milliseconds, in the unit that keeps it short: `0.8 ms`, `38 ms`, `1.7 s`, `2m05s`."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return "0 ms"
    if value < 0.1:
        return "<0.1 ms"
    if value < 9.95:
        return f"{value:.1f} ms"
    if value < 999.5:
        return f"{value:.0f} ms"
    seconds = value / 1000
    return f"{seconds:.1f} s" if seconds < 59.95 else duration(seconds)


def share(value: float | None) -> str:
    """A share of 0 to 1 in whole per cent.

    Nearly all is not all and a little is not nothing: `100 %` and `0 %` are kept for exactly 1 and 0.
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if 0 < value < 0.01:
        return "<1 %"
    percent = round(value * 100)
    return f"{min(percent, 99) if value < 1 else percent} %"


def sim(value: float | None) -> str:
    """A similarity of 0 to 1 with the three decimals that llama-server logs."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return f"{value:.3f}"


def count(value: int | None) -> str:
    """A whole number in groups of three: `18 204`."""
    return UNKNOWN if value is None else f"{value:,}".replace(",", " ")


def tokens_short(value: int | None) -> str:
    """A number of tokens, rounded to three or so digits: `412`, `18.2k`, `131k`, `1.2M`."""
    if value is None:
        return UNKNOWN
    if value < 1000:
        return str(value)
    scaled, unit = (value / 1_000, "k") if value < 999_500 else (value / 1_000_000, "M")
    return f"{scaled:.1f}{unit}" if scaled < 99.95 else f"{scaled:.0f}{unit}"


def duration(seconds: float | None) -> str:
    """A span in its two largest units: `45s`, `41m12s`, `3h05m`, `2d04h`."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if minutes == 0:
        return f"{rest}s"
    hours, minutes = divmod(minutes, 60)
    if hours == 0:
        return f"{minutes}m{rest:02d}s"
    days, hours = divmod(hours, 24)
    return f"{hours}h{minutes:02d}m" if days == 0 else f"{days}d{hours:02d}h"


def median(values: Iterable[float | None]) -> float | None:
    """The median of the values that are known, or None where none is."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def plural(number: int, word: str) -> str:
    """A count with its noun: `1 slot`, `4 slots`."""
    return f"{count(number)} {word}{'' if number == 1 else 's'}"
