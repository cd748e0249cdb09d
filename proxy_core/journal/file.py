"""The SQLite file of the journal: what is kept of the requests of the last days.

It has volumes, of which the last one is written. Bodies share what they have in common within a volume, and a
volume goes as a whole once all of its entries are too old or the file is too large, so nobody has to find out
which pieces are still in use.
"""

from __future__ import annotations

import glob
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from proxy_core.journal import pieces
from proxy_core.journal.prepared import Prepared
from proxy_core.journal.reading import JournalReading
from proxy_core.sqlite_file import used_bytes

_VOLUMES = 8
"""Volumes that a full journal has: with the oldest of them, an eighth of it goes."""
_ROW_BYTES = 200
"""What an entry takes in its table and in the indexes besides the summary, roughly."""


class Limits(NamedTuple):
    """What one may leave on a disk unasked."""

    seconds: float = 7 * 24 * 3600.0
    """Age of the oldest entry. Its texts leave the file with their volume, at most an eighth later."""
    bytes: int = 512 * 1024 * 1024
    """Size of the file."""


DEFAULT = Limits()


class Info(NamedTuple):
    """What there is to say about the journal."""

    entries: int = 0
    runs: int = 0
    lanes: int = 0
    oldest: float | None = None
    """Seconds since the epoch."""
    newest: float | None = None
    body_bytes: int = 0
    """What the bodies would take if each were stored whole."""
    used_bytes: int = 0
    """What is in use of the file."""
    disk_bytes: int = 0
    """What the file takes, with what SQLite keeps beside it."""


class JournalFile(JournalReading):
    """The entries of all kvconsoles of this person.

    One connection, made when it is needed; for one thread at a time. All methods raise `BrokenFileError` when
    the file is damaged or none of ours, and `sqlite3.Error` or `OSError` when it cannot be read or written.
    Those that read make no file where there is none.
    """

    def __init__(self, path: Path, limits: Limits = DEFAULT, clock: Callable[[], float] = time.time) -> None:
        super().__init__(path)
        self._limits = limits
        self._clock = clock

    def write(self, batch: Iterable[Prepared]) -> bool:
        """Keep entries, all or nothing; one that is there already is replaced, but for bodies it lacks.

        Returns:
            Whether the file is larger now than it may be.
        """
        with self.transaction("BEGIN IMMEDIATE") as db:
            volume = self._volume(db)
            grown: dict[int, int] = {volume: 0}
            for entry in batch:
                own, added = _put(db, entry, volume)
                grown[own] = grown.get(own, 0) + added
            db.executemany(
                "UPDATE volumes SET last = max(last, ?), grown = grown + ? WHERE id = ?",
                [(self._clock(), added, own) for own, added in grown.items()],
            )
            return used_bytes(db) > self._limits.bytes

    def tidy(self) -> int:
        """Keep the file within its limits; gives how many entries went, oldest first."""
        if not self.path.exists():
            return 0
        oldest = self._clock() - self._limits.seconds
        with self.transaction("BEGIN IMMEDIATE") as db:
            gone = db.execute("DELETE FROM entries WHERE at < ?", (oldest,)).rowcount
            late = db.execute("SELECT id FROM volumes WHERE last < ?", (oldest,)).fetchall()
            for (volume,) in late:
                gone += _drop(db, volume)
            while used_bytes(db) > self._limits.bytes:
                volume = db.execute("SELECT min(id) FROM volumes").fetchone()[0]
                if volume is None:
                    break
                gone += _drop(db, volume)
            free = db.execute("PRAGMA freelist_count").fetchone()[0]
        if gone or free:
            # Also where no page became free: what was deleted stands in the file until it is carried over.
            self.shrink()
        return gone

    def clear(self) -> int:
        """Forget everything; gives how many entries there were. Their bytes are gone from the disk then."""
        if not self.path.exists():
            return 0
        gone = self.count()
        try:
            with self.transaction("BEGIN IMMEDIATE") as db:
                gone = int(db.execute("SELECT count(*) FROM entries").fetchone()[0])
                for table in ("entries", "nodes", "pieces", "volumes"):
                    db.execute(f"DELETE FROM {table}")
            self.shrink()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE):
                raise
            # To delete rows takes room on the disk, and that is what somebody wants who clears a full one.
            self.remove()
        return gone

    def vacuum(self) -> tuple[int, int]:
        """Keep the file within its limits and write it anew without gaps, which takes its size once more.

        Returns:
            Its size in bytes before and after.
        """
        before = self._disk_bytes()
        if before:
            self.tidy()
            with self.connection() as db:
                db.execute("VACUUM")
            self.shrink()
        return before, self._disk_bytes()

    def set_asides(self) -> list[Path]:
        """Broken journals that were kept under other names; `clear` leaves them."""
        named = self.path.parent.glob(f"{glob.escape(self.path.name)}.broken-*")
        return sorted(path for path in named if path.suffix[len(".broken-") :].isdigit())

    def info(self) -> Info:
        """How much there is."""
        if not self.path.exists():
            return Info()
        with self.transaction() as db:
            counted = db.execute(
                "SELECT count(*), count(DISTINCT run), count(DISTINCT lane), min(at), max(at), "
                "ifnull(sum(raw_bytes + iif(raw = normalized, 0, normalized_bytes)), 0) FROM entries"
            ).fetchone()
            entries, runs, lanes, oldest, newest, bodies = counted
            return Info(entries, runs, lanes, oldest, newest, bodies, used_bytes(db), self._disk_bytes())

    def _volume(self, db: sqlite3.Connection) -> int:
        """The volume to write; another one is begun when the last is old or large enough."""
        now = self._clock()
        found = db.execute("SELECT id, begun, grown FROM volumes ORDER BY id DESC LIMIT 1").fetchone()
        if found is not None:
            volume, begun, grown = found
            # A clock that was set back begins no volume for each batch.
            young = abs(now - begun) * _VOLUMES < self._limits.seconds
            if young and grown * _VOLUMES < self._limits.bytes:
                return int(volume)
        made = db.execute("INSERT INTO volumes (begun, last, grown) VALUES (?, ?, 0)", (now, now)).lastrowid
        assert made is not None  # An INSERT that did not raise has made a row.
        return made

    def _disk_bytes(self) -> int:
        size = 0
        for part in ("", "-wal", "-shm"):
            try:
                size += self.path.with_name(self.path.name + part).stat().st_size
            except FileNotFoundError:
                continue
        return size


def _put(db: sqlite3.Connection, entry: Prepared, volume: int) -> tuple[int, int]:
    """Write one entry; gives its volume, and about how many bytes that takes."""
    found = db.execute(
        "SELECT volume, raw, normalized, raw_bytes, normalized_bytes FROM entries "
        "WHERE run = ? AND record = ?",
        entry.key,
    ).fetchone()
    if found is None and entry.again:
        # Somebody cleared the journal, or the entry was too old.
        return volume, 0
    # What an entry refers to must go when it goes, so it stays in its volume.
    volume, *bodies = found or (volume, None, None, None, None)
    into = pieces.Put(db, volume)
    if entry.raw is not None and entry.normalized is not None:
        raw = into.put(entry.raw)
        bodies = [raw, raw if entry.normalized is entry.raw else into.put(entry.normalized), *entry.sizes]
    details = into.put(entry.details)
    db.execute(
        "INSERT INTO entries (volume, run, record, at, lane, summary, details, raw, normalized, raw_bytes, "
        "normalized_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run, record) DO UPDATE SET "
        "at = excluded.at, lane = excluded.lane, summary = excluded.summary, details = excluded.details, "
        "raw = excluded.raw, normalized = excluded.normalized, raw_bytes = excluded.raw_bytes, "
        "normalized_bytes = excluded.normalized_bytes",
        (volume, *entry.key, entry.at, entry.lane, entry.summary, details, *bodies),
    )
    return volume, into.grown + len(entry.summary) + _ROW_BYTES


def _drop(db: sqlite3.Connection, volume: int) -> int:
    """Forget a volume; gives how many entries there still were."""
    gone = db.execute("DELETE FROM entries WHERE volume = ?", (volume,)).rowcount
    for table in ("nodes", "pieces"):
        db.execute(f"DELETE FROM {table} WHERE volume = ?", (volume,))
    db.execute("DELETE FROM volumes WHERE id = ?", (volume,))
    return gone
