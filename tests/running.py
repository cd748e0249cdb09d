"""A running engine for tests, and what it told so far."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from proxy_core.child import Child
from proxy_core.engine import Engine, Inputs
from proxy_core.events import Event, Notice, RecordChanged
from proxy_core.exchange import Record
from proxy_core.settings import load_settings

T = TypeVar("T")
E = TypeVar("E", bound=Event)

OPENCLAW = [("User-Agent", "openclaw/2026.2.17")]
"""Headers by which a request is known to be OpenClaw's, so that its rules run."""

BOUND = 30.0
"""Seconds after which something that should happen is taken for lost."""

_POLL_SECONDS = 0.02


class Running:
    """An engine, where it listens, and every event since its start."""

    def __init__(self) -> None:
        self.engine: Engine
        self.url = ""
        self._events: list[Event] = []
        self._changed = threading.Condition()

    def take(self, event: Event) -> None:
        """The engine's listener."""
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where the engine listens."""
        return "127.0.0.1", self.engine.port

    @property
    def events(self) -> list[Event]:
        """Everything that the engine told so far, oldest first."""
        with self._changed:
            return list(self._events)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def notices(self, title: str) -> list[Notice]:
        """The notices under one title so far."""
        return [notice for notice in self.of(Notice) if notice.title == title]

    def records(self) -> dict[int, Record]:
        """The newest state of each record, by id."""
        return {event.record.id: event.record for event in self.of(RecordChanged)}

    def prompts(self) -> list[Record]:
        """The newest state of each request that carried a prompt, oldest first."""
        return [record for record in self.records().values() if record.exchange and record.prompts]

    def wait_for(self, predicate: Callable[[], T | None], what: str) -> T:
        """The first true value of `predicate`, which may also ask the world outside the engine."""
        deadline = time.monotonic() + BOUND
        while not (value := predicate()):
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} did not happen; last events: {self.events[-8:]}")
            with self._changed:
                self._changed.wait(_POLL_SECONDS)
        return value

    def wait_ended(self, count: int) -> list[Record]:
        """The requests with a prompt, once at least `count` of them have ended."""

        def ended() -> list[Record] | None:
            closed = [record for record in self.prompts() if not record.open]
            return closed if len(closed) >= count else None

        return self.wait_for(ended, f"the end of {count} requests")


@contextmanager
def running_engine(
    upstream_url: str,
    *,
    log: tuple[Path | str, ...] = (),
    child: Child | None = None,
    stdin: int | None = None,
    **settings: object,
) -> Iterator[Running]:
    """An engine that listens on a free port and is stopped at the end, with its thread."""
    flags = {"upstream": upstream_url, "listen": "127.0.0.1:0", "log": tuple(map(str, log)), **settings}
    running = Running()
    engine = Engine(load_settings(flags, environ={}).settings, running.take, Inputs(child, stdin))
    engine.start()
    running.engine = engine
    running.url = f"http://127.0.0.1:{engine.port}"
    try:
        yield running
    finally:
        engine.stop()
    assert not any(thread.name == "kvconsole-engine" for thread in threading.enumerate())


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def asked(
    running: Running,
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Sequence[tuple[str, str]] = (),
) -> Iterator[http.client.HTTPConnection]:
    """A client that has sent a request, exactly as given, and has not read an answer yet."""
    connection = http.client.HTTPConnection(*running.address, timeout=BOUND)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        yield connection
    finally:
        connection.close()
