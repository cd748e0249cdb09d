"""kvconsole's own files, looked at and left alone."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxy_core import paths
from proxy_core.checkup import disk
from proxy_core.journal import JournalWriter
from proxy_core.lanes.store import LaneStore
from proxy_core.state import State, save_state
from tests.journal.kit import entry


def tree(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def keep(*ages: float) -> None:
    """Conversations that an earlier kvconsole remembered."""
    store = LaneStore(paths.lanes_file())
    for number, age in enumerate(ages):
        store.save(f"lane{number}", "openclaw", None, b"h", b"c" * 48, time.time() - age, {("r", "k"): b"v"})
    store.close()


def test_nothing_is_there_and_nothing_is_made(isolated_home: Path) -> None:
    assert disk.lanes_on_disk() == ((), None)
    assert disk.state_problem() is None
    assert disk.rules_problem() is None
    assert disk.leftovers() == ()
    assert disk.free_bytes()
    assert {file.mode for file in disk.own_files(None)} == {None}
    assert not isolated_home.exists()


def test_conversations_newest_first() -> None:
    keep(500.0, 5.0)
    lanes, problem = disk.lanes_on_disk()
    assert problem is None
    assert [lane.messages for lane in lanes or ()] == [3, 3]
    assert lanes is not None
    assert lanes[0].seen > lanes[1].seen


def test_what_another_program_keeps_open_can_be_read() -> None:
    keep(5.0)
    store = LaneStore(paths.lanes_file())
    store.save("more", None, None, b"h", b"", time.time(), {})
    store.flush()
    try:
        assert len(disk.lanes_on_disk()[0] or ()) == 2
    finally:
        store.close()


def test_broken_lanes_stay_where_they_are(isolated_home: Path) -> None:
    paths.state_dir().mkdir(parents=True)
    paths.lanes_file().write_bytes(b"no database at all, but long enough to look like a file of some kind")
    before = tree(isolated_home)
    lanes, problem = disk.lanes_on_disk()
    assert lanes is None
    assert "not a database" in (problem or "")
    assert tree(isolated_home) == before


def test_lanes_of_another_version() -> None:
    keep(1.0)
    with sqlite3.connect(paths.lanes_file()) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    assert disk.lanes_on_disk() == (None, "its version is 99, not 1")


def test_a_name_that_means_something_in_a_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KVCONSOLE_STATE_DIR", str(tmp_path / "a?b#c%20d"))
    keep(1.0)
    assert len(disk.lanes_on_disk()[0] or ()) == 1


def test_state() -> None:
    save_state(paths.state_file(), State())
    assert disk.state_problem() is None
    paths.state_file().write_bytes(b"{")
    assert "could not be understood" in (disk.state_problem() or "")
    assert paths.state_file().read_bytes() == b"{"


def test_rule_files() -> None:
    paths.rules_dir().mkdir(parents=True)
    (paths.rules_dir() / "mine.toml").write_text("nonsense")
    assert "mine.toml" in (disk.rules_problem() or "")


def test_modes_and_leftovers() -> None:
    keep(1.0)
    save_state(paths.state_file(), State())
    (paths.state_dir() / "lanes.sqlite.broken-1").touch()
    modes = {file.name: file.mode for file in disk.own_files(None)}
    assert (modes["state"], modes["lanes"], modes["state directory"]) == (0o600, 0o600, 0o700)
    assert [Path(name).name for name in disk.leftovers()] == ["lanes.sqlite.broken-1"]


def test_journals() -> None:
    assert disk.journal_problem() is None
    with running_writer() as writer:
        writer.put(entry())
        writer.flush(30)
        assert disk.journal_problem() is None, "while somebody writes"
    assert disk.journal_problem() is None
    modes = {file.name: file.mode for file in disk.own_files(None)}
    assert modes["journal"] == 0o600
    with sqlite3.connect(paths.journal_file()) as db:
        db.execute("PRAGMA user_version = 99")
    assert "its version is 99" in (disk.journal_problem() or "")


@contextmanager
def running_writer() -> Iterator[JournalWriter]:
    writer = JournalWriter(paths.journal_file())
    try:
        yield writer
    finally:
        writer.close(30)


def test_a_file_where_a_directory_should_be(isolated_home: Path) -> None:
    isolated_home.mkdir()
    (isolated_home / "state").touch()
    assert disk.lanes_on_disk() == ((), None)
    assert disk.state_problem() is not None
    problems = {file.name: file.problem for file in disk.own_files(None)}
    assert problems["state directory"] == "it is no directory"
    assert problems["rules"] is None


def test_what_is_being_written_is_not_broken() -> None:
    keep(5.0)
    with sqlite3.connect(paths.lanes_file(), isolation_level=None) as db:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        assert disk.lanes_on_disk() == (None, None)
        db.execute("ROLLBACK")
    db.close()


def test_packages() -> None:
    assert {"textual", "httpx", "msgspec"} <= set(disk.packages())
