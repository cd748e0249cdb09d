"""The SQLite file of lanes: its tables, its bounds, and what becomes of a file that is broken."""

from __future__ import annotations

import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from proxy_core import paths
from proxy_core.lanes.bounds import MOST_LANE_BYTES, MOST_LANES, size_of

VERSION = 1
"""Of the tables; a file of another version is set aside rather than half understood."""

MOST_FILE_BYTES = 128 * 1024 * 1024
"""Of the file, and of what `read` takes into memory: what one may leave on a disk unasked."""
OLDEST_SECONDS = 7 * 24 * 3600
"""A conversation of last week is in no server's cache any more, and starts cold anyway."""

_BUSY_SECONDS = 5.0
_LOG_BYTES = 4 * 1024 * 1024
_WORTH_PACKING = 256
"""Shortest value that is compressed; below, the zlib header takes what is won."""
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)

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


class BrokenLanesError(Exception):
    """The file is none of ours, damaged, or from a later version."""


class LaneFile:
    """One connection, made when it is needed; for one thread at a time.

    All methods raise `BrokenLanesError` when the file should be set aside, and `sqlite3.Error` or `OSError`
    when it cannot be read or written.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._db: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None

    def read(self, most: int) -> list[LaneRow]:
        """The newest lanes first, as many as are allowed and fit into memory."""
        if not self.path.exists():
            return []
        rows: list[LaneRow] = []
        with self._transaction("BEGIN") as db:
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
        with self._transaction("BEGIN IMMEDIATE") as db:
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
        with self._transaction("BEGIN IMMEDIATE") as db:
            gone = db.execute("DELETE FROM lanes WHERE ?1 IS NULL OR id = ?1", (lane_id,)).rowcount
        # Not with `execute`, which takes one step: each step frees one page.
        db.executescript("PRAGMA incremental_vacuum")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return gone

    def set_aside(self) -> Path | None:
        """Keep the broken file under another name, which is returned; None when another kvconsole did."""
        opened = self._opened
        self.close()
        with paths.locked(self.path):
            if opened is None or _inode(self.path) != opened:
                return None
            kept = paths.aside(self.path)
            # What was not yet carried over into the file goes with it.
            for part in ("", "-wal", "-shm"):
                source = self.path.with_name(self.path.name + part)
                if source.exists():
                    source.rename(kept.with_name(kept.name + part))
            return kept

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        db, self._db, self._opened = self._db, None, None
        if db is not None:
            db.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        try:
            db = self._connection()
            db.execute(begin)
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except sqlite3.DatabaseError as error:
            # The low byte is the plain code, the rest says more about it.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN:
                raise BrokenLanesError(str(error)) from error
            raise

    def _connection(self) -> sqlite3.Connection:
        if self._db is not None and _inode(self.path) == self._opened:
            return self._db
        # Also when the file was deleted or set aside by somebody else: what is written there would be lost.
        self.close()
        with paths.locked(self.path):
            if not self.path.exists():
                # Readable by its owner alone from the first byte on; what SQLite puts beside it follows suit.
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            self._opened = _inode(self.path)
            self._db = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            _set_up(self._db)
            return self._db


def _set_up(db: sqlite3.Connection) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, VERSION):
        raise BrokenLanesError(f"its version is {version}, not {VERSION}")
    # Forgotten prompts are overwritten, not only left out of the index.
    db.execute("PRAGMA secure_delete = ON").fetchall()
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}").fetchall()
    if version == 0:
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise BrokenLanesError("it is a database of another program")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.executescript(f"BEGIN IMMEDIATE;{_TABLES}PRAGMA user_version = {VERSION};COMMIT;")
    try:
        db.execute("SELECT id, client, session, head, chain, seen, size FROM lanes LIMIT 0")
        db.execute("SELECT lane, rule, key, size, packed, value FROM memory LIMIT 0")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
            raise BrokenLanesError(str(error)) from error
        raise


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
    while _used(db) > MOST_FILE_BYTES - MOST_LANE_BYTES:
        gone = db.execute("DELETE FROM lanes WHERE id = (SELECT id FROM lanes ORDER BY seen LIMIT 1)")
        if gone.rowcount == 0:
            return


def _used(db: sqlite3.Connection) -> int:
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _memory(db: sqlite3.Connection, lane_id: str) -> dict[tuple[str, str], bytes]:
    rows = db.execute("SELECT rule, key, packed, value FROM memory WHERE lane = ? ORDER BY rowid", (lane_id,))
    try:
        return {(rule, key): zlib.decompress(value) if packed else value for rule, key, packed, value in rows}
    except zlib.error as error:
        raise BrokenLanesError(f"a value cannot be unpacked: {error}") from error


def _pack(value: bytes) -> bytes | None:
    """`value` compressed; None where that gains next to nothing."""
    if len(value) < _WORTH_PACKING:
        return None
    packed = zlib.compress(value, 1)
    return packed if len(packed) < 0.9 * len(value) else None


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_dev, stat.st_ino
