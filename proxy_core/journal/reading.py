"""Reading the journal: by id, the newest, or all of a range a few at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from proxy_core.exchange import Bodies
from proxy_core.journal import pieces
from proxy_core.journal.entry import Entry, Key, Summary
from proxy_core.journal.stored import UnreadableError, entry_from, summary_from
from proxy_core.journal.tables import PROBES, TABLES, VERSION
from proxy_core.sqlite_file import BrokenFileError, DamagedFileError, SqliteFile

_SUMMARY = "summary, raw_bytes, normalized_bytes"
_PAGE = 200
"""Entries that are looked up at a time, so that no reader keeps the writer from tidying up."""


class Wanted(NamedTuple):
    """Which entries; without anything, all of them."""

    lane: str | None = None
    run: str | None = None
    since: float | None = None
    """Seconds since the epoch; the bound is part of the range."""
    until: float | None = None
    """Seconds since the epoch; the bound is not part of the range."""


ALL = Wanted()


class JournalReading(SqliteFile):
    """What can be read of a journal; where there is no file, none is made."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, version=VERSION, tables=TABLES, probes=PROBES, secure_delete="FAST")

    def get(self, key: Key) -> Entry | None:
        """All that is kept of one request; None when nothing is, or no longer."""
        return self._read("run = ? AND record = ?", key, bodies=True)

    def count(self, wanted: Wanted = ALL) -> int:
        """How many entries there are."""
        if not self.path.exists():
            return 0
        where, given = _where(wanted)
        with self.transaction() as db:
            return int(db.execute(f"SELECT count(*) FROM entries WHERE {where}", given).fetchone()[0])

    def newest(self, most: int, wanted: Wanted = ALL) -> list[Summary]:
        """The newest summaries, the newest of them first."""
        if not self.path.exists():
            return []
        where, given = _where(wanted)
        with self.transaction() as db:
            rows = db.execute(
                f"SELECT {_SUMMARY} FROM entries WHERE {where} ORDER BY at DESC, id DESC LIMIT ?",
                (*given, most),
            ).fetchall()
        return [summary for row in rows if (summary := _summary(*row)) is not None]

    def latest(
        self,
        most: int,
        wanted: Wanted = ALL,
        damaged: Callable[[DamagedFileError], None] | None = None,
    ) -> list[Entry]:
        """The newest entries without their bodies, oldest first; those that cannot be read are left out.

        Args:
            most: How many.
            wanted: Of which.
            damaged: Told once when the file itself is damaged, after all was read that can be; without it,
                that raises.
        """
        if not self.path.exists():
            return []
        where, given = _where(wanted)
        found: list[Entry] = []
        damage: DamagedFileError | None = None
        try:
            # The index alone: a damaged page of the table costs none of the entries on the others.
            with self.transaction() as db:
                newest = f"SELECT id FROM entries WHERE {where} ORDER BY at DESC, id DESC LIMIT ?"
                ids = db.execute(newest, (*given, most)).fetchall()
        except DamagedFileError as error:
            damage, ids = error, []
        for (entry_id,) in ids:
            try:
                entry = self._read("id = ?", (entry_id,), bodies=False)
            except DamagedFileError as error:
                damage = error
            except BrokenFileError:
                continue
            else:
                found += [entry] if entry is not None else []
        if damage is not None:
            if damaged is None:
                raise damage
            damaged(damage)
        return found[::-1]

    def summaries(self, wanted: Wanted = ALL) -> Iterator[Summary]:
        """Summaries, oldest first; not all of them are in memory at once."""
        for page in self._pages(wanted, f", {_SUMMARY}"):
            yield from (summary for _, _, *row in page if (summary := _summary(*row)) is not None)

    def entries(
        self,
        wanted: Wanted = ALL,
        *,
        bodies: bool = True,
        skip: int = 0,
        damaged: Callable[[Key, BrokenFileError], None] | None = None,
    ) -> Iterator[Entry]:
        """Whole entries, oldest first; not all of them are in memory at once.

        Args:
            wanted: Which.
            bodies: Whether the bodies are read as well.
            skip: How many of the oldest are left out.
            damaged: Takes the entries that cannot be read, and the others come all the same; without it, the
                first of them raises.
        """
        # Of the table itself nothing is read here: a damaged page of it costs the entries on it alone.
        for page in self._pages(wanted):
            left_out, skip = page[:skip], max(0, skip - len(page))
            for _, entry_id in page[len(left_out) :]:
                try:
                    entry = self._read("id = ?", (entry_id,), bodies=bodies)
                except BrokenFileError as error:
                    if damaged is None:
                        raise
                    damaged(self._key(entry_id), error)
                    continue
                # One that went meanwhile is passed over.
                if entry is not None:
                    yield entry

    def _key(self, entry_id: int) -> Key:
        """The name of an entry that cannot be read, from the index; made up where that is damaged too."""
        try:
            with self.transaction() as db:
                by_key = "SELECT run, record FROM entries INDEXED BY entries_by_key WHERE id = ?"
                found = db.execute(by_key, (entry_id,)).fetchone()
        except BrokenFileError:
            found = None
        return Key("unknown", entry_id) if found is None else Key(*found)

    def _pages(self, wanted: Wanted, columns: str = "") -> Iterator[list[tuple[Any, ...]]]:
        """Time, id and other columns of the entries, some at a time."""
        if not self.path.exists():
            return
        where, given = _where(wanted)
        last: tuple[Any, ...] = (float("-inf"), 0)
        while True:
            with self.transaction() as db:
                page = db.execute(
                    f"SELECT at, id{columns} FROM entries WHERE {where} AND (at, id) > (?, ?) "
                    "ORDER BY at, id LIMIT ?",
                    (*given, *last, _PAGE),
                ).fetchall()
            if not page:
                return
            last = page[-1][:2]
            yield page

    def _read(self, where: str, given: tuple[Any, ...], *, bodies: bool) -> Entry | None:
        if not self.path.exists():
            return None
        with self.transaction() as db:
            row = db.execute(
                f"SELECT summary, details, raw, normalized FROM entries WHERE {where}", given
            ).fetchone()
            return None if row is None else _entry(db, *row, bodies=bodies)


def _entry(
    db: sqlite3.Connection,
    summary: bytes,
    details: int,
    raw: int | None,
    normalized: int | None,
    *,
    bodies: bool,
) -> Entry:
    kept: Bodies | None = None
    if bodies and raw is not None and normalized is not None:
        first = pieces.get(db, raw)
        kept = Bodies(first, first if normalized == raw else pieces.get(db, normalized))
    try:
        return entry_from(summary, pieces.get(db, details), kept)
    except UnreadableError as error:
        raise BrokenFileError(f"an entry cannot be understood: {error}") from error


def _summary(data: bytes, raw_bytes: int | None, normalized_bytes: int | None) -> Summary | None:
    """A summary; None where it cannot be understood: one bad line hides no list."""
    try:
        known = summary_from(data)
    except UnreadableError:
        return None
    return msgspec.structs.replace(known, raw_bytes=raw_bytes, normalized_bytes=normalized_bytes)


def _where(wanted: Wanted) -> tuple[str, list[Any]]:
    conditions = {
        "lane = ?": wanted.lane,
        "run = ?": wanted.run,
        "at >= ?": wanted.since,
        "at < ?": wanted.until,
    }
    given = {condition: value for condition, value in conditions.items() if value is not None}
    return " AND ".join(given) or "1", list(given.values())
