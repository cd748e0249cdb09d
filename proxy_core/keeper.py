"""Keeps the turns of this run in the journal."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
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
    entry_of,
    open_journal,
    put_aside,
)
from proxy_core.llama.generated import Generated
from proxy_core.llama.said import Said, said_of
from proxy_core.settings import Settings
from proxy_core.sqlite_file import DamagedFileError

_log = logging.getLogger("kvconsole")

_CLOSE_SECONDS = 2.0


def limits_of(settings: Settings) -> Limits:
    """What the journal may take."""
    return Limits(settings.journal_days * 86400, settings.journal_size)


class Keeper:
    """One run's part in the journal.

    Called on the engine's loop, save `bodies`, which reads the disk: any thread may call that. Nothing here
    raises, and nothing else waits for the disk.
    """

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
        self._taken: OrderedDict[int, None] = OrderedDict()
        """Ids of the records that the journal took, with their bodies."""

    @property
    def state(self) -> JournalState:
        """How the journal fares."""
        path = None if self._path is None else str(self._path)
        return JournalState(path, self._writer.dropped, self._writer.problem)

    def heard(self, record_id: int, generated: Generated) -> None:
        """The model said that; told before the record's end is."""
        said = said_of(generated)
        if said is not None:
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
        taken = record.id in self._taken
        before = record.diagnosis.predecessor if record.diagnosis is not None else None
        earlier = self._history.get(before) if before is not None else None
        entry = entry_of(
            record,
            self._run,
            bodies=None if taken else self._history.bodies(record.id),
            said=self._said.get(record.id),
            before=earlier.name if earlier is not None else None,
            build=self._build(),
            again=taken,
        )
        if entry is None:
            return
        if self._writer.put(entry):
            self._taken[record.id] = None
            self._forget(self._taken)
        elif not taken:
            # Once it was dropped it stays out: half of it would be worse, and it is counted.
            self._history.not_kept(record.id)

    def _forget(self, kept: OrderedDict[int, Said] | OrderedDict[int, None]) -> None:
        # What is no longer in the history does not change any more.
        while len(kept) > 2 * self._most:
            kept.popitem(last=False)


def _kept(journal: JournalFile, key: Key, tell: Callable[[str], None]) -> Entry | None:
    try:
        return journal.get(key)
    except DamagedFileError as error:
        if (told := put_aside(journal, error)) is not None:
            tell(told)
        return None
