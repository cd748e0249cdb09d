"""What a check has to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Level = Literal["ok", "hint", "problem", "unknown"]
"""`ok`: as it should be. `hint`: it works, and could work better. `problem`: it does not work, or costs a
cold prompt again and again. `unknown`: nobody told, so nothing can be said."""

Area = Literal["server", "cache", "log", "proxy", "clients", "rules", "files"]
"""What a finding is about, in the order of a report."""

AREAS: tuple[Area, ...] = get_args(Area)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    area: Area
    name: str
    """What was looked at, in a word or two; the same in every run, so that programs can look for it."""
    level: Level
    saw: str
    """What there was to see, in sentences."""
    do: str = ""
    """What to do about it, in sentences; empty where there is nothing to do."""
