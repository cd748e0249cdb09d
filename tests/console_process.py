"""kvconsole as a process of its own: what it prints, how it ends, and nothing of it left behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx

T = TypeVar("T")

BOUND = 90.0
"""Seconds after which something that should happen is taken for lost."""

COMMAND = (sys.executable, "-m", "console")

_POLL_SECONDS = 0.02


def finished(*args: str, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
    """A run of kvconsole that ends by itself, without a terminal."""
    return subprocess.run([*COMMAND, *args], stdin=stdin, capture_output=True, text=True, timeout=BOUND)


class Serving:
    """A `kvconsole` without a screen that is running."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self._output = output

    @property
    def output(self) -> str:
        """Everything on standard error so far."""
        return self._output.read_text(encoding="utf-8")

    @property
    def url(self) -> str:
        """Where it listens, once it has said so."""
        return self.wait_for(r"listens on (http://\S+)")[1]

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first match of `pattern` on standard error."""
        return self._wait(lambda: re.search(pattern, self.output, re.MULTILINE), pattern)

    def wait_for_lines(self, start: str, count: int) -> list[str]:
        """The lines that begin with `start`, once there are `count` at least."""

        def lines() -> list[str] | None:
            found = [line for line in self.output.splitlines() if line.startswith(start)]
            return found if len(found) >= count else None

        return self._wait(lines, f"{count} lines of {start}")

    def end(self, number: int) -> int:
        """Send a signal, and wait for the exit code."""
        self.process.send_signal(number)
        return self.process.wait(BOUND)

    def _wait(self, found: Callable[[], T | None], what: str) -> T:
        deadline = time.monotonic() + BOUND
        while (value := found()) is None:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"{what} did not come:\n{self.output}")
            time.sleep(_POLL_SECONDS)
        return value


@contextmanager
def serving(folder: Path, *args: str, before: tuple[str, ...] = COMMAND) -> Iterator[Serving]:
    """A `kvconsole` on a free port, ended with everything it started.

    Args:
        folder: Takes its output.
        args: The subcommand and what it is given, `--listen` excepted.
        before: What starts kvconsole.
    """
    output = folder / "kvconsole.err"
    command = [*before, "--listen", "127.0.0.1:0", *args]
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file)
    try:
        yield Serving(process, output)
    finally:
        process.terminate()
        try:
            process.wait(BOUND)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def endless_stream(url: str) -> Iterator[Iterator[bytes]]:
    """An open stream that llama-server would not end; it has begun."""
    body = {
        "messages": [{"role": "user", "content": "Tell me everything."}],
        "stream": True,
        "max_tokens": -1,
        "ignore_eos": True,
    }
    with (
        httpx.Client(timeout=BOUND, trust_env=False) as client,
        client.stream("POST", f"{url}/v1/chat/completions", json=body) as answer,
    ):
        chunks = answer.iter_raw()
        next(chunks)
        yield chunks


def cut(chunks: Iterator[bytes]) -> bool:
    """Read a stream until it ends; whether it ended without its last event."""
    rest = b""
    try:
        for chunk in chunks:
            rest = (rest + chunk)[-200:]
    except httpx.TransportError:
        return True
    return b"[DONE]" not in rest


def gone(pid: int) -> bool:
    """Whether a process ends within the bound."""
    deadline = time.monotonic() + BOUND
    while time.monotonic() < deadline:
        if has_ended(pid):
            return True
        time.sleep(_POLL_SECONDS)
    return False


def has_ended(pid: int) -> bool:
    """Whether a process has ended; so has a zombie, which only waits to be asked about."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def slot_is_free(url: str) -> bool:
    """Whether llama-server stops to work on its slots, within the bound."""
    deadline = time.monotonic() + BOUND
    while time.monotonic() < deadline:
        slots = httpx.get(f"{url}/slots", timeout=BOUND, trust_env=False).json()
        if not any(slot["is_processing"] for slot in slots):
            return True
        time.sleep(_POLL_SECONDS)
    return False
