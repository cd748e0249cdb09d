"""The writer's thread: batches, what waits, what is dropped, and that nobody waits for it."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from pathlib import Path

import msgspec
import pytest

from proxy_core.journal import writer as journal_writer
from proxy_core.journal.entry import Entry, Key
from proxy_core.journal.file import DEFAULT, JournalFile, Limits
from proxy_core.journal.prepared import Prepared, prepare
from proxy_core.journal.writer import JournalWriter
from proxy_core.verdict import Diagnosis, Verdict
from tests.journal.kit import BOUND, DAY, NOW, Clock, conversation, entry, kept, noise, records, until, whole


def writer(path: Path, limits: Limits = DEFAULT) -> JournalWriter:
    return JournalWriter(path, limits, clock=Clock())


def test_what_was_put_is_written_without_being_asked(path: Path) -> None:
    journal = writer(path)
    assert journal.put(entry(1, bodies=whole(b"body")))
    assert until(lambda: path.exists() and records(path) == [1])
    assert journal.close(BOUND)
    assert (journal.problem, journal.dropped) == (None, 0)


def test_closing_writes_what_waits_and_ends_the_thread(path: Path) -> None:
    journal = writer(path)
    entries = [entry(number, bodies=whole(body)) for number, body in enumerate(conversation(150, system=500))]
    assert all(journal.put(each) for each in entries)
    assert journal.close(BOUND)
    assert journal.close(BOUND)
    assert not journal.put(entry(999))
    assert kept(path) == entries
    assert not any(thread.name == "kvconsole-journal" for thread in threading.enumerate())
    assert journal.dropped == 0


def test_without_a_file_nothing_is_kept_and_nothing_fails() -> None:
    journal = JournalWriter(None)
    assert not journal.put(entry())
    assert journal.flush(0)
    assert journal.close()
    assert (journal.problem, journal.dropped) == (None, 0)


def test_what_is_known_later_joins_what_waits_or_is_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_writer, "_GATHER_SECONDS", 1000.0)
    journal = writer(path)
    first = entry(bodies=whole(b"body"))
    journal.put(first)
    second = msgspec.structs.replace(first, bodies=None, note="more")
    journal.put(second)
    assert journal.flush(BOUND)
    assert kept(path) == [msgspec.structs.replace(second, bodies=first.bodies)]
    third = msgspec.structs.replace(second, diagnosis=Diagnosis(Verdict("healthy")))
    journal.put(third)
    journal.close(BOUND)
    assert kept(path) == [msgspec.structs.replace(third, bodies=first.bodies)]


def test_what_is_known_later_is_written_though_the_first_waits_still(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_writer, "_GATHER_SECONDS", 0.5)
    journal = writer(path)
    journal.put(entry(1, bodies=whole(b"raw")))
    journal.put(msgspec.structs.replace(entry(1, lane="later"), again=True))
    assert journal.flush(BOUND)
    journal.put(msgspec.structs.replace(entry(1, lane="last"), again=True))
    assert journal.close(BOUND)
    assert [(found.lane, found.bodies) for found in kept(path)] == [("last", whole(b"raw"))]


@pytest.mark.parametrize("bound", ["MOST_WAITING", "MOST_WAITING_BYTES"])
def test_what_waits_is_bounded_and_what_is_dropped_is_counted_and_told_once(
    path: Path, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_writer, bound, 3 if bound == "MOST_WAITING" else 40_000)
    monkeypatch.setattr(journal_writer, "_GATHER_SECONDS", 1000.0)
    told: list[str] = []
    journal = JournalWriter(path, tell=told.append, clock=Clock())
    assert [journal.put(entry(number, bodies=whole(noise(1, 10_000)))) for number in range(5)] == [
        *[True] * 3,
        *[False] * 2,
    ]
    assert journal.dropped == 2
    assert len(told) == 1
    assert str(path) in told[0]
    # What is known later of one that waits takes its place.
    assert journal.put(entry(0, bodies=whole(noise(2, 10_000))))
    assert journal.flush(BOUND)
    assert journal.put(entry(7))
    journal.close(BOUND)
    assert records(path) == [0, 1, 2, 7]
    assert len(told) == 1


def test_a_full_batch_does_not_wait_for_more(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_writer, "_GATHER_SECONDS", 1000.0)
    monkeypatch.setattr(journal_writer, "_BATCH", 4)
    journal = writer(path)
    for number in range(9):
        journal.put(entry(number))
    assert until(lambda: path.exists() and len(records(path)) == 8)
    journal.close(BOUND)
    assert len(records(path)) == 9


def test_nobody_waits_while_another_process_holds_the_file(path: Path) -> None:
    journal = writer(path)
    journal.put(entry(0))
    assert journal.flush(BOUND)
    with sqlite3.connect(path) as other:
        other.execute("BEGIN IMMEDIATE")
        put: list[bool] = []
        body = conversation(3)[-1]

        def puts() -> None:
            put.extend(journal.put(entry(number, bodies=whole(body))) for number in range(1, 300))

        thread = threading.Thread(target=puts)
        thread.start()
        thread.join(BOUND)
        assert not thread.is_alive()
        assert records(path) == [0]
        other.execute("ROLLBACK")
    other.close()
    assert journal.close(BOUND)
    assert put == [True] * 299
    assert len(records(path)) == 300


def test_closing_does_not_wait_longer_than_it_may(path: Path) -> None:
    told: list[str] = []
    journal = JournalWriter(path, tell=told.append, clock=Clock())
    journal.put(entry(0))
    assert journal.flush(BOUND)
    with sqlite3.connect(path) as other:
        other.execute("BEGIN IMMEDIATE")
        for number in (1, 2):
            journal.put(entry(number))
        begun = time.monotonic()
        assert not journal.close(0.3)
        # The writer itself would wait for seconds.
        assert time.monotonic() - begun < BOUND
        assert journal.dropped == 2
        assert any("2 requests" in line for line in told)
        other.execute("ROLLBACK")
    other.close()
    assert until(lambda: not any(t.name == "kvconsole-journal" for t in threading.enumerate()))


def test_an_entry_that_sqlite_does_not_take_costs_none_of_the_others(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journal_writer, "_GATHER_SECONDS", 1000.0)
    told: list[str] = []
    journal = JournalWriter(path, tell=told.append, clock=Clock())
    with caplog.at_level(logging.CRITICAL, "kvconsole"):
        for number in (1, 2**70, 3):
            journal.put(entry(number, bodies=whole(b"body")))
        assert journal.flush(BOUND)
    journal.close(BOUND)
    assert records(path) == [1, 3]
    assert journal.dropped == 1
    assert len(told) == 1
    assert f"run-{2**70}" in told[0]


def test_an_entry_that_cannot_be_prepared_costs_none_of_the_others(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(kept: Entry) -> Prepared:
        if kept.record == 2:
            raise RuntimeError("a fault of ours")
        return prepare(kept)

    monkeypatch.setattr(journal_writer, "prepare", fails)
    # Also where the batch that it was in has to be written again.
    monkeypatch.setattr(journal_writer, "_BATCH", 3)
    monkeypatch.setattr(journal_writer, "_GATHER_SECONDS", 1000.0)
    path.parent.write_text("in the way")
    told: list[str] = []
    journal = JournalWriter(path, tell=told.append, clock=Clock())
    with caplog.at_level(logging.CRITICAL, "kvconsole"):
        for number in (1, 2, 3):
            journal.put(entry(number))
        assert until(lambda: len(told) == 2)
        path.parent.unlink()
        assert journal.close(BOUND)
    assert records(path) == [1, 3]
    assert (journal.dropped, len(told)) == (1, 2)
    assert "run-2" in told[0]


def test_whoever_listens_may_fail(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_text("no database" * 999)

    def tell(sentence: str) -> None:
        raise RuntimeError("gone")

    with caplog.at_level(logging.CRITICAL, "kvconsole"):
        journal = JournalWriter(path, tell=tell, clock=Clock())
        journal.put(entry(1))
        assert journal.close(BOUND)
    assert records(path) == [1]


def test_the_journal_is_tidied_at_the_start_and_when_it_is_full(path: Path) -> None:
    old = JournalFile(path, clock=Clock())
    old.write([prepare(entry(number, at=NOW - 8 * DAY)) for number in range(3)])
    old.close()
    limits = Limits(bytes=500_000)
    journal = writer(path, limits)
    assert until(lambda: records(path) == [])
    for number in range(40):
        journal.put(entry(number, at=NOW + number, bodies=whole(noise(number, 60_000))))
        assert journal.flush(BOUND)
    journal.close(BOUND)
    found = records(path)
    assert found == list(range(40 - len(found), 40))
    assert 2 < len(found) < 9
    assert path.stat().st_size < limits.bytes


def test_many_threads_may_put(path: Path) -> None:
    journal = writer(path)

    def puts(run: str) -> None:
        for number in range(50):
            assert journal.put(entry(number, run=run))

    threads = [threading.Thread(target=puts, args=(f"run{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND)
    assert journal.close(BOUND)
    assert {found.key for found in kept(path)} == {
        Key(f"run{run}", number) for run in range(4) for number in range(50)
    }


def test_while_the_disk_fails_only_one_entry_is_made_ready_again_and_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_writer, "_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(journal_writer, "_GATHER_SECONDS", 1000.0)
    monkeypatch.setattr(journal_writer, "_BATCH", 10)
    ready: list[int] = []

    def counts(kept: Entry) -> Prepared:
        ready.append(kept.record)
        return prepare(kept)

    monkeypatch.setattr(journal_writer, "prepare", counts)
    path.parent.write_text("in the way")
    journal = writer(path)
    for number in range(10):
        journal.put(entry(number))
    assert until(lambda: len(ready) >= 14)
    assert ready[:14] == [*range(10), 0, 0, 0, 0]
    path.parent.unlink()
    assert journal.close(BOUND)
    assert records(path) == list(range(10))
