"""What survives a restart: rule toggles, level, theme, today's counters and the logs that were read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec

from proxy_core import paths
from proxy_core.config_text import visible
from proxy_core.errors import KvconsoleError
from proxy_core.rules.rule import Level

VERSION = 1

Count = Annotated[int, msgspec.Meta(ge=0)]

_log = logging.getLogger("kvconsole")


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One person's state, shared by every kvconsole that they run."""

    version: Annotated[int, msgspec.Meta(ge=VERSION, le=VERSION)] = VERSION
    """Of the file's format; a file of another version is set aside rather than half understood."""
    rules: dict[str, bool] = {}
    """By rule id, whether it is on; only rules that the person toggled."""
    level: Level | None = None
    """The level that was chosen in the console."""
    theme: str | None = None
    """Name of the theme that was chosen in the console."""
    day: str = ""
    """Local date of the counters, as in "2026-02-18"; empty before the first request."""
    reused_tokens: Count = 0
    """Prompt tokens that came from the cache on `day`."""
    prompt_ms: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Milliseconds of prompt evaluation on `day`."""
    requests: Count = 0
    """Requests through the proxy on `day`."""
    logs_seen: list[str] = []
    """Logs that were followed before: those go on from their end, new ones from their beginning."""

    def for_day(self, day: str) -> State:
        """This state as `day` (ISO date) begins or goes on: counters of another day are zero."""
        if day == self.day:
            return self
        return msgspec.structs.replace(self, day=day, reused_tokens=0, prompt_ms=0.0, requests=0)


def load_state(path: Path) -> tuple[State, str | None]:
    """The state in `path`, and a sentence for the person if the file was broken.

    A missing file gives the default. A broken one is kept beside it as `NAME.broken-1`, or the next free
    number.

    Raises:
        KvconsoleError: The file or its directory cannot be read or written.
    """
    with _io_errors(path):
        try:
            return _read(path), None
        except msgspec.DecodeError:
            with paths.locked(path):
                return _read_or_set_aside(path)


def save_state(path: Path, state: State) -> None:
    """Replace `path` in one step, readable by its owner alone.

    A log whose file name is not UTF-8 is left out, since JSON has no spelling for it.

    Raises:
        KvconsoleError: The file cannot be written.
    """
    names = [name for name in state.logs_seen if not any("\ud800" <= char <= "\udfff" for char in name)]
    data = msgspec.json.encode(msgspec.structs.replace(state, logs_seen=names))
    with _io_errors(path):
        paths.write_private(path, msgspec.json.format(data, indent=2) + b"\n")


def update_state(path: Path, change: Callable[[State], State]) -> State:
    """Read, change and save under a lock, so that kvconsoles side by side lose nothing.

    Args:
        path: The state file.
        change: Makes the new state from the one in the file; must not call this module's functions itself.

    Returns:
        What was saved.

    Raises:
        KvconsoleError: The file or its directory cannot be read or written.
    """
    with _io_errors(path), paths.locked(path):
        state, message = _read_or_set_aside(path)
        if message is not None:
            _log.warning("%s", message)
        changed = change(state)
        save_state(path, changed)
        return changed


def _read(path: Path) -> State:
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


def _read_or_set_aside(path: Path) -> tuple[State, str | None]:
    """Only under the lock: another kvconsole may have replaced the broken file by a good one meanwhile."""
    try:
        return _read(path), None
    except msgspec.DecodeError as error:
        path.rename(aside := paths.aside(path))
        kept = f"It is kept as {visible(aside.name)}; kvconsole starts afresh."
        return State(), f"{visible(str(path))} could not be understood ({error}). {kept}"


@contextmanager
def _io_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or "input or output failed"
        message = (
            f"{visible(str(path))}: {reason}. Toggles and counters are not kept until that is put right."
        )
        raise KvconsoleError(message, title="State") from error
