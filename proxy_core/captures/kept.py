"""The journal as a source of captured requests."""

from __future__ import annotations

from collections.abc import Iterator

from proxy_core.captures.captured import Answered, Captured, Place, Problem
from proxy_core.captures.finding import figures, finding
from proxy_core.captures.reading import Reading
from proxy_core.journal import Entry, JournalFile, Key, Wanted, record_of, summary_of
from proxy_core.journal.reading import ALL
from proxy_core.sqlite_file import BrokenFileError

JOURNAL = "journal"
"""What places in the journal are called."""


class JournalSource(Reading):
    """The requests that a journal holds, oldest first, read as they are asked for; see `source.Source`.

    Entries that cannot be read are passed over and told; turns that a client took at the server directly have
    no request, and are passed over.

    Args:
        journal: Open as long as this is read.
        wanted: Which entries.
        last: Of these only so many, the newest.
    """

    def __init__(self, journal: JournalFile, wanted: Wanted = ALL, last: int | None = None) -> None:
        super().__init__(JOURNAL)
        self._journal = journal
        self._wanted = wanted
        self._count = journal.count(wanted)
        self._skip = 0 if last is None else max(0, self._count - last)
        self._entries = self._read()

    def __next__(self) -> Captured:
        one = next(self._entries)
        self.read += 1
        return one

    def close(self) -> None:
        """Nothing more is read."""
        self._entries = iter(())

    @property
    def share(self) -> float | None:
        """How much was read so far, from 0 to 1."""
        wanted = self._count - self._skip
        return 1.0 if wanted <= 0 else min(1.0, (self.read + self.passed + self.broken) / wanted)

    def _read(self) -> Iterator[Captured]:
        for entry in self._journal.entries(self._wanted, skip=self._skip, damaged=self._damaged):
            captured = captured_of(entry)
            if captured is None:
                self.passed += 1
            else:
                yield captured

    def _damaged(self, key: Key, error: BrokenFileError) -> None:
        self._tell(Problem(Place(f"{JOURNAL} {key}"), str(error)))


def captured_of(entry: Entry) -> Captured | None:
    """An entry as a captured request; None where it has no request body."""
    if entry.method is None or entry.path is None or entry.bodies is None:
        return None
    record = record_of(entry)
    return Captured(
        place=Place(f"{JOURNAL} {entry.key}"),
        method=entry.method,
        path=entry.path,
        api=entry.api,
        body=entry.bodies.raw,
        forwarded=entry.bodies.normalized,
        at=entry.at,
        client=entry.client,
        lane=entry.lane,
        id=str(entry.key),
        before=_before(entry),
        server=entry.build,
        ruleset=entry.ruleset,
        edited=summary_of(entry).edited,
        answer=Answered(entry.http_status, said=entry.said) if entry.http_status or entry.said else None,
        figures=figures(record),
        finding=None if entry.diagnosis is None else finding(entry.diagnosis.verdict),
        note=entry.note,
    )


def _before(entry: Entry) -> str | None:
    if entry.before is not None or entry.diagnosis is None or entry.diagnosis.predecessor is None:
        return entry.before
    return str(Key(entry.run, entry.diagnosis.predecessor))
