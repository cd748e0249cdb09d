"""kvconsole in a pseudo terminal: what it draws, the keys it gets, and how it leaves the terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.console_process import BOUND

ROWS, COLUMNS = 60, 200

# The screen that a process draws on is its controlling terminal only once it asks for that.
_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?<>=$]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[P_][^\x1b]*\x1b\\|.)")


class Terminal:
    """The person's side of a terminal in which a program runs."""

    def __init__(self, process: subprocess.Popen[bytes], master: int, slave: int) -> None:
        self.process = process
        self.before = termios.tcgetattr(slave)
        self._master = master
        self._slave = slave
        self._raw = b""

    @property
    def raw(self) -> str:
        """All that came out so far."""
        return self._raw.decode(errors="replace")

    @property
    def text(self) -> str:
        """All that came out so far without escape sequences: every drawing after the other."""
        return _ESCAPES.sub("", self.raw)

    @property
    def attributes(self) -> list[Any]:
        """The terminal's modes now."""
        return termios.tcgetattr(self._slave)

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._master, keys.encode())

    def wait_for(self, text: str) -> None:
        """Read until `text` has been drawn in one piece."""
        deadline = time.monotonic() + BOUND
        while text not in self.text:
            if time.monotonic() > deadline or not (self._read(0.2) or self.process.poll() is None):
                raise AssertionError(f"{text!r} was not drawn; the last was {self.text[-2000:]!r}")

    def wait_ended(self) -> int:
        """Read until the program has ended; gives its exit code."""
        deadline = time.monotonic() + BOUND
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it did not end; the last was {self.text[-2000:]!r}"
            self._read(0.05)
        while self._read(0.0):
            pass
        return self.process.wait()

    def hang_up(self) -> None:
        """Close the person's side, as a terminal window that is closed does."""
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def close(self) -> None:
        """End the program if it still runs, and close both sides."""
        self.process.terminate()
        try:
            self.process.wait(BOUND)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for side in (self._master, self._slave):
            if side >= 0:
                os.close(side)

    def _read(self, seconds: float) -> bool:
        readable, _, _ = select.select([self._master], [], [], seconds)
        if not readable:
            return False
        self._raw += os.read(self._master, 65536)
        return True


@contextmanager
def in_terminal(*args: str, stdin: int | None = None) -> Iterator[Terminal]:
    """A kvconsole whose controlling terminal is a new pseudo terminal, ended at the end.

    Args:
        args: Its arguments.
        stdin: Its standard input, if that is not the terminal.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_TERMINAL, "-m", "console", *args],
        stdin=slave if stdin is None else stdin,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none"},
    )
    terminal = Terminal(process, master, slave)
    try:
        yield terminal
    finally:
        terminal.close()
