from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy_core.errors import LogSourceError
from proxy_core.llama import tail as tail_module
from proxy_core.llama.tail import FileTail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "server.log"


@pytest.fixture
def tail(path: Path) -> Iterator[FileTail]:
    tail = FileTail(path, from_start=True)
    yield tail
    tail.close()


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_lines_come_as_they_are_completed(path: Path, tail: FileTail) -> None:
    append(path, "one\ntw")
    assert tail.poll() == ["one"]
    assert tail.caught_up
    assert tail.poll() == []
    append(path, "o\nthree\n")
    assert tail.poll() == ["two", "three"]


def test_a_file_that_does_not_exist_yet(path: Path) -> None:
    for from_start in (True, False):
        path.unlink(missing_ok=True)
        tail = FileTail(path, from_start=from_start)
        assert tail.poll() == []
        assert tail.caught_up
        append(path, "first\n")
        assert tail.poll() == ["first"]
        tail.close()


def test_from_the_end_begins_with_a_whole_line(path: Path) -> None:
    append(path, "old\n")
    tail = FileTail(path, from_start=False)
    assert tail.poll() == []
    append(path, "new\n")
    assert tail.poll() == ["new"]
    tail.close()

    append(path, "half of ")
    tail = FileTail(path, from_start=False)
    assert tail.poll() == []
    append(path, "a line\nwhole\n")
    assert tail.poll() == ["whole"]
    tail.close()


def test_a_truncated_file_starts_over(path: Path, tail: FileTail) -> None:
    append(path, "a long first life\nwith a partial")
    assert tail.poll() == ["a long first life"]
    path.write_text("new\n", encoding="utf-8")
    assert tail.poll() == ["new"]


def test_a_truncated_file_that_has_outgrown_the_old_one(path: Path, tail: FileTail) -> None:
    append(path, "short\n")
    tail.poll()
    path.write_text("a second life, already longer\n", encoding="utf-8")
    assert tail.poll() == ["a second life, already longer"]


def test_copytruncate_leaves_a_hole(path: Path, tail: FileTail) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("before the rotation\n")
        file.flush()
        assert tail.poll() == ["before the rotation"]
        shutil.copy(path, path.with_suffix(".1"))
        os.truncate(path, 0)
        assert tail.poll() == []
        file.write("after it\n")
        file.flush()
        assert tail.poll() == ["after it"]


def test_a_rotated_file_is_read_to_its_end_first(path: Path, tail: FileTail) -> None:
    append(path, "one\n")
    assert tail.poll() == ["one"]
    old = path.rename(path.with_suffix(".1"))
    append(old, "two\n")
    assert tail.poll() == ["two"]
    append(old, "three\nno newline")
    append(path, "four\n")
    assert tail.poll() == ["three", "no newline"]
    assert not tail.caught_up
    assert tail.poll() == ["four"]
    assert tail.caught_up


def test_a_removed_file_is_read_again_when_it_is_back(path: Path, tail: FileTail) -> None:
    append(path, "one\n")
    tail.poll()
    path.unlink()
    assert tail.poll() == []
    append(path, "two\n")
    assert [line for _ in range(3) for line in tail.poll()] == ["two"]


def test_a_large_backlog_comes_in_parts(path: Path, tail: FileTail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "READ_CAP", 1000)
    lines = [f"line {number}" for number in range(500)]
    append(path, "\n".join(lines) + "\n")
    parts, caught_up = [], []
    for _ in range(12):
        parts.append(tail.poll())
        caught_up.append(tail.caught_up)
    assert [line for part in parts for line in part] == lines
    assert max(map(len, parts)) < 200
    assert (caught_up[0], caught_up[-1]) == (False, True)


def test_a_huge_file_begins_near_its_end(path: Path, tail: FileTail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "BACKLOG_CAP", 100)
    append(path, "".join(f"line {number:04}\n" for number in range(500)))
    # 100 bytes are ten whole lines.
    assert tail.poll() == [f"line {number:04}" for number in range(490, 500)]
    monkeypatch.setattr(tail_module, "BACKLOG_CAP", 95)
    other = FileTail(path, from_start=True)
    assert other.poll() == [f"line {number:04}" for number in range(491, 500)]
    other.close()


def test_a_directory_is_told_once_and_a_file_in_its_place_is_read(path: Path, tail: FileTail) -> None:
    path.mkdir()
    with pytest.raises(LogSourceError, match=r"not a regular file.*--log -"):
        tail.poll()
    assert tail.poll() == []
    assert tail.caught_up
    path.rmdir()
    append(path, "now\n")
    assert tail.poll() == ["now"]
    path.unlink()
    path.mkdir()
    with pytest.raises(LogSourceError):
        [tail.poll() for _ in range(3)]


def test_a_pipe_does_not_block(path: Path, tail: FileTail) -> None:
    os.mkfifo(path)
    with pytest.raises(LogSourceError, match="--log -"):
        tail.poll()


def test_an_unreadable_file_says_what_to_do(
    path: Path, tail: FileTail, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(path, "secret\n")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(LogSourceError, match=r"Permission denied\. Give yourself read access"):
            tail.poll()
        assert tail.poll() == []
    assert tail.poll() == ["secret"]


def test_lines_are_capped_and_decoded(path: Path, tail: FileTail) -> None:
    path.write_bytes(b"x" * 50_000 + b"\n\xff\xfe\n")
    assert tail.poll() == ["x" * 10_000, "\ufffd\ufffd"]
