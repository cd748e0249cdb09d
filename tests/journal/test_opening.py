"""What a person reads when a journal cannot be opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from proxy_core.errors import JournalError
from proxy_core.journal.opening import open_journal
from tests.journal.kit import entry, write


def test_what_is_in_it_can_be_read_and_it_is_closed_afterwards(path: Path) -> None:
    write(path, entry(1))
    with open_journal(path) as file:
        assert [short.record for short in file.newest(9)] == [1]
    assert not path.with_name("journal.sqlite-wal").exists()


def test_one_that_does_not_exist_reads_as_empty(path: Path) -> None:
    with open_journal(path) as file:
        assert file.info().entries == 0
    assert not path.parent.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"no database " * 999, "not a database"), (None, "its version is 7, not 1")],
)
def test_a_broken_one_is_told_and_left_as_it_is(path: Path, content: bytes | None, said: str) -> None:
    path.parent.mkdir()
    if content is None:
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 7")
        db.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(JournalError) as caught, open_journal(path) as file:
        file.info()
    assert str(path) in caught.value.message
    assert said in caught.value.message
    assert path.read_bytes() == before


def test_a_file_that_cannot_be_opened_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(JournalError, match=r"journal\.sqlite cannot be used"), open_journal(path) as file:
        file.info()


def test_errors_of_the_caller_are_his_own(path: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), open_journal(path):
        (tmp_path / "elsewhere" / "out.jsonl").read_text()
    with pytest.raises(BrokenPipeError), open_journal(path):
        raise BrokenPipeError(32, "Broken pipe")
