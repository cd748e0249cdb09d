"""What both files of kvconsole have from `SqliteFile`; their own tests show the rest."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy_core.sqlite_file import BrokenFileError, SqliteFile, used_bytes

TABLES = "CREATE TABLE things (name TEXT NOT NULL, held BLOB);"


def opened(path: Path, *, version: int = 3, secure_delete: str = "FAST") -> SqliteFile:
    probes = ("SELECT name, held FROM things LIMIT 0",)
    return SqliteFile(path, version=version, tables=TABLES, probes=probes, secure_delete=secure_delete)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "things.sqlite"


@pytest.fixture
def file(path: Path) -> Iterator[SqliteFile]:
    made = opened(path)
    yield made
    made.close()


def add(file: SqliteFile, name: str, held: bytes = b"") -> None:
    with file.transaction("BEGIN IMMEDIATE") as db:
        db.execute("INSERT INTO things VALUES (?, ?)", (name, held))


def names(file: SqliteFile) -> list[str]:
    with file.transaction() as db:
        return [name for (name,) in db.execute("SELECT name FROM things")]


def test_a_transaction_is_carried_out_whole_or_not_at_all(file: SqliteFile) -> None:
    add(file, "kept")

    def fails() -> None:
        with file.transaction("BEGIN IMMEDIATE") as db:
            db.execute("INSERT INTO things VALUES ('lost', NULL)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert names(file) == ["kept"]


def test_a_file_that_could_not_be_set_up_is_set_up_at_the_next_try(path: Path) -> None:
    add(opened(path), "kept")
    later = opened(path, version=4)
    for _ in range(2):
        with pytest.raises(BrokenFileError, match="its version is 3, not 4"):
            names(later)
    assert later.set_aside() == path.with_name("things.sqlite.broken-1")
    assert names(later) == []
    later.close()


@pytest.mark.parametrize("secure_delete", ["ON", "FAST"])
def test_what_is_deleted_leaves_the_file_when_it_is_shrunk(path: Path, secure_delete: str) -> None:
    file = opened(path, secure_delete=secure_delete)
    held = bytes(range(256)) * 400
    add(file, "large", held)
    add(file, "small", b"stays")
    with file.transaction("BEGIN IMMEDIATE") as db:
        db.execute("DELETE FROM things WHERE name = 'large'")
    file.shrink()
    assert b"".join(part.read_bytes() for part in path.parent.iterdir()).find(held[:300]) == -1
    with file.connection() as db:
        assert used_bytes(db) == path.stat().st_size < len(held)
    file.close()


def test_text_that_is_none_makes_a_file_broken(file: SqliteFile, path: Path) -> None:
    add(file, "kept")
    file.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE things SET name = CAST(x'ff' AS TEXT)")
    db.close()
    with pytest.raises(BrokenFileError, match="UTF-8"):
        names(file)
    # In the definition of a table, which is quoted when it cannot be read.
    path.write_bytes(path.read_bytes().replace(b"(name TEXT", b"(\x80ame((XT"))
    with pytest.raises(BrokenFileError, match="UTF-8"):
        names(file)


def test_an_error_of_the_disk_is_not_a_broken_file(path: Path) -> None:
    path.mkdir()
    with pytest.raises(sqlite3.OperationalError):
        names(opened(path))


def test_somebody_elses_set_aside_is_left_alone(path: Path) -> None:
    path.write_bytes(b"nonsense " * 999)
    one, other = opened(path), opened(path)
    for file in (one, other):
        with pytest.raises(BrokenFileError):
            names(file)
    assert one.set_aside() is not None
    add(one, "new")
    assert other.set_aside() is None
    assert names(other) == ["new"]
    one.close()
    other.close()


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_what_sqlite_keeps_beside_a_file_that_is_gone_is_not_taken_for_the_next_ones(
    path: Path, how: str
) -> None:
    one, other = opened(path), opened(path)
    add(one, "old")
    backup = path.with_name("backup")
    with sqlite3.connect(path) as source, sqlite3.connect(backup) as copy:
        source.backup(copy)
    source.close()
    copy.close()
    for number in range(30):
        add(other, f"new {number}", bytes([number]) * 3000)
    # The log of changes to the old file still stands beside it.
    assert path.with_name("things.sqlite-wal").stat().st_size > 30 * 3000
    if how == "deleted":
        path.unlink()
    else:
        backup.replace(path)
    for file in (one, other, one, other):
        add(file, "later")
    expected = ["old"] * (how == "replaced") + ["later"] * 4
    assert names(one) == names(other) == expected
    one.close()
    other.close()
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT count(*) FROM things").fetchone() == (len(expected),)
    db.close()
