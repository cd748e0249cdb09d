"""The journal: what became of each request, on disk, across restarts."""

from __future__ import annotations

from proxy_core.journal.entry import Entry, Facts, Key, Summary, new_run, summary_of
from proxy_core.journal.file import Info, JournalFile, Limits
from proxy_core.journal.opening import open_journal, put_aside
from proxy_core.journal.reading import Wanted
from proxy_core.journal.records import entry_of, record_of
from proxy_core.journal.writer import JournalWriter

__all__ = [
    "Entry",
    "Facts",
    "Info",
    "JournalFile",
    "JournalWriter",
    "Key",
    "Limits",
    "Summary",
    "Wanted",
    "entry_of",
    "new_run",
    "open_journal",
    "put_aside",
    "record_of",
    "summary_of",
]
