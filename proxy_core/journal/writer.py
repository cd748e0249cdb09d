"""Writes the journal on a thread of its own: no request waits for the disk."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from proxy_core.config_text import visible
from proxy_core.journal.entry import Entry, Key
from proxy_core.journal.file import DEFAULT, JournalFile, Limits
from proxy_core.journal.opening import put_aside
from proxy_core.journal.prepared import Prepared, prepare
from proxy_core.sqlite_file import BrokenFileError

MOST_WAITING_BYTES = 64 * 1024 * 1024
MOST_WAITING = 2000
"""What may wait to be written; what comes then is dropped."""

_BATCH = 64
_GATHER_SECONDS = 0.2
"""How long the writer waits for more, as long as a batch is not full."""
_RETRY_SECONDS = 5.0
"""Pause after a failure: a full disk does not empty itself at once."""
_TIDY_SECONDS = 600.0
_AGAIN_SECONDS = 600.0
"""After how long a problem that had passed is told once more."""

_log = logging.getLogger("kvconsole")


class JournalWriter:
    """Keeps entries in a SQLite file that several kvconsoles may share.

    `put` returns at once, from any thread. Nothing here raises: what cannot be kept is told once and counted,
    and the proxy goes on. A file that is broken, or of a version that is not known, is kept beside itself as
    `NAME.broken-1` or the next free number, and a new one is begun.
    """

    def __init__(
        self,
        path: Path | None,
        limits: Limits = DEFAULT,
        *,
        tell: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            path: The file; it and its directory need not exist. None keeps nothing.
            limits: How old and how large the journal may become.
            tell: Takes a sentence for the person when entries cannot be kept, or a journal was set aside;
                called from the writer's thread, and from `put` and `close`.
            clock: Seconds since the epoch, as in each entry's `at`.
        """
        self.problem: str | None = None
        """What went wrong last, for a person; None while nothing did, or when it is over."""
        self.dropped = 0
        """Entries that are not in the journal because too much waited, or since they could not be written."""
        self._tell = tell
        self._told: dict[str, float] = {}
        """When each problem was told."""
        self._passing = False
        """Whether the problem is over once the file can be written again."""
        self._file = None if path is None else JournalFile(path, limits, clock)
        self._changed = threading.Condition()
        self._waiting: dict[Key, Entry] = {}
        self._in_hand: dict[Key, Entry] = {}
        """What is being written."""
        self._bytes = 0
        """Size of both."""
        self._works = True
        """Whether the last batch could be written; if not, the next try is made with one entry."""
        self._hurry = False
        self._closing = False
        self._thread: threading.Thread | None = None
        if path is not None:
            self._thread = threading.Thread(target=self._run, name="kvconsole-journal", daemon=True)
            self._thread.start()

    def put(self, entry: Entry) -> bool:
        """Keep an entry, also one that was kept before and of which more is known now.

        Returns:
            Whether it will be written; False when the journal is closed, keeps nothing, or too much waits.
        """
        with self._changed:
            if self._file is None or self._closing:
                return False
            earlier = self._waiting.get(entry.key)
            joined = _joined(earlier, entry)
            size = self._bytes + joined.size - (earlier.size if earlier else 0)
            count = len(self._waiting) + len(self._in_hand) + (earlier is None)
            if size <= MOST_WAITING_BYTES and count <= MOST_WAITING:
                self._waiting[entry.key] = joined
                self._bytes = size
                self._changed.notify_all()
                return True
            self.dropped += 1
        self._trouble(
            f"{visible(str(self._file.path))}: more requests wait than can be written, so some are not in "
            "the journal. They were forwarded all the same. Is the disk full, or very slow?"
        )
        return False

    def flush(self, seconds: float) -> bool:
        """Write what waits; whether all was written within `seconds`."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: not (self._waiting or self._in_hand), seconds)
            self._hurry = False
            return done

    def close(self, seconds: float = 5.0) -> bool:
        """Write what waits and let go of the file; may be called twice.

        Returns:
            Whether that was done within `seconds`; what is left is counted as dropped.
        """
        if self._thread is None:
            return True
        with self._changed:
            first, self._closing = not self._closing, True
            self._changed.notify_all()
        self._thread.join(seconds)
        with self._changed:
            left = len(self._waiting) + len(self._in_hand)
            self._waiting.clear()
            if first:
                self.dropped += left
        if first and left:
            many = "1 request" if left == 1 else f"{left} requests"
            self._trouble(f"{many} could not be written to the journal before kvconsole ended.")
        return not (left or self._thread.is_alive())

    def _run(self) -> None:
        assert self._file is not None  # Without a file there is no thread.
        self._with_file(self._file, self._tidy)
        tidied = time.monotonic()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing, _TIDY_SECONDS)
                self._changed.wait_for(self._is_time, _GATHER_SECONDS)
                if self._closing and not self._waiting:
                    break
            full = self._write(self._file)
            if full is None:
                with self._changed:
                    if self._closing:
                        break
                    # When it is time to close, the disk has another chance at once.
                    self._changed.wait_for(lambda: self._closing, _RETRY_SECONDS)
                continue
            if full or time.monotonic() - tidied >= _TIDY_SECONDS:
                self._with_file(self._file, self._tidy)
                tidied = time.monotonic()
        self._file.close()

    def _is_time(self) -> bool:
        return self._closing or self._hurry or len(self._waiting) >= _BATCH or not self._waiting

    def _write(self, file: JournalFile) -> bool | None:
        """Write one batch; whether the file is too large then, or None after a failure.

        What could not be written waits for the next try, before all that came since.
        """
        with self._changed:
            keys = list(self._waiting)[: _BATCH if self._works else 1]
            batch = self._in_hand = {key: self._waiting.pop(key) for key in keys}
        ready = {key: self._prepared(entry) for key, entry in batch.items()}
        lost = sum(batch.pop(key).size for key, prepared in ready.items() if prepared is None)
        prepared = [entry for entry in ready.values() if entry is not None]
        full = self._with_file(file, lambda: self._written(file, prepared)) if prepared else False
        self._works = full is not None
        done = sum(entry.size for entry in batch.values())
        with self._changed:
            self._in_hand = {}
            self._bytes -= lost
            if full is None:
                later, self._waiting = self._waiting, batch
                for key, entry in later.items():
                    earlier = batch.get(key)
                    self._waiting[key] = joined = _joined(earlier, entry)
                    self._bytes -= entry.size + (earlier.size if earlier else 0) - joined.size
            else:
                self._bytes -= done
                if self._passing and self._has_room():
                    self._over()
            self._changed.notify_all()
        return full

    def _written(self, file: JournalFile, batch: list[Prepared]) -> bool:
        try:
            return file.write(batch)
        except (BrokenFileError, sqlite3.OperationalError, OSError):
            raise
        except Exception as error:
            # It is one of the entries that SQLite does not take, not the file.
            if len(batch) > 1:
                full = [self._written(file, [entry]) for entry in batch]
                return any(full)
            self._lost(batch[0].key, error)
            return False

    def _prepared(self, entry: Entry) -> Prepared | None:
        try:
            return prepare(entry)
        except Exception as error:  # a fault of ours must not keep the other entries out
            self._lost(entry.key, error)
            return None

    def _lost(self, key: Key, error: Exception) -> None:
        _log.error("a request could not be written to the journal", exc_info=error)
        with self._changed:
            self.dropped += 1
        self._trouble(f"Request {key} is not in the journal, since it could not be written: {error!r}.")

    def _tidy(self) -> bool:
        assert self._file is not None  # Without a file there is no thread.
        return self._file.tidy() > 0

    def _with_file(self, file: JournalFile, work: Callable[[], bool]) -> bool | None:
        """What `work` gives; None when the file cannot be used."""
        try:
            try:
                return work()
            except BrokenFileError as error:
                told = put_aside(file, error)
                if told is not None:
                    self._trouble(told)
                return work()
        except Exception as error:  # whatever it is, the thread goes on
            file.close()
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._trouble(
                f"{visible(str(file.path))}: {reason or 'input or output failed'}. "
                "Requests wait to be written to the journal, and are left out of it when too many wait.",
                passing=True,
            )
            return None

    def _has_room(self) -> bool:
        return 2 * len(self._waiting) <= MOST_WAITING and 2 * self._bytes <= MOST_WAITING_BYTES

    def _over(self) -> None:
        """The file can be written again, and what waits is little. Only by the holder of `_changed`."""
        self.problem, self._passing = None, False
        late = time.monotonic() - _AGAIN_SECONDS
        self._told = {problem: at for problem, at in self._told.items() if at > late}

    def _trouble(self, problem: str, *, passing: bool = False) -> None:
        with self._changed:
            self.problem, self._passing = problem, passing
            # Once for each: a full disk fails every few seconds.
            new = problem not in self._told
            self._told.setdefault(problem, time.monotonic())
        if not new:
            return
        if self._tell is None:
            _log.warning("%s", problem)
            return
        try:
            self._tell(problem)
        except Exception:  # whoever listened may be gone already
            _log.exception("nobody took what the journal had to say: %s", problem)


def _joined(earlier: Entry | None, later: Entry) -> Entry:
    """What is known later of a request, with the bodies that are known already."""
    if earlier is None:
        return later
    bodies = earlier.bodies if later.bodies is None else later.bodies
    return msgspec.structs.replace(later, bodies=bodies, again=earlier.again and later.again)
