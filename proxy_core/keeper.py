"""Keeps the turns of this run in the journal, and recalls those of earlier ones.

Called on the engine's loop, save `bodies` and `recalled`, which read the disk: any thread may call these.
"""

from __future__ import annotations

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from proxy_core import paths
from proxy_core.errors import JournalError
from proxy_core.events import JournalState
from proxy_core.exchange import Bodies, Record
from proxy_core.history import History
from proxy_core.journal import (
    Entry,
    JournalFile,
    JournalWriter,
    Key,
    Limits,
    Wanted,
    entry_of,
    open_journal,
    put_aside,
    record_of,
)
from proxy_core.llama.generated import Generated
from proxy_core.llama.said import Said, said_of
from proxy_core.settings import Settings
from proxy_core.sqlite_file import DamagedFileError
from proxy_core.verdict import Cause, Verdict

_log = logging.getLogger("kvconsole")

_CLOSE_SECONDS = 2.0
_NUMBERED = re.compile(r'“[^”]*”|"[^"]*"|\b([Rr]equest) (\d{1,9})\b')
"""A request's number; not where somebody else is quoted."""
_DETAIL_IS_OURS: frozenset[Cause] = frozenset({"cancelled", "slot taken"})
"""Causes whose detail quotes nobody unless in quotation marks; that of others may be a heading."""


def limits_of(settings: Settings) -> Limits:
    """What the journal may take."""
    return Limits(settings.journal_days * 86400, settings.journal_size)


class Keeper:
    """One run's part in the journal. Nothing here raises, and nothing waits for the disk."""

    def __init__(
        self,
        settings: Settings,
        run: str,
        history: History,
        build: Callable[[], str | None],
        tell: Callable[[str], None],
    ) -> None:
        """
        Args:
            settings: Whether there is a journal, and how large it may become.
            run: The name of this run.
            history: What is to be kept.
            build: The upstream's build.
            tell: Takes a sentence for the person; called from any thread.
        """
        self._run = run
        self._history = history
        self._build = build
        self._most = settings.history
        self._path: Path | None = paths.journal_file() if settings.journal else None
        self._tell = tell
        self._writer = JournalWriter(self._path, limits_of(settings), tell=tell)
        self._said: OrderedDict[int, Said] = OrderedDict()
        self._put: OrderedDict[int, bool] = OrderedDict()
        """By record id, whether the journal took the record with its bodies."""

    @property
    def state(self) -> JournalState:
        """How the journal fares."""
        path = None if self._path is None else str(self._path)
        return JournalState(path, self._writer.dropped, self._writer.problem)

    def heard(self, record_id: int, generated: Generated) -> None:
        """The model said that; told before the record's end is."""
        said = said_of(generated)
        if said is not None and self._path is not None:
            self._said[record_id] = said
            self._forget(self._said)

    def record(self, record: Record) -> None:
        """A record is new or has other figures; it is kept once it has ended."""
        if self._path is None or record.open or not record.prompts or record.name is None:
            return
        try:
            self._keep(record)
        except Exception:  # what is not kept must not cost the request
            _log.exception("request %s could not be kept", record.id)

    def bodies(self, record: Record) -> Bodies | None:
        """A record's request bodies from the disk; None where they are not kept, or cannot be read."""
        if self._path is None or record.name is None:
            return None
        try:
            with open_journal(self._path) as journal:
                entry = _kept(journal, Key.parse(record.name), self._tell)
        except JournalError as error:
            _log.warning("%s", error.message)
            return None
        return None if entry is None else entry.bodies

    def close(self) -> None:
        """Write what waits, within two seconds."""
        self._writer.close(_CLOSE_SECONDS)

    def _keep(self, record: Record) -> None:
        taken = self._put.get(record.id)
        if taken is False:
            # Once it was dropped it stays out: half of it would be worse, and it is counted.
            return
        diagnosis = record.diagnosis
        before = None if diagnosis is None or diagnosis.predecessor is None else diagnosis.predecessor
        earlier = None if before is None else self._history.get(before)
        entry = entry_of(
            record,
            self._run,
            bodies=None if taken else self._history.bodies(record.id),
            said=self._said.get(record.id),
            before=earlier.name if earlier is not None else None,
            build=self._build(),
            again=taken is True,
        )
        if entry is not None:
            self._put[record.id] = self._writer.put(entry)
            self._forget(self._put)

    def _forget(self, kept: OrderedDict[int, Said] | OrderedDict[int, bool]) -> None:
        # What is no longer in the history does not change any more.
        while len(kept) > 2 * self._most:
            kept.popitem(last=False)


def recalled(settings: Settings, tell: Callable[[str], None]) -> tuple[Record, ...]:
    """The newest turns of earlier runs, oldest first with ids from 1 on.

    Args:
        settings: Whether there is a journal, and how many turns are kept in memory.
        tell: Takes a sentence for the person when the journal is damaged: it is put aside then, and what can
            be read of it is recalled all the same.
    """
    if not settings.journal:
        return ()
    entries: list[Entry] = []
    try:
        with open_journal(paths.journal_file()) as journal:
            damage: list[DamagedFileError] = []
            # What is too old goes when the journal is tidied.
            since = time.time() - limits_of(settings).seconds
            entries = journal.latest(settings.history, Wanted(since=since), damage.append)
            for error in damage:
                _put_aside(journal, error, tell)
    except JournalError as error:
        # Who writes to it will tell the person.
        _log.info("%s", error.message)
    entries = _once(entries)
    ids = {str(entry.key): number for number, entry in enumerate(entries, 1)}
    return tuple(_record(entry, ids) for entry in entries)


def _once(entries: Iterable[Entry]) -> list[Entry]:
    """Entries without those of turns that another entry has as well.

    Of two kvconsoles that follow one log, each takes the other's requests for those of a client that asks the
    server directly.
    """
    found = list(entries)
    seen = {_mark(entry) for entry in found if entry.method is not None}
    once: list[Entry] = []
    for entry in found:
        mark = _mark(entry)
        if entry.method is None and mark is not None:
            if mark in seen:
                continue
            seen.add(mark)
        once.append(entry)
    return once


def _mark(entry: Entry) -> tuple[float | None, ...] | None:
    """What tells a turn from every other; None where the log told too little of it."""
    turn = entry.turn
    if turn is None or turn.task is None or turn.prompt_ms is None:
        return None
    return turn.port, turn.slot, turn.task, turn.prompt_n, turn.prompt_ms


def _kept(journal: JournalFile, key: Key, tell: Callable[[str], None]) -> Entry | None:
    try:
        return journal.get(key)
    except DamagedFileError as error:
        _put_aside(journal, error, tell)
        return None


def _put_aside(journal: JournalFile, error: DamagedFileError, tell: Callable[[str], None]) -> None:
    told = put_aside(journal, error)
    if told is not None:
        tell(told)


def _record(entry: Entry, ids: dict[str, int]) -> Record:
    name = str(entry.key)
    record = replace(record_of(entry, ids[name]), name=name, recalled=True)
    diagnosis = record.diagnosis
    if diagnosis is None:
        return record
    then = diagnosis.predecessor
    before = ids.get(entry.before) if entry.before is not None else None

    def now(number: int) -> int | None:
        return before if number == then else ids.get(str(Key(entry.run, number)))

    diagnosis = replace(diagnosis, verdict=_renumbered(diagnosis.verdict, now))
    if then is not None:
        why = diagnosis.why_none if before is not None else "The request before it is no longer kept"
        diagnosis = replace(diagnosis, predecessor=before, why_none=why)
    return replace(record, diagnosis=diagnosis)


def _renumbered(verdict: Verdict, now: Callable[[int], int | None]) -> Verdict:
    """A verdict of an earlier run, which names requests by the numbers that they had then."""

    def told(found: re.Match[str]) -> str:
        word, number = found.groups()
        if word is None:
            return found[0]
        known = now(int(number))
        return f"{word} {number} of its run" if known is None else f"{word} {known}"

    ours = verdict.cause in _DETAIL_IS_OURS
    return replace(
        verdict,
        detail=_NUMBERED.sub(told, verdict.detail) if ours else verdict.detail,
        evidence=tuple(_NUMBERED.sub(told, sentence) for sentence in verdict.evidence),
    )
