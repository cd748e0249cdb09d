"""What the store does when the file is damaged, the disk is full, or others use the file as well."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy_core.lanes.store import LaneStore
from tests.lanes.kit import BOUND, NOW, Clock, again, ids, keep


def database(path: Path, script: str) -> None:
    """A database of somebody else's."""
    with sqlite3.connect(path) as db:
        db.executescript(script)
    db.close()


STRANGERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("this is no database, and long enough to be none" * 90),
    "later version": lambda path: database(path, "CREATE TABLE lanes (id); PRAGMA user_version = 2;"),
    "another program's": lambda path: database(path, "CREATE TABLE bookmarks (id);"),
    "without tables": lambda path: database(path, "CREATE TABLE lanes (id); PRAGMA user_version = 1;"),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_file_that_is_none_of_ours_is_set_aside_and_said(path: Path, stranger: str) -> None:
    path.parent.mkdir(mode=0o700)
    path.with_name("lanes.sqlite.broken-1").write_text("from last time")
    STRANGERS[stranger](path)
    content = path.read_bytes()
    told: list[str] = []
    store = LaneStore(path, tell=told.append, clock=Clock())
    assert store.load(9) == []
    assert told == [store.problem]
    assert str(path) in told[0]
    assert "lanes.sqlite.broken-2" in told[0]
    assert path.with_name("lanes.sqlite.broken-2").read_bytes() == content
    assert path.with_name("lanes.sqlite.broken-1").read_text() == "from last time"
    keep(store)
    store.close()
    assert ids(path) == ["a"]
    assert len(told) == 1


def test_damage_inside_is_noticed_by_whoever_reads_or_writes(path: Path) -> None:
    for use in ("load", "save"):
        first = LaneStore(path, clock=Clock())
        for number in range(30):
            keep(first, f"lane-{number}", {("r", "k"): os.urandom(9000)})
        first.close()
        data = bytearray(path.read_bytes())
        data[4096:] = b"\x55" * (len(data) - 4096)
        path.write_bytes(data)
        store = LaneStore(path, clock=Clock())
        if use == "load":
            assert store.load(9) == []
        keep(store, "fresh")
        store.close()
        assert "broken-" in (store.problem or "")
        assert ids(path) == ["fresh"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_is_changed_in_the_file_the_store_goes_on(data: st.DataObject) -> None:
    logging.disable(logging.CRITICAL)
    try:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "lanes.sqlite"
            first = LaneStore(path, clock=Clock())
            keep(first, "a", {("r", "k"): b"some text " * 200})
            first.close()
            content = bytearray(path.read_bytes())
            for _ in range(data.draw(st.integers(1, 4))):
                at = data.draw(st.integers(0, len(content) - 1))
                new = data.draw(st.binary(min_size=1, max_size=40))
                content[at : at + len(new)] = new
            path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
            store = LaneStore(path, clock=Clock())
            store.load(9)
            keep(store, "b", {("r", "k"): b"v"})
            store.forget("a")
            store.close()
    finally:
        logging.disable(logging.NOTSET)


NAMES = st.text(max_size=8)
MEMORY = st.dictionaries(st.tuples(NAMES, NAMES), st.binary(max_size=400), max_size=4)
STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.none() | MEMORY, st.booleans()), max_size=12)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_any_order_of_saves_drops_and_writes_gives_what_a_dictionary_would(
    steps: list[tuple[str, dict[tuple[str, str], bytes] | None, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "lanes.sqlite"
        store = LaneStore(path, clock=Clock())
        model: dict[str, dict[tuple[str, str], bytes]] = {}
        for lane_id, memory, flush in steps:
            if memory is None:
                store.drop([lane_id])
                model.pop(lane_id, None)
            else:
                keep(store, lane_id, memory)
                model[lane_id] = model.get(lane_id, {}) | memory
            if flush:
                store.flush()
        store.close()
        assert {row.id: row.memory for row in again(path)} == model


def test_half_a_surrogate_pair_stops_nothing(store: LaneStore, path: Path) -> None:
    store.save("a", "cli\ud800ent", "key\udfff", b"", b"", NOW, {("r", "\ud83d"): b"v"})
    store.flush()
    [row] = again(path)
    assert (row.client, row.memory) == ("cli\\ud800ent", {("r", "\\ud83d"): b"v"})


def test_a_directory_that_cannot_be_made_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    told: list[str] = []
    store = LaneStore(tmp_path / "file" / "lanes.sqlite", tell=told.append, clock=Clock())
    assert store.load(9) == []
    for _ in range(3):
        keep(store)
        store.flush()
    store.close()
    assert len(told) == 1
    assert str(tmp_path / "file" / "lanes.sqlite") in told[0]
    assert store.dropped == 1


def test_what_failed_is_written_once_the_disk_works_again(path: Path) -> None:
    path.parent.parent.mkdir(exist_ok=True)
    path.parent.write_text("in the way")
    store = LaneStore(path, clock=Clock())
    keep(store, "a", {("r", "1"): b"one"})
    store.flush()
    assert store.problem is not None
    keep(store, "a", {("r", "2"): b"two"})
    path.parent.unlink()
    store.close()
    assert again(path)[0].memory == {("r", "1"): b"one", ("r", "2"): b"two"}
    assert store.dropped == 0


def script(body: str) -> str:
    return f"""
import os, resource, sys, time
from pathlib import Path
from proxy_core.lanes.store import LaneStore
path, now = Path(sys.argv[1]), {NOW}
store = LaneStore(path, tell=lambda told: print("told:", told, flush=True), clock=lambda: now)
def keep(lane, **memory):
    writes = {{("r", key): value for key, value in memory.items()}}
    store.save(lane, None, None, b"h", b"c", now, writes)
{body}
"""


def ran(body: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script(body), str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=BOUND, check=True)


def test_a_full_disk_is_told_once_and_loses_nothing_that_was_written(path: Path) -> None:
    # A limit on the size of files is what a full disk looks like to a program.
    told = ran(
        """
keep("before", k=b"kept")
store.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
for number in range(3):
    keep("after", k=os.urandom(400_000))
    store.flush()
print("goes on:", [row.id for row in store.load(9)], flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
keep("later", k=b"kept too")
store.close()
""",
        path,
    ).stdout.splitlines()
    assert [line.partition(":")[0] for line in told] == ["told", "goes on"]
    assert "lanes.sqlite" in told[0]
    assert told[1] == "goes on: ['before']"
    assert set(ids(path)) == {"before", "after", "later"}


def test_a_process_that_is_killed_while_it_writes_leaves_a_file_that_opens(path: Path) -> None:
    body = """
number = 0
while True:
    number += 1
    keep(f"lane-{number % 20}", **{f"k{number}": os.urandom(5000)})
    store.flush()
    if number == 20:
        print("writing", flush=True)
"""
    for _ in range(3):
        command = [sys.executable, "-c", script(body), str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "writing\n"
            process.send_signal(signal.SIGKILL)
        store = LaneStore(path, clock=Clock())
        assert len(store.load(99)) == 20
        keep(store, "mine")
        assert store.forget("mine") == 1
        store.close()
        assert store.problem is None
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_processes_side_by_side_lose_nothing(path: Path) -> None:
    body = """
for number in range(40):
    keep(f"{os.getpid()}-{number % 8}", **{f"k{number}": b"v" * 3000})
    keep("shared", **{f"{os.getpid()}-{number}": b"w"})
    store.flush()
store.close()
"""
    command = [sys.executable, "-c", script(body), str(path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=BOUND)[0] for process in processes] == ["", "", ""]
    rows = {row.id: row.memory for row in again(path)}
    assert len(rows) == 3 * 8 + 1
    assert len(rows["shared"]) == 3 * 40
    assert all(len(memory) == 5 for lane_id, memory in rows.items() if lane_id != "shared")


def test_a_file_that_somebody_else_replaced_or_deleted_is_followed(store: LaneStore, path: Path) -> None:
    keep(store, "a")
    store.flush()
    for entry in path.parent.iterdir():
        entry.unlink()
    keep(store, "b")
    store.flush()
    assert ids(path) == ["b"]
    # As another kvconsole does that could not read it.
    for part in ("", "-wal", "-shm"):
        source = path.with_name(path.name + part)
        if source.exists():
            source.rename(path.with_name(f"lanes.sqlite.broken-1{part}"))
    keep(store, "c")
    store.flush()
    assert ids(path) == ["c"]
    assert store.problem is None


def test_two_that_find_the_same_broken_file_set_it_aside_once(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_text("nonsense " * 1000)
    stores = [LaneStore(path, clock=Clock()) for _ in range(6)]
    threads = [threading.Thread(target=store.load, args=(9,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.name for entry in path.parent.glob("*.broken-*") if entry.suffix[-1].isdigit()] == [
        "lanes.sqlite.broken-1"
    ]
    assert sum(store.problem is not None for store in stores) == 1
    for number, store in enumerate(stores):
        keep(store, f"lane-{number}")
        store.close()
    assert len(ids(path)) == 6


def test_a_save_does_not_wait_for_a_writer_of_another_process(store: LaneStore, path: Path) -> None:
    keep(store)
    store.flush()
    with sqlite3.connect(path) as other:
        other.execute("BEGIN IMMEDIATE")

        def save() -> None:
            for number in range(100):
                keep(store, f"lane-{number}")

        saved = threading.Thread(target=save)
        saved.start()
        saved.join(BOUND)
        assert not saved.is_alive()
        other.execute("ROLLBACK")
    other.close()
    store.flush()
    assert len(ids(path)) == 101
