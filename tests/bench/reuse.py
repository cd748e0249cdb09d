"""What the rules buy on a real llama-server: `python -m tests.bench.reuse [--short]`.

Plays the same OpenClaw conversation at a fresh server, directly and through kvconsole, and prints what the
server's own log says about the first request of each turn from the second on.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from console.demo.conversation import requests, steps
from console.demo.openclaw_wire import Api, Request
from proxy_core.llama.turns import Turn
from tests.bench._proxy import proxy
from tests.gateway.playing import START, logged
from tests.gateway.playing import play as replay
from tests.real_llama import running_llama


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
                    replay(url, played)
            else:
                replay(server.url, played)
            turns = logged(log, len(played))
    pairs = zip(played, turns, strict=True)
    firsts = {request.turn: turn for request, turn in reversed(list(pairs))}
    return [turn for number, turn in firsts.items() if number > 1]


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
