from __future__ import annotations

import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from proxy_core.errors import LogSourceError
from proxy_core.llama.sources import LogSource, follow_file, follow_stream


class Receiver:
    """Collects what a source delivers, on whatever thread."""

    def __init__(self) -> None:
        self.batches: queue.Queue[tuple[str, list[str]]] = queue.Queue()
        self.live: queue.Queue[bool] = queue.Queue()
        self.ended = threading.Event()
        self.errors: queue.Queue[LogSourceError] = queue.Queue()

    def lines(self, name: str, lines: Sequence[str], live: bool) -> None:
        self.batches.put((name, list(lines)))
        self.live.put(live)

    def end(self, name: str) -> None:
        self.ended.set()

    def error(self, name: str, error: LogSourceError) -> None:
        self.errors.put(error)

    def take(self, count: int) -> list[str]:
        """The next `count` lines, however they are batched."""
        got: list[str] = []
        while len(got) < count:
            got += self.batches.get(timeout=10)[1]
        return got


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    for fd in (read, write):
        try:
            os.close(fd)
        except OSError:
            continue


def is_running(source: LogSource) -> bool:
    return any(thread.name == f"log:{source.name}" for thread in threading.enumerate())


def test_a_file_is_followed(tmp_path: Path, receiver: Receiver) -> None:
    path = tmp_path / "server.log"
    source = follow_file(path, True, receiver.lines, receiver.error)
    source.start()
    source.start()
    path.write_text("one\n", encoding="utf-8")
    name, lines = receiver.batches.get(timeout=10)
    assert (name, lines) == (str(path), ["one"])
    with path.open("a", encoding="utf-8") as file:
        file.write("two\nthree\n")
    assert receiver.take(2) == ["two", "three"]
    source.stop()
    source.stop()
    assert not is_running(source)


def test_what_a_file_already_held_is_not_live(tmp_path: Path, receiver: Receiver) -> None:
    path = tmp_path / "server.log"
    path.write_text("one\ntwo\n", encoding="utf-8")
    source = follow_file(path, True, receiver.lines, receiver.error)
    source.start()
    assert receiver.take(2) == ["one", "two"]
    assert receiver.live.get(timeout=10) is False
    with path.open("a", encoding="utf-8") as file:
        file.write("three\n")
    assert receiver.take(1) == ["three"]
    assert receiver.live.get(timeout=10) is True
    source.stop()


def test_a_file_that_cannot_be_read_is_told_once(tmp_path: Path, receiver: Receiver) -> None:
    path = tmp_path / "server.log"
    path.mkdir()
    source = follow_file(path, True, receiver.lines, receiver.error)
    source.start()
    assert str(path) in receiver.errors.get(timeout=10).message
    path.rmdir()
    path.write_text("back\n", encoding="utf-8")
    assert receiver.take(1) == ["back"]
    source.stop()
    assert receiver.errors.empty()


def test_a_burst_in_a_stream_is_few_calls(pipe: tuple[int, int], receiver: Receiver) -> None:
    read, write = pipe
    source = follow_stream(read, receiver.lines, receiver.end, name="child")
    source.start()
    expected = [f"line {number}" for number in range(10_000)]
    with os.fdopen(write, "w", encoding="utf-8") as file:
        file.write("\n".join(expected))
    assert receiver.ended.wait(10)
    batches = list(receiver.batches.queue)
    assert {name for name, _ in batches} == {"child"}
    assert [line for _, lines in batches for line in lines] == expected
    assert len(batches) < 100
    source.stop()


def test_a_line_is_delivered_while_the_stream_stays_open(pipe: tuple[int, int], receiver: Receiver) -> None:
    read, write = pipe
    with os.fdopen(os.dup(read), "rb") as file:
        source = follow_stream(file, receiver.lines, receiver.end)
        source.start()
        os.write(write, b"one\ntwo\nhalf")
        assert receiver.take(2) == ["one", "two"]
        os.write(write, b" and half\n")
        assert receiver.take(1) == ["half and half"]
        source.stop()
    assert not receiver.ended.is_set()


def test_a_stream_blocked_in_read_can_be_stopped(pipe: tuple[int, int], receiver: Receiver) -> None:
    source = follow_stream(pipe[0], receiver.lines, receiver.end)
    source.start()
    assert is_running(source)
    source.stop()
    source.stop()
    assert not is_running(source)
    assert not receiver.ended.is_set()


def test_a_source_that_never_started_can_be_stopped(pipe: tuple[int, int], receiver: Receiver) -> None:
    source = follow_stream(pipe[0], receiver.lines, receiver.end)
    source.stop()
    source.start()
    assert not is_running(source)


def test_a_receiver_may_stop_its_source(pipe: tuple[int, int]) -> None:
    stopped = threading.Event()

    def stop(name: str, lines: Sequence[str], live: bool) -> None:
        source.stop()
        stopped.set()

    source = follow_stream(pipe[0], stop, lambda name: None)
    source.start()
    os.write(pipe[1], b"stop\n")
    assert stopped.wait(10)
    source.stop()
    assert not is_running(source)


def test_a_failing_receiver_does_not_end_the_source(
    pipe: tuple[int, int], receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    def fail_first(name: str, lines: Sequence[str], live: bool) -> None:
        receiver.lines(name, lines, live)
        if lines[0] == "one":
            raise ValueError(lines[0])

    source = follow_stream(pipe[0], fail_first, receiver.end)
    source.start()
    with caplog.at_level(logging.ERROR, logger="kvconsole"):
        os.write(pipe[1], b"one\n")
        assert receiver.take(1) == ["one"]
        os.write(pipe[1], b"two\n")
        assert receiver.take(1) == ["two"]
        source.stop()
    assert "a receiver of log lines failed" in caplog.text


def test_a_blocked_stream_does_not_keep_the_process(tmp_path: Path) -> None:
    program = (
        "from proxy_core.llama.sources import follow_stream\n"
        "follow_stream(0, lambda n, l, live: None, lambda n: None).start()\n"
        "print('done')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()
