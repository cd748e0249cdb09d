"""What becomes of the journal when its file is damaged, the disk is full, or a process is killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy_core.journal import writer as journal_writer
from proxy_core.journal.file import JournalFile
from proxy_core.journal.prepared import Prepared
from proxy_core.journal.writer import JournalWriter
from proxy_core.sqlite_file import BrokenFileError
from tests.journal.kit import (
    BOUND,
    NOW,
    Clock,
    conversation,
    entry,
    kept,
    noise,
    records,
    until,
    whole,
    write,
)


def database(path: Path, script: str) -> None:
    """A database of somebody else's."""
    with sqlite3.connect(path) as db:
        db.executescript(script)
    db.close()


STRANGERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("this is no database, and long enough to be none" * 90),
    "later version": lambda path: database(path, "CREATE TABLE entries (id); PRAGMA user_version = 2;"),
    "another program's": lambda path: database(path, "CREATE TABLE bookmarks (id);"),
    "without tables": lambda path: database(path, "CREATE TABLE entries (id); PRAGMA user_version = 1;"),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_file_that_is_none_of_ours_is_set_aside_at_the_start_and_said(path: Path, stranger: str) -> None:
    path.parent.mkdir(mode=0o700)
    path.with_name("journal.sqlite.broken-1").write_text("from last time")
    STRANGERS[stranger](path)
    content = path.read_bytes()
    told: list[str] = []
    journal = JournalWriter(path, tell=told.append, clock=Clock())
    journal.put(entry(1))
    assert journal.close(BOUND)
    assert told == [journal.problem]
    assert str(path) in told[0]
    assert "journal.sqlite.broken-2" in told[0]
    assert path.with_name("journal.sqlite.broken-2").read_bytes() == content
    assert path.with_name("journal.sqlite.broken-1").read_text() == "from last time"
    assert (records(path), journal.dropped) == ([1], 0)


def test_a_damaged_page_is_noticed_by_the_writer_and_nothing_that_waits_is_lost(path: Path) -> None:
    write(path, *(entry(number, bodies=whole(noise(number, 3000))) for number in range(200)))
    damaged = bytearray(path.read_bytes())
    damaged[4096:] = b"\x5a" * (len(damaged) - 4096)
    path.write_bytes(damaged)
    told: list[str] = []
    journal = JournalWriter(path, tell=told.append, clock=Clock())
    for number in range(3):
        journal.put(entry(number))
    assert journal.close(BOUND)
    assert len(told) == 1
    assert path.with_name("journal.sqlite.broken-1").read_bytes() == bytes(damaged)
    assert (records(path), journal.dropped) == ([0, 1, 2], 0)


@given(
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=300)), max_size=4)
)
@settings(max_examples=40, deadline=None)
def test_whatever_is_damaged_the_writer_goes_on_and_no_wrong_body_comes_back(
    damage: list[tuple[float, bytes]],
) -> None:
    bodies = [whole(b"!" + body, body) for body in conversation(6, system=3000)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"
        write(path, *(entry(number, bodies=pair) for number, pair in enumerate(bodies)))
        content = bytearray(path.read_bytes())
        for place, junk in damage:
            at = int(place * len(content))
            content[at : at + len(junk)] = junk
        path.write_bytes(content)
        file = JournalFile(path, clock=Clock())
        try:
            for found in file.entries(damaged=lambda key, error: None):
                if found.bodies is not None and found.record < len(bodies):
                    assert found.bodies.raw[1:] in {pair.normalized for pair in bodies}
        except (BrokenFileError, sqlite3.Error):
            pass
        finally:
            file.close()
        journal = JournalWriter(path, clock=Clock())
        journal.put(entry(99, run="new", bodies=bodies[0]))
        assert journal.close(BOUND)


def test_a_directory_that_cannot_be_made_is_told_once_and_the_rest_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_writer, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(journal_writer, "_GATHER_SECONDS", 0.01)
    (tmp_path / "file").write_text("in the way")
    told: list[str] = []
    path = tmp_path / "file" / "journal.sqlite"
    journal = JournalWriter(path, tell=told.append, clock=Clock())
    for number in range(3):
        assert journal.put(entry(number))
    assert not journal.flush(0.3)
    assert not journal.close(BOUND)
    assert len(told) == 2
    assert str(path) in told[0]
    assert "3 requests" in told[1]
    assert journal.dropped == 3


def test_what_failed_is_written_once_the_disk_works_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_writer, "_RETRY_SECONDS", 0.01)
    path.parent.write_text("in the way")
    journal = JournalWriter(path, clock=Clock())
    journal.put(entry(1, bodies=whole(b"one")))
    assert not journal.flush(0.5)
    assert journal.problem is not None
    journal.put(entry(1))
    journal.put(entry(2))
    path.parent.unlink()
    assert journal.flush(BOUND)
    assert journal.close(BOUND)
    assert [found.bodies for found in kept(path)] == [whole(b"one"), None]
    assert journal.dropped == 0


def test_a_problem_that_is_over_is_none_any_more_and_is_told_again_when_it_comes_back_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_writer, "_RETRY_SECONDS", 0.01)
    failing = threading.Event()
    really = JournalFile.write

    def full_at_times(file: JournalFile, batch: list[Prepared]) -> bool:
        if failing.is_set():
            raise sqlite3.OperationalError("database or disk is full")
        return really(file, batch)

    monkeypatch.setattr(JournalFile, "write", full_at_times)
    told: list[str] = []
    journal = JournalWriter(path, tell=told.append, clock=Clock())
    for number, (again_after, expected) in enumerate([(600.0, 1), (0.0, 1), (600.0, 2)]):
        monkeypatch.setattr(journal_writer, "_AGAIN_SECONDS", again_after)
        failing.set()
        journal.put(entry(number))
        assert until(lambda: journal.problem is not None)
        failing.clear()
        assert journal.flush(BOUND)
        assert (journal.problem, len(told)) == (None, expected)
    assert journal.close(BOUND)
    assert (records(path), journal.dropped) == ([0, 1, 2], 0)


def test_a_journal_that_was_set_aside_stays_told(path: Path) -> None:
    write(path, entry(1))
    path.write_bytes(b"nonsense " * 1000)
    journal = JournalWriter(path, clock=Clock())
    journal.put(entry(2))
    assert journal.close(BOUND)
    assert journal.problem is not None
    assert "broken-1" in journal.problem


def test_failures_use_up_no_room_for_what_comes_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_writer, "_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(journal_writer, "_GATHER_SECONDS", 0.001)
    monkeypatch.setattr(journal_writer, "MOST_WAITING_BYTES", 60_000)
    path.parent.write_text("in the way")
    journal = JournalWriter(path, clock=Clock())
    for number in range(50):
        # The same two requests again and again, some of them while they are in hand.
        assert journal.put(entry(number % 2, bodies=whole(noise(number, 10_000)) if number % 3 else None))
        time.sleep(0.002)
    path.parent.unlink()
    for number in range(10, 20):
        assert journal.flush(BOUND)
        assert journal.put(entry(number, bodies=whole(noise(number, 25_000))))
    assert journal.close(BOUND)
    assert set(records(path)) == {0, 1, *range(10, 20)}
    assert journal.dropped == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for the superuser")
def test_a_read_only_directory_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    told: list[str] = []
    journal = JournalWriter(tmp_path / "journal.sqlite", tell=told.append, clock=Clock())
    journal.put(entry(1))
    assert not journal.close(BOUND)
    tmp_path.chmod(0o700)
    assert "Permission denied" in told[0]
    assert journal.dropped == 1


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database or disk is full"),
        sqlite3.OperationalError("attempt to write a readonly database"),
        sqlite3.OperationalError("disk I/O error"),
        OSError(28, "No space left on device"),
        PermissionError(13, "Permission denied"),
    ],
    ids=str,
)
def test_any_error_of_the_disk_is_told_once_and_tried_again(
    path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_writer, "_RETRY_SECONDS", 0.01)
    failing = threading.Event()
    failing.set()
    tries: list[int] = []
    plain = JournalFile.write

    def write(self: JournalFile, batch: list[Prepared]) -> bool:
        tries.append(len(batch))
        if failing.is_set():
            raise error
        return plain(self, batch)

    monkeypatch.setattr(JournalFile, "write", write)
    told: list[str] = []
    journal = JournalWriter(path, tell=told.append, clock=Clock())
    journal.put(entry(1))
    assert not journal.flush(0.5)
    assert len(tries) > 1
    assert len(told) == 1
    assert str(error.args[-1]) in told[0]
    failing.clear()
    assert journal.close(BOUND)
    assert (records(path), journal.dropped) == ([1], 0)


def script(body: str) -> str:
    return f"""
import os, resource, sys, threading
from pathlib import Path
from proxy_core.journal import writer as journal_writer
from proxy_core.journal.writer import JournalWriter
from tests.journal.kit import conversation, entry, kept, noise, records, whole
path, now = Path(sys.argv[1]), {NOW}
journal_writer._RETRY_SECONDS = 0.05
journal = JournalWriter(path, tell=lambda told: print("told:", told, flush=True), clock=lambda: now)
{body}
"""


def ran(body: str, path: Path) -> list[str]:
    command = [sys.executable, "-c", script(body), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BOUND, check=True)
    return done.stdout.splitlines()


def test_a_full_disk_is_told_once_and_what_was_written_stays(path: Path) -> None:
    # A limit on the size of files is what a full disk looks like to a program.
    told = ran(
        """
journal.put(entry(1, bodies=whole(b"kept")))
assert journal.flush(30)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
for number in (2, 3):
    journal.put(entry(number, bodies=whole(noise(number, 400_000))))
    assert not journal.flush(0.5)
print("goes on:", records(path), flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.put(entry(4))
assert journal.close(30)
print("dropped:", journal.dropped)
""",
        path,
    )
    assert [line.partition(":")[0] for line in told] == ["told", "goes on", "dropped"]
    assert str(path) in told[0]
    assert told[1:] == ["goes on: [1]", "dropped: 0"]
    assert records(path) == [1, 2, 3, 4]


def test_a_journal_can_be_cleared_on_a_full_disk(path: Path) -> None:
    told = ran(
        """
from proxy_core.journal.file import JournalFile
for number in range(20):
    journal.put(entry(number, bodies=whole(noise(number, 10_000))))
assert journal.flush(30)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
print("cleared:", JournalFile(path).clear(), path.exists(), flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.put(entry(20))
assert journal.close(30)
""",
        path,
    )
    assert told == ["cleared: 20 False"]
    assert records(path) == [20]


def test_a_process_that_is_killed_while_it_writes_loses_its_last_batch_at_most(path: Path) -> None:
    body = """
bodies = conversation(40, system=3000)
for number in range(10**6):
    body = bodies[number % 40]
    journal.put(entry(number, run=str(os.getpid()), bodies=whole(b" " + body, body)))
    if number % 7 == 0:
        assert journal.flush(30)
        print(number, flush=True)
"""
    bodies = conversation(40, system=3000)
    for _ in range(3):
        command = [sys.executable, "-c", script(body), str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            while (line := process.stdout.readline()) and int(line) < 60:
                pass
            process.send_signal(signal.SIGKILL)
            flushed = int([line, *process.stdout.readlines()][-1])
        file = JournalFile(path)
        found = [found for found in file.entries() if found.run == str(process.pid)]
        file.close()
        assert flushed >= 60
        assert [each.record for each in found] == list(range(len(found)))
        assert len(found) > flushed
        for each in found:
            assert each.bodies == whole(b" " + bodies[each.record % 40], bodies[each.record % 40])
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_processes_side_by_side_lose_nothing(path: Path) -> None:
    body = """
bodies = conversation(30, system=2000)
for number, body in enumerate(bodies):
    journal.put(entry(number, run=str(os.getpid()), bodies=whole(body)))
    if number % 5 == 0:
        journal.flush(30)
assert journal.close(30)
print(journal.dropped)
"""
    command = [sys.executable, "-c", script(body), str(path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=BOUND)[0] for process in processes] == ["0\n"] * 3
    bodies = conversation(30, system=2000)
    found = kept(path)
    assert {(each.run, each.record) for each in found} == {
        (str(process.pid), number) for process in processes for number in range(30)
    }
    assert all(each.bodies == whole(bodies[each.record]) for each in found)


def test_a_file_that_somebody_else_deleted_or_set_aside_is_followed(path: Path) -> None:
    journal = JournalWriter(path, clock=Clock())
    journal.put(entry(1))
    assert journal.flush(BOUND)
    for part in path.parent.iterdir():
        part.unlink()
    journal.put(entry(2))
    assert journal.flush(BOUND)
    assert records(path) == [2]
    for suffix in ("", "-wal", "-shm"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(path.with_name(f"journal.sqlite.broken-1{suffix}"))
    journal.put(entry(3))
    assert journal.close(BOUND)
    assert (records(path), journal.problem) == ([3], None)


def test_two_that_find_the_same_broken_file_set_it_aside_once(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_text("nonsense " * 1000)
    writers = [JournalWriter(path, clock=Clock()) for _ in range(5)]
    for number, journal in enumerate(writers):
        journal.put(entry(number))
    closed = [journal.close(BOUND) for journal in writers]
    assert all(closed)
    assert sum(journal.problem is not None for journal in writers) == 1
    assert records(path) == list(range(5))
