"""Entries, files of a test's own, and what the next kvconsole finds in them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from proxy_core.exchange import Bodies
from proxy_core.journal.entry import Entry
from proxy_core.journal.file import JournalFile
from proxy_core.journal.prepared import prepare

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


def entry(
    record: int = 1,
    *,
    run: str = "run",
    at: float = NOW,
    lane: str | None = "lane",
    bodies: Bodies | None = None,
) -> Entry:
    return Entry(
        run=run, record=record, at=at, lane=lane, bodies=bodies, method="POST", path="/v1/x", label="chat"
    )


def whole(raw: bytes, normalized: bytes | None = None) -> Bodies:
    return Bodies(raw, raw if normalized is None else normalized)


def noise(seed: int, size: int) -> bytes:
    """Bytes that nothing makes shorter, the same in each run."""
    return random.Random(seed).randbytes(size)


def write(path: Path, *entries: Entry) -> None:
    file = JournalFile(path, clock=Clock())
    file.write([prepare(kept) for kept in entries])
    file.close()


def kept(path: Path) -> list[Entry]:
    """All that is in a journal, oldest first."""
    file = JournalFile(path, clock=Clock())
    try:
        return list(file.entries())
    finally:
        file.close()


def records(path: Path) -> list[int]:
    return [found.record for found in kept(path)]


def until(holds: Callable[[], bool]) -> bool:
    """Wait for something; whether it came."""
    last = time.monotonic() + BOUND
    while not holds():
        if time.monotonic() > last:
            return False
        time.sleep(0.01)
    return True


def conversation(turns: int, *, seed: int = 1, system: int = 4000, said: int = 300) -> list[bytes]:
    """Bodies of one growing conversation, each with another id in the middle of its system text."""
    rng = random.Random(seed)
    words = ["".join(rng.choices("etaoinshrdlucmfw", k=rng.randint(2, 9))) for _ in range(2000)]

    def text(size: int) -> str:
        lines: list[str] = []
        while sum(map(len, lines)) < size:
            lines.append(" ".join(rng.choices(words, k=rng.randint(3, 12))))
        return "\n".join(lines)

    before, after = text(system // 2), text(system // 2)
    tools = [{"type": "function", "function": {"name": f"t{n}", "description": text(200)}} for n in range(10)]
    messages: list[dict[str, str]] = []
    bodies: list[bytes] = []
    for _ in range(turns):
        messages += ({"role": role, "content": text(said)} for role in ("user", "assistant"))
        system_text = f"{before}\nmessage_id: {rng.getrandbits(64):016x}\n{after}"
        told = [{"role": "system", "content": system_text}, *messages]
        bodies.append(msgspec.json.encode({"model": "m", "messages": told, "tools": tools, "stream": True}))
    return bodies
