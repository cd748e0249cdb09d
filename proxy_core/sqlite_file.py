"""A SQLite file that several kvconsoles share: private, of one version, and set aside when it is broken."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proxy_core import paths

_BUSY_SECONDS = 5.0
_LOG_BYTES = 4 * 1024 * 1024
_NO_TEXT = "Could not decode to UTF-8"
"""How Python's sqlite3 says that a TEXT value is none; it gives no code."""
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)


class BrokenFileError(Exception):
    """The file is none of ours, damaged, or from a later version."""


class DamagedFileError(BrokenFileError):
    """SQLite itself can make nothing of the file, or of a page of it."""


class SqliteFile:
    """One connection, made when it is needed; for one thread at a time.

    All methods raise `BrokenFileError` when the file should be set aside, and `sqlite3.Error` or `OSError`
    when it cannot be read or written.

    Args:
        path: The file; it and its directory need not exist.
        version: Of the tables; a file of another version is broken rather than half understood.
        tables: SQL that makes them in a new file.
        probes: SQL that any file of this version can run; one that cannot is broken.
        secure_delete: `ON` overwrites what is deleted. `FAST` does so inside pages that are written anyway,
            and leaves pages that become free to be cut off with `shrink`.
    """

    def __init__(
        self, path: Path, *, version: int, tables: str, probes: tuple[str, ...], secure_delete: str = "ON"
    ) -> None:
        self.path = path
        self._version = version
        self._tables = tables
        self._probes = probes
        self._secure_delete = secure_delete
        self._db: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._index: tuple[int, int] | None = None
        """The `-shm` file beside it."""

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
                source = _beside(self.path, part)
                if source.exists():
                    source.rename(_beside(kept, part))
            return kept

    def remove(self) -> None:
        """Delete the file; the next call that writes makes a new one."""
        self.close()
        with paths.locked(self.path):
            for part in ("", "-wal", "-shm"):
                _beside(self.path, part).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        db, self._db, self._opened, self._index = self._db, None, None, None
        if db is not None:
            db.close()

    @contextmanager
    def transaction(self, begin: str = "BEGIN") -> Iterator[sqlite3.Connection]:
        """All or nothing; `BEGIN IMMEDIATE` for one that writes."""
        with self.connection() as db:
            db.execute(begin)
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """The connection without a transaction."""
        try:
            yield self._connection()
        except sqlite3.DatabaseError as error:
            # The low byte is the plain code, the rest says more about it.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN or _NO_TEXT in str(error):
                raise DamagedFileError(str(error)) from error
            raise
        except UnicodeDecodeError as error:
            # The message of an error that quotes the file.
            raise DamagedFileError("it holds text that is not UTF-8") from error

    def shrink(self) -> None:
        """Give the free pages back to the file system, so that nothing of what they held can be read."""
        with self.connection() as db:
            # Not with `execute`, which takes one step: each step frees one page.
            db.executescript("PRAGMA incremental_vacuum")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _connection(self) -> sqlite3.Connection:
        if self._db is not None and _inode(self.path) == self._opened:
            return self._db
        # Also when the file was deleted, replaced or set aside by somebody else: what is written there would
        # be lost.
        index = self._index
        self.close()
        with paths.locked(self.path):
            self._drop_left(index)
            if not self.path.exists():
                # Readable by its owner alone from the first byte on; what SQLite puts beside it follows suit.
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            self._opened = _inode(self.path)
            db = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._set_up(db)
            except BaseException:
                db.close()
                raise
            self._db, self._index = db, _inode(_beside(self.path, "-shm"))
            return db

    def _drop_left(self, index: tuple[int, int] | None) -> None:
        """Delete what SQLite had beside a file that is gone: it would take that for a part of the next one.

        Args:
            index: The `-shm` file of the connection that there was. Where another kvconsole was faster, what
                is there is not that one any more, and belongs to the file that is there now.
        """
        if not self.path.exists() or (index is not None and _inode(_beside(self.path, "-shm")) == index):
            for part in ("-wal", "-shm"):
                _beside(self.path, part).unlink(missing_ok=True)

    def _set_up(self, db: sqlite3.Connection) -> None:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, self._version):
            raise BrokenFileError(f"its version is {version}, not {self._version}")
        db.execute(f"PRAGMA secure_delete = {self._secure_delete}").fetchall()
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}").fetchall()
        if version == 0:
            if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise BrokenFileError("it is a database of another program")
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            db.execute("PRAGMA journal_mode = WAL").fetchall()
            db.executescript(f"BEGIN IMMEDIATE;{self._tables}PRAGMA user_version = {self._version};COMMIT;")
        try:
            for probe in self._probes:
                db.execute(probe)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
                raise BrokenFileError(str(error)) from error
            raise


def used_bytes(db: sqlite3.Connection) -> int:
    """Size of the pages that hold something."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _beside(path: Path, part: str) -> Path:
    return path.with_name(path.name + part)


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_dev, stat.st_ino
