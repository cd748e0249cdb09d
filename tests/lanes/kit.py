"""Saves, and what a store that opens the file afterwards finds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from proxy_core.lanes.store import LaneRow, LaneStore

NOW = 1_790_000_000.0
DAY = 24 * 3600.0
BOUND = 60.0
"""Seconds after which something that should happen is taken for lost."""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def keep(
    store: LaneStore,
    lane_id: str = "a",
    writes: Mapping[tuple[str, str], bytes] | None = None,
    seen: float = NOW,
    chain: bytes = b"c" * 32,
) -> None:
    store.save(lane_id, "openclaw", "agent:main", b"head", chain, seen, writes or {})


def again(path: Path) -> list[LaneRow]:
    """What the next kvconsole finds."""
    store = LaneStore(path, clock=Clock())
    try:
        return store.load(1000)
    finally:
        store.close()


def ids(path: Path) -> list[str]:
    return [row.id for row in again(path)]
