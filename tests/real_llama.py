"""A real llama-server for tests: llama.cpp's own C++ server on the demo's model."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypedDict, Unpack

import httpx

from console.demo.server import server_command

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


class ServerOptions(TypedDict, total=False):
    """The options of `console.demo.server.server_command`; without a port a free one is taken."""

    port: int
    parallel: int
    ctx: int
    verbosity: int
    cache_ram: int | None
    model: Path | None
    threads: int | None


@dataclass(frozen=True)
class LlamaServer:
    """A running server."""

    url: str
    """Base address, such as `http://127.0.0.1:40123`."""
    log_path: Path
    """File that takes the server's standard error, which is its log."""
    process: subprocess.Popen[str]


class LlamaFactory(Protocol):
    """Starts servers that live until the end of the test."""

    def __call__(self, **options: Unpack[ServerOptions]) -> LlamaServer:
        """Start one."""


@contextmanager
def running_llama(log_path: Path, **options: Unpack[ServerOptions]) -> Iterator[LlamaServer]:
    """A server that has answered /health, stopped by its own process at the end.

    Raises:
        RuntimeError: It did not get ready; the message ends with its log.
    """
    with log_path.open("ab") as log:
        process = subprocess.Popen(server_command(**options), stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        _wait_until_ready(url, process, log_path)
        yield LlamaServer(url=url, log_path=log_path, process=process)
    finally:
        stop(process)


def stop(process: subprocess.Popen[str]) -> None:
    """Ask a server to end, then insist; reads no further output."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_STOP_SECONDS)
    if process.stdout is not None:
        process.stdout.close()


def _wait_until_ready(url: str, process: subprocess.Popen[str], log_path: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while url and process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health", timeout=2.0, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    log = log_path.read_text(encoding="utf-8", errors="replace")
    raise RuntimeError(f"llama-server did not get ready at {url or 'any address'}:\n{log}")
