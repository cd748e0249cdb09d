"""The one place that knows where kvconsole's files live."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from platformdirs import PlatformDirs

_DIRS = PlatformDirs("kvconsole", appauthor=False)


def config_dir() -> Path:
    """Directory of everything a person writes; `KVCONSOLE_CONFIG_DIR` moves it."""
    return Path(os.environ.get("KVCONSOLE_CONFIG_DIR") or _DIRS.user_config_path)


def config_file() -> Path:
    """The configuration file that is read when none is named."""
    return config_dir() / "kvconsole.toml"


def rules_dir() -> Path:
    """Directory of a person's own rule files (`*.toml`), watched while kvconsole runs."""
    return config_dir() / "rules"


def themes_dir() -> Path:
    """Directory of a person's own themes (`*.toml`)."""
    return config_dir() / "themes"


def state_dir() -> Path:
    """Directory of what kvconsole remembers; `KVCONSOLE_STATE_DIR` moves it."""
    return Path(os.environ.get("KVCONSOLE_STATE_DIR") or _DIRS.user_state_path)


def state_file() -> Path:
    """Rule toggles, today's sums, and what else survives a restart."""
    return state_dir() / "state.json"


def lanes_file() -> Path:
    """What rules remember of each conversation."""
    return state_dir() / "lanes.sqlite"


def journal_file() -> Path:
    """The requests of the last days, with all that is known of each."""
    return state_dir() / "journal.sqlite"


def write_private(path: Path, data: bytes) -> None:
    """Replace `path` with `data` in one step, readable by its owner alone (0600)."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with written_private(path) as file:
        file.write(data)


@contextmanager
def written_private(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` once it is whole, readable by its owner alone (0600).

    Raises:
        OSError: It cannot be written; `path` is then as it was.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep every other thread and process that locks `path` waiting; its directory is made if need be."""
    # A file of its own, since `path` may be replaced. flock rather than lockf, since it also keeps two
    # threads of one process apart.
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = path.with_name(f"{path.name}.lock")
    lock.touch(mode=0o600)
    with lock.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def aside(path: Path) -> Path:
    """Where a broken `path` can be kept: `NAME.broken-1` beside it, or the next number that is free."""
    number = 1
    while (name := path.with_name(f"{path.name}.broken-{number}")).exists():
        number += 1
    return name
