"""The demo's client: plays the conversation through kvconsole, as OpenClaw would."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import httpx

from console.demo.conversation import requests, steps
from console.demo.openclaw_wire import Api, Request

TURNS_BEFORE = 5
"""Logical turns before the rules go on: each begins with a prompt that the server has to read again."""

_PACE_SECONDS = 0.9
"""Least time between two requests, so that a person can follow."""

_MOST_REQUESTS = 2_000
_READY_SECONDS = 20.0


class Move(NamedTuple):
    """One request of the demo, and where in the demo it stands."""

    request: Request
    turn: int
    """The logical turn that it belongs to, counted from 1 through all sessions."""
    begins_turn: bool
    """Whether it carries a new message of the person's; the others of a turn bring a tool's result."""

    @property
    def rules_on(self) -> bool:
        """Whether the rules are on by then, unless the person has switched them."""
        return self.turn > TURNS_BEFORE


class Player:
    """Plays on a thread of its own until it is stopped.

    The script is played again and again, as a new session each time, so that a person who switches rules
    sees what each one buys.
    """

    def __init__(self, address: str, api: Api, rules_on: Callable[[], None]) -> None:
        """`rules_on` is called once, after the first `TURNS_BEFORE` turns."""
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
            switched = False
            for move in itertools.islice(endless(self._api), _MOST_REQUESTS):
                if self._stop.is_set():
                    return
                if move.rules_on and not switched:
                    self._rules_on()
                    switched = True
                started = time.monotonic()
                if not play(client, move.request):
                    return
                self._stop.wait(max(0.1, _PACE_SECONDS - (time.monotonic() - started)))


def endless(api: Api) -> Iterator[Move]:
    """The script's requests, session after session, a day apart and with ids of its own each."""
    start = datetime(2026, 2, 18, 20, 48, tzinfo=UTC)
    turn = 0
    for day in itertools.count():
        session = requests(api, turns=len(steps()), start=start + timedelta(days=day), seed=day)
        for _, of_turn in itertools.groupby(session, key=lambda request: request.turn):
            turn += 1
            for number, request in enumerate(of_turn):
                yield Move(request, turn, begins_turn=number == 0)


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
