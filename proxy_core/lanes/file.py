"""The SQLite file of lanes: its tables, its bounds, and what becomes of a file that is broken."""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from proxy_core.lanes.bounds import MOST_LANE_BYTES, MOST_LANES, size_of
from proxy_core.sqlite_file import BrokenFileError, SqliteFile, used_bytes

VERSION = 1
"""Of the tables; a file of another version is set aside rather than half understood."""

MOST_FILE_BYTES = 128 * 1024 * 1024
"""Of the file, and of what `read` takes into memory: what one may leave on a disk unasked."""
OLDEST_SECONDS = 7 * 24 * 3600
"""A conversation of last week is in no server's cache any more, and starts cold anyway."""

_WORTH_PACKING = 256
"""Shortest value that is compressed; below, the zlib header takes what is won."""

_TABLES = """
CREATE TABLE lanes (
    id TEXT NOT NULL PRIMARY KEY, client TEXT, session TEXT, head BLOB NOT NULL, chain BLOB NOT NULL,
    seen REAL NOT NULL, size INTEGER NOT NULL
);
CREATE INDEX lanes_by_time ON lanes (seen);
CREATE TABLE memory (
    lane TEXT NOT NULL REFERENCES lanes ON DELETE CASCADE, rule TEXT NOT NULL, key TEXT NOT NULL,
    size INTEGER NOT NULL, packed INTEGER NOT NULL, value BLOB NOT NULL
);
CREATE UNIQUE INDEX memory_by_key ON memory (lane, rule, key);
"""
# The sizes are those of the bytes before they were compressed.

_PROBES = (
    "SELECT id, client, session, head, chain, seen, size FROM lanes LIMIT 0",
    "SELECT lane, rule, key, size, packed, value FROM memory LIMIT 0",
)


class LaneRow(NamedTuple):
    """A lane as it was kept."""

    id: str
    client: str | None
    session: str | None
    head: bytes
    """Digest of what stands before the messages."""
    chain: bytes
    """The messages' digests of 16 bytes, one after the other."""
    seen: float
    """When it was used last, in seconds since the epoch."""
    memory: dict[tuple[str, str], bytes]
    """By rule id and key."""


class LaneWrite(NamedTuple):
    """A lane that is to be kept: all of it, but only what is new in its memory."""

    client: str | None
    session: str | None
    head: bytes
    chain: bytes
    seen: float
    writes: dict[tuple[str, str], bytes]
    afresh: bool = False
    """Whether what the file has of the lane is forgotten first."""

    @property
    def size(self) -> int:
        """Bytes in memory, roughly."""
        return len(self.chain) + sum(size_of(*item) for item in self.writes.items())

    def after(self, earlier: LaneWrite) -> LaneWrite:
        """Both in one."""
        return self._replace(writes=earlier.writes | self.writes, afresh=earlier.afresh)


class LaneFile(SqliteFile):
    """The lanes of all kvconsoles of this person."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        # Forgotten prompts are overwritten, not only left out of the index.
        super().__init__(path, version=VERSION, tables=_TABLES, probes=_PROBES, secure_delete="ON")
        self._clock = clock

    def read(self, most: int) -> list[LaneRow]:
        """The newest lanes first, as many as are allowed and fit into memory."""
        if not self.path.exists():
            return []
        rows: list[LaneRow] = []
        with self.transaction("BEGIN") as db:
            room = MOST_FILE_BYTES
            found = db.execute(
                "SELECT size, id, client, session, head, chain, seen FROM lanes WHERE seen >= ? "
                "ORDER BY seen DESC LIMIT ?",
                (self._clock() - OLDEST_SECONDS, most),
            ).fetchall()
            for size, lane_id, client, session, head, chain, seen in found:
                room -= size
                if room < 0:
                    break
                rows.append(LaneRow(lane_id, client, session, head, chain, seen, _memory(db, lane_id)))
        return rows

    def write(self, batch: Mapping[str, LaneWrite | None]) -> int:
        """Keep lanes, or forget them (None), all or nothing; gives how many values a full lane refused."""
        refused = 0
        with self.transaction("BEGIN IMMEDIATE") as db:
            for lane_id, lane in batch.items():
                if lane is None or lane.afresh:
                    db.execute("DELETE FROM lanes WHERE id = ?", (lane_id,))
                if lane is not None:
                    refused += _put(db, lane_id, lane)
                    _make_room(db)
            db.execute("DELETE FROM lanes WHERE seen < ?", (self._clock() - OLDEST_SECONDS,))
            db.execute(
                "DELETE FROM lanes WHERE id NOT IN (SELECT id FROM lanes ORDER BY seen DESC LIMIT ?)",
                (MOST_LANES,),
            )
        return refused

    def forget(self, lane_id: str | None) -> int:
        """Forget one lane or all; gives how many there were. Their bytes are gone from the disk then."""
        if not self.path.exists():
            return 0
        with self.transaction("BEGIN IMMEDIATE") as db:
            gone = db.execute("DELETE FROM lanes WHERE ?1 IS NULL OR id = ?1", (lane_id,)).rowcount
        self.shrink()
        return gone


def _put(db: sqlite3.Connection, lane_id: str, lane: LaneWrite) -> int:
    """Add to a lane what fits; gives how many values did not. The first ones stay: history comes again."""
    found = db.execute("SELECT size, length(chain) FROM lanes WHERE id = ?", (lane_id,)).fetchone()
    size = found[0] - found[1] + len(lane.chain) if found else len(lane.chain)
    db.execute(
        "INSERT INTO lanes VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
        "client = excluded.client, session = excluded.session, head = excluded.head, chain = excluded.chain, "
        "seen = excluded.seen",
        (lane_id, lane.client, lane.session, lane.head, lane.chain, lane.seen, size),
    )
    refused = 0
    for name, value in lane.writes.items():
        place = (lane_id, *name)
        old = db.execute("SELECT size FROM memory WHERE lane = ? AND rule = ? AND key = ?", place).fetchone()
        grown = size + size_of(name, value) - (old[0] if old else 0)
        if grown > MOST_LANE_BYTES:
            refused += 1
            continue
        size = grown
        packed = _pack(value)
        db.execute(
            "INSERT OR REPLACE INTO memory VALUES (?, ?, ?, ?, ?, ?)",
            (*place, size_of(name, value), packed is not None, value if packed is None else packed),
        )
    db.execute("UPDATE lanes SET size = ? WHERE id = ?", (size, lane_id))
    return refused


def _make_room(db: sqlite3.Connection) -> None:
    """Forget the oldest lanes until one more of the largest would fit into the file."""
    while used_bytes(db) > MOST_FILE_BYTES - MOST_LANE_BYTES:
        gone = db.execute("DELETE FROM lanes WHERE id = (SELECT id FROM lanes ORDER BY seen LIMIT 1)")
        if gone.rowcount == 0:
            return


def _memory(db: sqlite3.Connection, lane_id: str) -> dict[tuple[str, str], bytes]:
    rows = db.execute("SELECT rule, key, packed, value FROM memory WHERE lane = ? ORDER BY rowid", (lane_id,))
    try:
        return {(rule, key): zlib.decompress(value) if packed else value for rule, key, packed, value in rows}
    except zlib.error as error:
        raise BrokenFileError(f"a value cannot be unpacked: {error}") from error


def _pack(value: bytes) -> bytes | None:
    """`value` compressed; None where that gains next to nothing."""
    if len(value) < _WORTH_PACKING:
        return None
    packed = zlib.compress(value, 1)
    return packed if len(packed) < 0.9 * len(value) else None
