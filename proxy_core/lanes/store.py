"""What rules remember of each conversation, on disk: it outlives a restart, and no request waits for it."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from proxy_core.config_text import visible
from proxy_core.lanes.file import LaneFile, LaneRow, LaneWrite
from proxy_core.sqlite_file import BrokenFileError

__all__ = ["LaneRow", "LaneStore"]

MOST_WAITING = 32 * 1024 * 1024
"""Bytes that may wait to be written: two of the largest requests that restore tool output, and then some."""

_GATHER_SECONDS = 0.2
"""How long the writer waits for more: the saves of one turn become one transaction."""
_RETRY_SECONDS = 5.0
"""Pause after a failure: a full disk does not empty itself at once."""

_T = TypeVar("_T")

_log = logging.getLogger("kvconsole")


class LaneStore:
    """Keeps lanes in a SQLite file that several kvconsoles may share.

    `save` and `drop` return at once, from any thread; a thread of the store's own writes. `load`, `forget`,
    `flush` and `close` wait for the disk: call them off the loop. Nothing here raises: what cannot be kept is
    told once, and the proxy goes on.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        tell: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            path: The file; it and its directory need not exist. None keeps nothing.
            tell: Takes a sentence for the person when lanes cannot be kept, or were set aside; may be called
                from any thread.
            clock: Seconds since the epoch, as in each lane's `seen`.
        """
        self.problem: str | None = None
        """What went wrong last, for a person; None while nothing did."""
        self.dropped = 0
        """Saves that were not kept because too much waited, or could not be written at all."""
        self._path = path
        self._tell = tell
        self._told: set[str] = set()
        self._file = None if path is None else LaneFile(path, clock)
        self._busy = threading.Lock()
        """Held by whoever uses the file."""
        self._changed = threading.Condition()
        self._waiting: dict[str, LaneWrite | None] = {}
        """By lane, what is to be written; None to forget it."""
        self._waiting_bytes = 0
        self._closing = False
        self._writer: threading.Thread | None = None

    def load(self, most: int) -> list[LaneRow]:
        """The lanes that were used last, newest first.

        A file that is broken, or of a version that is not known, is kept beside itself as `NAME.broken-1` or
        the next free number; `problem` says so.
        """
        with self._busy:
            return self._with_file(lambda file: file.read(most)) or []

    def save(
        self,
        lane_id: str,
        client: str | None,
        session: str | None,
        head: bytes,
        chain: bytes,
        seen: float,
        writes: Mapping[tuple[str, str], bytes],
    ) -> None:
        """Keep a lane as it is now.

        Args:
            lane_id: Unlike every other lane's, in every kvconsole.
            client: The client's name.
            session: The key by which the client names the conversation.
            head: Digest of what stands before the messages.
            chain: The messages' digests, one after the other.
            seen: When it was used last, in seconds since the epoch.
            writes: What to add to its memory, or to replace there.
        """
        memory = {(_clean(rule), _clean(key)): value for (rule, key), value in writes.items()}
        fresh = LaneWrite(client and _clean(client), session and _clean(session), head, chain, seen, memory)
        with self._changed:
            if self._file is None or self._closing:
                return
            earlier = self._waiting.get(lane_id)
            joined = _joined(self._waiting, lane_id, fresh) or fresh
            waiting = self._waiting_bytes + joined.size - (earlier.size if earlier else 0)
            if waiting > MOST_WAITING:
                self.dropped += 1
                return
            self._waiting[lane_id] = joined
            self._waiting_bytes = waiting
            self._wake()

    def drop(self, lane_ids: Iterable[str]) -> None:
        """Forget lanes that are no longer wanted."""
        with self._changed:
            if self._file is None or self._closing:
                return
            for lane_id in lane_ids:
                earlier = self._waiting.pop(lane_id, None)
                self._waiting_bytes -= earlier.size if earlier else 0
                self._waiting[lane_id] = None
            self._wake()

    def forget(self, lane_id: str | None) -> int:
        """Forget one lane, or all of them, also those of other kvconsoles; gives how many there were.

        Nothing of what they held stays readable in the file.
        """
        with self._busy:
            self._write_waiting()
            return self._with_file(lambda file: file.forget(lane_id)) or 0

    def flush(self) -> None:
        """Write what waits."""
        with self._busy:
            self._write_waiting()

    def close(self) -> None:
        """Write what waits, and let go of the file. May be called twice."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._writer is not None:
            self._writer.join()
        with self._busy:
            if not self._write_waiting():
                self.dropped += len(self._waiting)
            if self._file is not None:
                self._file.close()

    def _wake(self) -> None:
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, name="kvconsole-lanes", daemon=True)
            self._writer.start()
        self._changed.notify_all()

    def _write(self) -> None:
        """The writer's thread. What could not be written waits for the next try, within the bound."""
        pause = _GATHER_SECONDS
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                self._changed.wait_for(lambda: self._closing, pause)
                if self._closing:
                    return
            with self._busy:
                pause = _GATHER_SECONDS if self._write_waiting() else _RETRY_SECONDS

    def _write_waiting(self) -> bool:
        """Write what waits, and put it back if that fails. Only by the holder of `_busy`."""
        with self._changed:
            batch, self._waiting = self._waiting, {}
            self._waiting_bytes = 0
        if not batch:
            return True
        refused = self._with_file(lambda file: file.write(batch))
        if refused is not None:
            self.dropped += refused
            return True
        with self._changed:
            later, self._waiting = self._waiting, batch
            for lane_id, lane in later.items():
                self._waiting[lane_id] = _joined(batch, lane_id, lane)
            self._waiting_bytes = sum(lane.size for lane in self._waiting.values() if lane is not None)
        return False

    def _with_file(self, work: Callable[[LaneFile], _T]) -> _T | None:
        """What `work` gives; None when the file cannot be used. Only by the holder of `_busy`."""
        if self._file is None:
            return None
        try:
            try:
                return work(self._file)
            except BrokenFileError as error:
                self._set_aside(self._file, error)
                return work(self._file)
        except (BrokenFileError, sqlite3.Error, OSError) as error:
            self._file.close()
            where = visible(str(self._file.path))
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._trouble(
                f"{where}: {reason or 'input or output failed'}. "
                "What rules remember of a conversation does not outlive this run until that is put right."
            )
            return None

    def _set_aside(self, file: LaneFile, error: BrokenFileError) -> None:
        where = visible(str(file.path))
        kept = file.set_aside()
        if kept is not None:
            self._trouble(
                f"{where} could not be understood ({error}). It is kept as {visible(kept.name)}; rules begin "
                "with no memory of earlier conversations."
            )

    def _trouble(self, problem: str) -> None:
        self.problem = problem
        # Once for each: a full disk fails every few seconds.
        if problem not in self._told:
            self._told.add(problem)
            if self._tell is not None:
                self._tell(problem)
            else:
                _log.warning("%s", problem)


def _joined(
    waiting: Mapping[str, LaneWrite | None], lane_id: str, later: LaneWrite | None
) -> LaneWrite | None:
    """What comes later over what waits for the same lane."""
    if later is None or later.afresh or lane_id not in waiting:
        return later
    earlier = waiting[lane_id]
    return later._replace(afresh=True) if earlier is None else later.after(earlier)


def _clean(text: str) -> str:
    """`text` as UTF-8 can spell it: JSON may hold half a surrogate pair, which SQLite refuses."""
    return text.encode(errors="backslashreplace").decode()
