"""The demo's client: plays the conversation through kvconsole, as OpenClaw would."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx

from console.demo.conversation import requests, steps
from console.demo.openclaw_wire import Api, Request

BEFORE = 6
"""Requests before the rules go on."""

_PACE_SECONDS = 0.9
"""Least time between two requests, so that a person can follow."""

_MOST_REQUESTS = 2_000
_READY_SECONDS = 20.0


class Player:
    """Plays on a thread of its own until it is stopped.

    The script is played again and again, as a new session each time, so that a person who switches rules
    sees what each one buys.
    """

    def __init__(self, address: str, api: Api, rules_on: Callable[[], None]) -> None:
        """`rules_on` is called once, after the first `BEFORE` requests."""
        self._base = f"http://{address}"
        self._api = api
        self._rules_on = rules_on
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-client", daemon=True)

    def start(self) -> None:
        """Begin to play."""
        self._thread.start()

    def stop(self) -> None:
        """Stop playing; the request under way is cut."""
        self._stop.set()

    def _run(self) -> None:
        with httpx.Client(base_url=self._base, timeout=60.0, trust_env=False) as client:
            if not wait_until_ready(client, self._stop):
                return
            for number, request in enumerate(itertools.islice(endless(self._api), _MOST_REQUESTS)):
                if self._stop.is_set():
                    return
                if number == BEFORE:
                    self._rules_on()
                started = time.monotonic()
                if not play(client, request):
                    return
                self._stop.wait(max(0.1, _PACE_SECONDS - (time.monotonic() - started)))


def endless(api: Api) -> Iterator[Request]:
    """The script's requests, session after session, a day apart."""
    start = datetime(2026, 2, 18, 20, 48, tzinfo=UTC)
    for day in itertools.count():
        yield from requests(api, turns=len(steps()), start=start + timedelta(days=day))


def play(client: httpx.Client, request: Request) -> bool:
    """Send one request and read its answer to the end; False when nobody answers any more."""
    try:
        with client.stream("POST", request.path, content=request.body, headers=request.headers) as answer:
            for _ in answer.iter_raw():
                pass
    except httpx.TransportError:
        return False
    return True


def wait_until_ready(client: httpx.Client, stop: threading.Event) -> bool:
    """Wait until the server behind the proxy has loaded its model; False when it does not, or must stop."""
    deadline = time.monotonic() + _READY_SECONDS
    while not stop.wait(0.05) and time.monotonic() < deadline:
        try:
            if client.get("/health").status_code == httpx.codes.OK:
                return True
        except httpx.TransportError:
            return False
    return False
