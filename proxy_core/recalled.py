"""Turns of earlier runs, as the journal holds them, for the history of this one."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from proxy_core import paths
from proxy_core.errors import JournalError
from proxy_core.exchange import Record
from proxy_core.journal import Entry, Key, Wanted, open_journal, put_aside, record_of
from proxy_core.keeper import limits_of
from proxy_core.settings import Settings
from proxy_core.sqlite_file import DamagedFileError
from proxy_core.verdict import Cause, Verdict

_log = logging.getLogger("kvconsole")

_NUMBERED = re.compile(r'“[^”]*”|"[^"]*"|\b([Rr]equest) (\d{1,9})\b')
"""A request's number; not where somebody else is quoted."""
_DETAIL_IS_OURS: frozenset[Cause] = frozenset({"cancelled", "slot taken"})
"""Causes whose detail quotes nobody unless in quotation marks; that of others may be a heading."""


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
                if (told := put_aside(journal, error)) is not None:
                    tell(told)
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
