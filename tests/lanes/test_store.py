"""Rule memory on disk: bounds, strangers' files, faults of the disk, and kvconsoles side by side."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from proxy_core.lanes import file as lane_file
from proxy_core.lanes import store as lane_store
from proxy_core.lanes.store import LaneRow, LaneStore
from tests.lanes.kit import BOUND, DAY, NOW, Clock, again, ids, keep


def test_a_lane_comes_back_as_it_was(store: LaneStore, path: Path) -> None:
    memory = {("openclaw.clock", "m1"): b"short", ("any.restore", "call_1"): b"long and dull " * 500}
    store.save("lane-1", "openclaw", None, b"\0head", b"\xff" * 48, NOW - 5, memory)
    store.flush()
    assert again(path) == [LaneRow("lane-1", "openclaw", None, b"\0head", b"\xff" * 48, NOW - 5, memory)]
    assert store.problem is None


def test_memory_grows_and_its_values_are_replaced(store: LaneStore, path: Path) -> None:
    keep(store, writes={("r", "1"): b"one"})
    keep(store, writes={("r", "2"): b"two"})
    store.flush()
    keep(store, writes={("r", "1"): b"uno", ("s", "1"): b"other rule"}, chain=b"d" * 48, seen=NOW + 1)
    store.flush()
    [row] = again(path)
    assert row.memory == {("r", "1"): b"uno", ("r", "2"): b"two", ("s", "1"): b"other rule"}
    assert (row.chain, row.seen) == (b"d" * 48, NOW + 1)


def test_the_newest_come_first_and_no_more_than_asked_for(store: LaneStore) -> None:
    for number in (2, 0, 3, 1):
        keep(store, f"lane-{number}", seen=NOW - number)
    store.flush()
    assert [row.id for row in store.load(3)] == ["lane-0", "lane-1", "lane-2"]


def test_closing_writes_what_waits_and_ends_the_thread(path: Path) -> None:
    store = LaneStore(path, clock=Clock())
    keep(store)
    store.close()
    store.close()
    keep(store, "too-late")
    assert ids(path) == ["a"]
    assert not any(thread.name == "kvconsole-lanes" for thread in threading.enumerate())


def test_what_was_saved_is_written_without_being_asked(store: LaneStore, path: Path) -> None:
    keep(store)
    written = threading.Event()
    for _ in range(int(BOUND / 0.05)):
        if path.exists() and ids(path) == ["a"]:
            written.set()
            break
        written.wait(0.05)
    assert written.is_set()


def test_without_a_file_nothing_is_kept_and_nothing_fails() -> None:
    store = LaneStore(None)
    keep(store, writes={("r", "k"): b"v"})
    store.drop(["a"])
    store.flush()
    assert (store.load(9), store.forget(None), store.problem, store.dropped) == ([], 0, None, 0)
    store.close()


def test_looking_makes_no_file(store: LaneStore, path: Path) -> None:
    assert store.load(9) == []
    assert store.forget(None) == 0
    assert not path.parent.exists()


def test_every_file_is_the_owners_alone(store: LaneStore, path: Path) -> None:
    before = os.umask(0)
    try:
        keep(store, writes={("r", "k"): b"v" * 9000})
        store.flush()
    finally:
        os.umask(before)
    names = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    assert "lanes.sqlite-wal" in names
    assert set(names.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_dropped_lanes_are_gone_and_may_begin_anew(store: LaneStore, path: Path) -> None:
    keep(store, "a", {("r", "old"): b"1"})
    keep(store, "b")
    store.flush()
    store.drop(["a", "b", "never-seen"])
    keep(store, "a", {("r", "new"): b"2"})
    store.flush()
    [row] = again(path)
    assert (row.id, row.memory) == ("a", {("r", "new"): b"2"})
    keep(store, "c")
    store.drop(["c"])
    store.flush()
    assert ids(path) == ["a"]


@pytest.mark.parametrize(
    ("which", "gone", "left"), [("a", 1, ["b"]), (None, 2, []), ("no-such", 0, ["a", "b"])]
)
def test_forgetting_counts_also_what_was_not_yet_written(
    store: LaneStore, path: Path, which: str | None, gone: int, left: list[str]
) -> None:
    keep(store, "a", seen=NOW)
    store.flush()
    keep(store, "b", seen=NOW - 1)
    assert store.forget(which) == gone
    assert ids(path) == left


def test_what_was_forgotten_can_no_longer_be_read_from_the_disk(store: LaneStore, path: Path) -> None:
    secret = bytes(range(200)) * 40
    keep(store, "a", {("r", "k"): secret[:200], ("r", "l"): os.urandom(300_000)})
    store.flush()

    def on_disk() -> bytes:
        return b"".join(entry.read_bytes() for entry in path.parent.iterdir())

    assert secret[:200] in on_disk()
    size = len(on_disk())
    assert store.forget("a") == 1
    assert secret[:200] not in on_disk()
    assert len(on_disk()) < size / 3


def test_the_oldest_lanes_make_room(store: LaneStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_file, "MOST_LANES", 3)
    for number in range(6):
        keep(store, f"lane-{number}", {("r", "k"): b"v"}, seen=NOW + number)
        store.flush()
    assert ids(path) == ["lane-5", "lane-4", "lane-3"]
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM memory").fetchone() == (3,)


def test_lanes_of_last_week_are_neither_read_nor_kept(path: Path) -> None:
    clock = Clock()
    store = LaneStore(path, clock=clock)
    keep(store, "old", seen=NOW)
    store.flush()
    clock.now = NOW + 7 * DAY
    assert [row.id for row in store.load(9)] == ["old"]
    clock.now += 1
    assert store.load(9) == []
    keep(store, "new", seen=clock.now)
    store.close()
    assert ids(path) == ["new"]


def test_a_full_lane_keeps_its_beginning(
    store: LaneStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_file, "MOST_LANE_BYTES", 1000)
    keep(store, writes={("r", "1"): b"x" * 500, ("r", "2"): b"y" * 600, ("r", "3"): b"z" * 100})
    store.flush()
    assert store.dropped == 1
    assert set(again(path)[0].memory) == {("r", "1"), ("r", "3")}
    # What replaces a value counts for the difference alone.
    keep(store, writes={("r", "1"): b"X" * 700})
    keep(store, "other", writes={("r", "2"): b"y" * 600}, seen=NOW - 1)
    store.flush()
    assert store.dropped == 1
    first, other = again(path)
    assert first.memory[("r", "1")] == b"X" * 700
    assert set(other.memory) == {("r", "2")}


def test_the_file_stays_within_its_bound(
    store: LaneStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_file, "MOST_LANE_BYTES", 100_000)
    monkeypatch.setattr(lane_file, "MOST_FILE_BYTES", 500_000)
    for number in range(30):
        keep(store, f"lane-{number}", {("r", "k"): os.urandom(90_000)}, seen=NOW + number)
    store.flush()
    assert path.stat().st_size <= 500_000
    kept = ids(path)
    assert 2 <= len(kept) <= 5
    assert kept == [f"lane-{29 - number}" for number in range(len(kept))]


def test_reading_takes_no_more_into_memory_than_the_bound(
    store: LaneStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Compressed, all three are small.
    for number in range(3):
        keep(store, f"lane-{number}", {("r", "k"): b"a" * 40_000}, seen=NOW - number)
    store.flush()
    monkeypatch.setattr(lane_file, "MOST_FILE_BYTES", 100_000)
    assert [row.id for row in store.load(9)] == ["lane-0", "lane-1"]


def test_what_waits_is_bounded_and_what_is_dropped_is_counted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_store, "MOST_WAITING", 1000)
    monkeypatch.setattr(lane_store, "_GATHER_SECONDS", 1000.0)
    store = LaneStore(path, clock=Clock())
    keep(store, "a", {("r", "1"): b"x" * 600})
    keep(store, "b", {("r", "1"): b"x" * 600})
    assert store.dropped == 1
    # The same value again takes no more room, and dropping gives it back.
    keep(store, "a", {("r", "1"): b"y" * 600})
    store.drop(["a"])
    keep(store, "b", {("r", "1"): b"x" * 600})
    assert store.dropped == 1
    store.close()
    assert ids(path) == ["b"]


def test_compression_is_used_where_it_helps(store: LaneStore, path: Path) -> None:
    dull, noise, short = b"tool output\n" * 10_000, os.urandom(5000), b"2026-02-18 20:48"
    keep(
        store, writes={("r", "dull"): dull, ("r", "noise"): noise, ("r", "short"): short, ("r", "none"): b""}
    )
    store.flush()
    with sqlite3.connect(path) as db:
        sizes = dict(db.execute("SELECT key, length(value) FROM memory"))
    assert sizes["dull"] < len(dull) / 20
    assert (sizes["noise"], sizes["short"], sizes["none"]) == (5000, len(short), 0)
    memory = again(path)[0].memory
    assert [memory[("r", key)] for key in ("dull", "noise", "short", "none")] == [dull, noise, short, b""]
