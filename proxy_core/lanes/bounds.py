"""How much is remembered of conversations, in memory and on disk alike."""

from __future__ import annotations

MOST_LANES = 256
"""A person has a handful of conversations at a time; side requests make a few more of each."""

MOST_LANE_BYTES = 8 * 1024 * 1024
"""Of one lane: the tool output of a conversation that fills a context of a million tokens."""


def size_of(name: tuple[str, str], value: bytes) -> int:
    """Bytes that one value counts for, with its rule id and its key."""
    return len(name[0]) + len(name[1]) + len(value)
