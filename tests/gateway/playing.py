"""Plays OpenClaw's conversation at a server and reads what the server logged about it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx

from console.demo.conversation import requests
from console.demo.openclaw_wire import Api, Request
from proxy_core.llama.feed import LogFeed
from proxy_core.llama.turns import Turn
from tests.running import BOUND

START = datetime(2026, 2, 18, 20, 48, tzinfo=UTC)


def conversation(api: Api, *, turns: int, stream: bool = True) -> list[Request]:
    """The first requests of the conversation, tool loops included."""
    return list(requests(api, turns=turns, start=START, stream=stream))


def play(url: str, played: Sequence[Request]) -> list[httpx.Response]:
    """Send each request and read its answer, one after the other.

    A connection each: llama-server closes some that it announced to keep, after a stream.
    """
    alone = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=url, timeout=60.0, trust_env=False, limits=alone) as client:
        answers = [client.post(r.path, content=r.body, headers=r.headers) for r in played]
    for answer in answers:
        answer.raise_for_status()
    return answers


def logged(log: Path, count: int) -> list[Turn]:
    """The turns in a server's log, once there are `count`: the last line may come after the answer."""
    deadline = time.monotonic() + BOUND
    while True:
        turns = LogFeed().read(log.read_text(encoding="utf-8").splitlines(), live=True).turns
        if len(turns) >= count or time.monotonic() > deadline:
            return list(turns)
        time.sleep(0.02)


def reused_at_turn_starts(played: Sequence[Request], turns: Sequence[Turn]) -> list[float]:
    """Reused share of the prompt for the first request of each of the person's turns, from the second on."""
    firsts = {request.turn: turn for request, turn in reversed(list(zip(played, turns, strict=True)))}
    return [reused(turn) for number, turn in firsts.items() if number > 1]


def reused(turn: Turn) -> float:
    """Share of the prompt that came from the cache, as the log has it."""
    assert turn.cached_n is not None
    assert turn.prompt_n is not None
    return turn.cached_n / (turn.cached_n + turn.prompt_n)
