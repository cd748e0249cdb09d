"""Figures as llama-server prints them, and where an event belongs."""

from __future__ import annotations

import math
import re

from proxy_core.llama.lines import Frame


def number(text: str | None) -> float | None:
    """A printed float; `None` for a missing one and for `nan`, `inf`, `-nan(ind)` and the like."""
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def find_number(pattern: re.Pattern[str], text: str) -> float | None:
    """The float in the first group of the first match."""
    found = pattern.search(text)
    return None if found is None else number(found[1])


def find_count(pattern: re.Pattern[str], text: str) -> int | None:
    """The integer in the first group of the first match."""
    found = pattern.search(text)
    return None if found is None else int(found[1])


def at(frame: Frame) -> tuple[int | None, int | None, int | None, float | None]:
    """The fields that every event starts with: port, slot, task, stamp."""
    return frame.port, frame.slot, frame.task, frame.stamp
