"""What kvconsole's own files look like. Nothing is written, set aside or repaired."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from proxy_core import paths
from proxy_core.checkup.setup import FileSeen, Lane
from proxy_core.errors import KvconsoleError
from proxy_core.journal import tables as journal
from proxy_core.lanes import file as lanes
from proxy_core.lanes.bounds import MOST_LANES
from proxy_core.rules import load_rules
from proxy_core.state import State

_DIGEST_BYTES = 16
"""Of one message in a lane's chain."""
_BUSY_SECONDS = 1.0
_PACKAGES = ("textual", "httpx", "uvicorn", "fastapi", "pydantic", "msgspec", "google-re2", "xllamacpp")


def own_files(config: Path | None) -> Iterator[FileSeen]:
    """kvconsole's files and directories, those that are not there included.

    Args:
        config: The configuration file that was read, if any.
    """
    yield _seen("configuration", config or paths.config_file())
    yield _seen("rules", paths.rules_dir(), folder=True)
    yield _seen("themes", paths.themes_dir(), folder=True)
    yield _seen("state directory", paths.state_dir(), folder=True, private=True)
    yield _seen("state", paths.state_file(), private=True)
    for name, path in (("lanes", paths.lanes_file()), ("journal", paths.journal_file())):
        for ending in ("", "-wal", "-shm"):
            yield _seen(f"{name}{ending}", path.with_name(path.name + ending), private=True)


def rules_problem() -> str | None:
    """What is wrong with the person's rule files."""
    try:
        load_rules(paths.rules_dir())
    except KvconsoleError as error:
        return error.message
    except OSError as error:
        return f"{paths.rules_dir()}: {error.strerror}"
    return None


def state_problem() -> str | None:
    """What is wrong with the file of toggles and counters."""
    try:
        msgspec.json.decode(paths.state_file().read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except OSError as error:
        return error.strerror or "it cannot be read"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"it could not be understood ({error})"
    return None


def lanes_on_disk() -> tuple[tuple[Lane, ...] | None, str | None]:
    """The conversations that an earlier kvconsole left, newest first, and what is wrong with their file."""
    if not paths.lanes_file().exists():
        return (), None
    newest = f"SELECT seen, length(chain) FROM lanes ORDER BY seen DESC LIMIT {MOST_LANES}"
    rows, problem = _rows(paths.lanes_file(), lanes.VERSION, newest)
    return None if rows is None else tuple(
        Lane(seen, chain // _DIGEST_BYTES) for seen, chain in rows
    ), problem


def journal_problem() -> str | None:
    """What is wrong with the journal's file."""
    if not paths.journal_file().exists():
        return None
    return _rows(paths.journal_file(), journal.VERSION, "SELECT count(*) FROM entries")[1]


def free_bytes() -> int | None:
    """Room on the disk that holds the state, or will."""
    for folder in (paths.state_dir(), *paths.state_dir().parents):
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return None


def leftovers() -> tuple[str, ...]:
    """Files that were set aside because they were broken."""
    try:
        return tuple(sorted(str(path) for path in paths.state_dir().glob("*.broken-*")))
    except OSError:
        return ()


def packages() -> dict[str, str]:
    """Versions of what kvconsole stands on; what is not installed is left out."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _rows(path: Path, version: int, query: str) -> tuple[list[Any] | None, str | None]:
    """What a file holds, and what is wrong with it; neither where somebody else is busy with it."""
    # Reading a file with a WAL leaves one behind where there is none; without one, nobody writes to it.
    how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    try:
        db = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{how}", uri=True, timeout=_BUSY_SECONDS)
        try:
            found = db.execute("PRAGMA user_version").fetchone()[0]
            if found != version:
                return None, f"its version is {found}, not {version}"
            return db.execute(query).fetchall(), None
        finally:
            db.close()
    except sqlite3.Error as error:
        busy = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        return None, None if busy else str(error)


def _seen(name: str, path: Path, *, folder: bool = False, private: bool = False) -> FileSeen:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return FileSeen(name, path, private=private)
    except OSError as error:
        return FileSeen(name, path, private=private, problem=error.strerror or "it cannot be read")
    if stat.S_ISDIR(status.st_mode) is not folder:
        return FileSeen(name, path, private=private, problem=f"it is {'no' if folder else 'a'} directory")
    wanted = os.R_OK | (os.X_OK if folder else 0) | (os.W_OK if private else 0)
    verbs = "read and written" if private else "read"
    problem = None if os.access(path, wanted) else f"it cannot be {verbs}"
    return FileSeen(name, path, stat.S_IMODE(status.st_mode), private, problem)
