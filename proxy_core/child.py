"""A llama-server that kvconsole starts, and stops with itself."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from proxy_core.errors import ChildError

_STOP_SECONDS = 2.0
"""Open answers get 2 of the 5 seconds that stopping may take, the child gets these."""
_POLL_SECONDS = 0.02


class Child:
    """One child process whose output is one stream of log lines."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.argv = tuple(argv)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> IO[bytes]:
        """Start it; gives its output, errors included.

        Raises:
            ChildError: It cannot be started; the message says why.
        """
        try:
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # Ctrl+C in the terminal is for kvconsole, which then stops the child itself.
                start_new_session=True,
            )
        except OSError as error:
            raise ChildError(_advice(self.argv[0], error)) from error
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def name(self) -> str:
        """The program's name."""
        return Path(self.argv[0]).name

    def ended(self) -> str | None:
        """How it ended, in words; None while it runs."""
        code = self._process.poll() if self._process else None
        if code is None:
            return None
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"{self.name} {how}"

    def wait_ended(self, seconds: float) -> str | None:
        """As `ended`, after up to `seconds` for it to happen."""
        if self._process is not None:
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                return None
        return self.ended()

    def stop(self) -> None:
        """Ask it to end, and end it if it has not after 2 seconds.

        The signals go to its whole process group: a start script does not pass them on to its server.
        """
        process = self._process
        if process is None or process.poll() is not None:
            return
        deadline = time.monotonic() + _STOP_SECONDS
        _signal_group(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        while _signal_group(process, 0) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        _signal_group(process, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)


def _signal_group(process: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal to everything that the child started; False when nothing is left, or may be signalled."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def upstream_of(argv: Sequence[str], environ: Mapping[str, str] | None = None) -> str:
    """Where a llama-server with these arguments will listen (flags of b10587; default 127.0.0.1:8080)."""
    environ = os.environ if environ is None else environ
    host = _flag(argv, "--host") or environ.get("LLAMA_ARG_HOST") or "127.0.0.1"
    port = _flag(argv, "--port") or environ.get("LLAMA_ARG_PORT") or "8080"
    prefix = _flag(argv, "--api-prefix") or environ.get("LLAMA_ARG_API_PREFIX") or ""
    scheme = "https" if _flag(argv, "--ssl-cert-file") else "http"
    # A server that listens on every address is reached on this machine's own.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}:{port}{prefix}"


def _flag(argv: Sequence[str], name: str) -> str | None:
    """The last value given for a flag, as `--flag VALUE` or `--flag=VALUE`."""
    found = None
    for place, word in enumerate(argv):
        if word == name and place + 1 < len(argv):
            found = argv[place + 1]
        elif word.startswith(f"{name}="):
            found = word.partition("=")[2]
    return found


def _advice(program: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return (
            f"There is no program {program!r}. Give its full path: kvconsole run -- /path/to/llama-server …"
        )
    return f"{program!r} cannot be started: {error.strerror or error}."
