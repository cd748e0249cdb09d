"""What the rules keep for each client and era: `python -m tests.bench.eras [--short] [CASE…]`.

Each case (`tests.clients`) is played at a fresh llama-server with four slots, so that side requests find one
of their own: directly, and through kvconsole at each level. All figures come from the server's own log:

    reused   cached tokens of all prompt tokens, over the requests from the second turn on that continue
             another; first requests of side conversations, which nothing could have cached, are left out
    ideal    the same if each prompt had begun with all of the prompt before it in its conversation
    of ideal the one by the other, each from the same run
    read     tokens that the server had to read in all requests, directly and at the wanted level

Where a client rewrites what the model said, a scripted answer stands in for the random model's words, and the
ideal is the prompt before together with its answer (`tests.clients.mouth`).

In `two-sessions` and `side-requests` conversations share a long system prompt. The server gives such a
request the slot that already holds that prompt, though others are empty, and what stood behind it there is
lost: that part is the server's choice of slots, and no rule can keep it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench._proxy import proxy
from tests.clients.case import LEVELS, Case, Level
from tests.clients.playing import Row, Through, evaluated, ideal, play, reused
from tests.clients.registry import CASES

_SHORT = ("openclaw-c", "openclaw-h", "heartbeats", "claude-code-old", "home-assistant")


def main(argv: Sequence[str] | None = None) -> None:
    """Print a line per case."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.eras")
    parser.add_argument("case", nargs="*", choices=[*CASES, []], metavar="CASE", help="all unless named")
    parser.add_argument("--short", action="store_true", help="few cases, shortened conversations")
    options = parser.parse_args(argv)
    chosen = options.case or (_SHORT if options.short else CASES)
    columns = ("direct", *LEVELS)
    print(f"{'':<22}  {' reused ':-^53}  {' of ideal ':-^42}  {' read ':-^18}")
    print(f"{'':<22}" + "".join(f"{name:>11}" for name in (*columns, "ideal", *columns)))
    for case in (CASES[name] for name in chosen):
        print(row(case, short=options.short), flush=True)
    print("* the level at which 0.97 of the ideal is wanted")


def row(case: Case, *, short: bool) -> str:
    """Play a case in all four ways; one line."""
    runs = [_run(case, None, short)] + [_run(case, level, short) for level in LEVELS]
    at = 1 + LEVELS.index(case.wanted)
    shares = [f"{reused(run):>10.3f} " for run in runs]
    of_ideal = [f"{reused(run) / ideal(run):>10.3f}{'*' if n == at else ' '}" for n, run in enumerate(runs)]
    read = f"{evaluated(runs[0]):>9} {evaluated(runs[at]):>9}"
    return f"{case.name:<22}{''.join(shares)}{ideal(runs[at]):>10.3f} {''.join(of_ideal)}{read}"


def _run(case: Case, level: Level | None, short: bool) -> list[Row]:
    through: Through | None = None if level is None else lambda url: proxy(url, level=level)
    with tempfile.TemporaryDirectory() as folder:
        return play(case, Path(folder), through, short=short)


if __name__ == "__main__":
    main()
