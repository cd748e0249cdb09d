"""Figures as a person reads them; what is not known is `–`, never 0."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal

UNKNOWN = "–"
"""Stands for a figure that nobody measured."""

GOOD, FAIR = 0.9, 0.5
"""Shares from which on reuse counts as good, and as fair."""

_SAME_YEAR_DAYS = 300
"""Distance in days from which on a day without its year could be taken for another one."""

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


def size(count: int) -> str:
    """A number of bytes in the unit that keeps it short: `0 B`, `812 B`, `36.0 KiB`, `12.4 MiB`."""
    if count < 1024:
        return f"{count} B"
    scaled, unit = count / 1024, "KiB"
    for larger in ("MiB", "GiB", "TiB"):
        if scaled < 999.95:
            break
        scaled, unit = scaled / 1024, larger
    return f"{scaled:.1f} {unit}"


def clock(at: float | None, now: float, *, seconds: bool = True) -> str:
    """When something was, in local time and nine cells at most; both times are in seconds since the epoch.

    `20:48:01` on the day of `now` (`20:48` without seconds), `Fri 14:02` in the six days before, and the day
    alone further off: `18 Feb`, `Feb 2025`.
    """
    then, days = _then(at, now)
    if then is None:
        return UNKNOWN
    if days == 0:
        return f"{then:%H:%M:%S}" if seconds else f"{then:%H:%M}"
    if 0 < days < 7:
        return f"{then:%a %H:%M}"
    return f"{then.day} {then:%b}" if abs(days) < _SAME_YEAR_DAYS else f"{then:%b %Y}"


def moment(at: float | None, now: float) -> str:
    """When something was, in local time and in full: `20:48:01` on the day of `now`, else with its date."""
    then, days = _then(at, now)
    if then is None:
        return UNKNOWN
    return f"{then:%H:%M:%S}" if days == 0 else f"{then:%a %Y-%m-%d %H:%M:%S}"


def _then(at: float | None, now: float) -> tuple[datetime | None, int]:
    """A time, and how many days before the day of `now` that was; None where no calendar has it."""
    if at is None:
        return None, 0
    try:
        then = datetime.fromtimestamp(at)
        return then, (date.fromtimestamp(now) - then.date()).days
    except (ValueError, OverflowError, OSError):
        return None, 0


def median(values: Iterable[float | None]) -> float | None:
    """The median of the values that are known, or None where none is."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def plural(number: int, word: str) -> str:
    """A count with its noun: `1 slot`, `4 slots`."""
    return f"{count(number)} {word}{'' if number == 1 else 's'}"
