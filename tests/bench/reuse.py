"""What the rules buy on a real llama-server: `python -m tests.bench.reuse [--short]`.

Plays the same OpenClaw conversation at a fresh server, directly and through kvconsole, and prints what the
server's own log says about the first request of each turn from the second on.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import httpx

from console.demo.conversation import requests, steps
from console.demo.openclaw_wire import Api, Request
from proxy_core.llama.feed import LogFeed
from proxy_core.llama.turns import Turn
from tests.bench._proxy import proxy
from tests.real_llama import running_llama

_LOG_SECONDS = 10.0
START = datetime(2026, 2, 18, 20, 48, tzinfo=UTC)


def main() -> None:
    """Print a line per API."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="one API, four turns")
    short = parser.parse_args().short
    apis: Sequence[Api] = ("chat",) if short else get_args(Api)
    count = 4 if short else len(steps())
    print(f"{'':<32}{'reused':>9}{'sim_best':>10}{'prompt eval':>13}")
    for api in apis:
        played = list(requests(api, turns=count, start=START))
        direct, through = play(played, rules=False), play(played, rules=True)
        for name, turns in (("directly", direct), ("through kvconsole", through)):
            print(row(f"{api}, {name}", turns))
        print(f"{'':<32}prompt eval is {ms(direct) / ms(through):.0f} times shorter")


def play(played: Sequence[Request], *, rules: bool) -> list[Turn]:
    """Play at a fresh server; gives the logged turns that begin a turn of the person, from the second on."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        with running_llama(log) as server:
            if rules:
                with proxy(server.url) as url:
                    send(url, played)
            else:
                send(server.url, played)
            turns = logged(log, len(played))
    pairs = zip(played, turns, strict=True)
    firsts = {request.turn: turn for request, turn in reversed(list(pairs))}
    return [turn for number, turn in firsts.items() if number > 1]


def logged(log: Path, count: int) -> Sequence[Turn]:
    """So many turns of a server's log. The last lines can come just after the answer."""
    deadline = time.monotonic() + _LOG_SECONDS
    while True:
        turns = LogFeed().read(log.read_text().splitlines(), live=True).turns
        if len(turns) >= count or time.monotonic() > deadline:
            return turns
        time.sleep(0.05)


def send(url: str, played: Sequence[Request]) -> None:
    """Send each request and read its answer, one after the other.

    A connection each: llama-server closes some that it announced to keep, after a stream.
    """
    alone = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=url, timeout=60.0, trust_env=False, limits=alone) as client:
        for request in played:
            client.post(request.path, content=request.body, headers=request.headers).raise_for_status()


def row(name: str, turns: Sequence[Turn]) -> str:
    """Medians over some turns."""
    reused = [t.cached_n / t.prompt_tokens for t in turns if t.cached_n is not None and t.prompt_tokens]
    sims = [t.sim_best for t in turns if t.sim_best is not None]
    similar = f"{statistics.median(sims):.3f}" if sims else "–"
    return f"{name:<32}{statistics.median(reused):>9.3f}{similar:>10}{ms(turns):>10.0f} ms"


def ms(turns: Sequence[Turn]) -> float:
    """Median prompt eval time in milliseconds."""
    return statistics.median(turn.prompt_ms for turn in turns if turn.prompt_ms is not None)


if __name__ == "__main__":
    main()
