"""How well reuse is predicted from the prompts alone: `python -m tests.bench.prediction [--short] [CASE…]`.

Each case (`tests.clients`) is played at a fresh llama-server with four slots, directly and through kvconsole
at the level that is wanted for it. For each request that has a predecessor in its conversation two
predictions are compared with the server's own log: one by structure (bytes that both prompts share, at the
predecessor's tokens per byte), and one by tokens (both prompts rendered and tokenized by the server).

    requests  those with a predecessor
    server    of these, where the server decided: it gave the request another slot than the predecessor had,
              or one in which somebody else had been since, or it took an older prompt out of its host cache.
              What two prompts have in common does not tell what is in the cache then. In brackets how many
              were predicted within 3 % all the same
    structure worst and median error of the others, in percent of the prompt's tokens
    tokens    worst and median error of the others, in tokens

A prediction is about the predecessor's prompt. What the server finds beyond it is the model's answer, as far
as the client sent it back as it was; so of what was measured no more counts than the predecessor's tokens.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from proxy_core.counting.tokens import TokenCounter
from proxy_core.diagnosis.divergence import diverge
from proxy_core.diagnosis.outline import outline
from proxy_core.diagnosis.reuse import predict
from proxy_core.prompt import Prompt, parse
from proxy_core.routes import route
from proxy_core.upstream import UpstreamClient
from proxy_core.verdict import Divergence
from tests.clients.case import Case, Level
from tests.clients.playing import Played, Through, played
from tests.clients.registry import CASES
from tests.real_llama import running_llama
from tests.running import running_engine

_SHORT = ("openclaw-c", "shuffled-tools", "pruned-hard", "heartbeats")
_NEAR = 0.03
"""Share of a prompt by which a prediction from its structure may be off."""
_BODIES = 512 * 1024 * 1024
_CONNECT = 5.0


class Compared(NamedTuple):
    """A request against its predecessor."""

    request: int
    """Its place in the case, from 0."""
    divergence: Divergence
    tokens: int
    """Tokens of its prompt."""
    measured: int
    """Tokens of the predecessor's prompt that the server did not have to read again."""
    predicted: int
    """The same by structure."""
    counted: int | None
    """The same by tokens; None where the server could not be asked."""
    elsewhere: bool
    """Whether the server decided."""

    @property
    def off(self) -> float:
        """Error of the prediction by structure, as a share of the prompt."""
        return abs(self.predicted - self.measured) / self.tokens

    @property
    def miscounted(self) -> int | None:
        """Error of the prediction by tokens."""
        return None if self.counted is None else abs(self.counted - self.measured)


def main(argv: Sequence[str] | None = None) -> None:
    """Print two lines per case."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.prediction")
    parser.add_argument("case", nargs="*", choices=[*CASES, []], metavar="CASE", help="all unless named")
    parser.add_argument("--short", action="store_true", help="few cases, shortened conversations")
    parser.add_argument("--each", action="store_true", help="a line for each request that is off as well")
    options = parser.parse_args(argv)
    print(f"{'':<36}{'requests':>9}{'server':>12}   {' structure, % ':-^16}   {' tokens ':-^14}")
    print(f"{'':<60}{'worst':>8}{'median':>8}{'worst':>10}{'median':>7}")
    everything: list[Compared] = []
    chosen = [CASES[name] for name in options.case or (_SHORT if options.short else CASES)]
    with tempfile.TemporaryDirectory() as folder, running_llama(Path(folder) / "log", threads=1) as server:
        for case, level in [(one, level) for one in chosen for level in (None, one.wanted)]:
            found = compare(case, level, server.url, short=options.short)
            everything += found
            print(row(f"{case.name}, {level or 'directly'}", found), flush=True)
            for line in _each(found) if options.each else ():
                print(line)
    print(row("all", everything))


def row(name: str, found: Sequence[Compared]) -> str:
    """One line."""
    apart = [one for one in found if one.elsewhere]
    own = [one for one in found if not one.elsewhere]
    close = sum(one.off <= _NEAR for one in apart)
    server = f"{len(apart)} ({close})" if apart else "0"
    structure = [one.off * 100 for one in own]
    tokens = [one.miscounted for one in own if one.miscounted is not None]
    figures = [f"{value:.2f}" for value in _worst_and_median(structure)] or ["–", "–"]
    counted = [f"{value:.0f}" for value in _worst_and_median(tokens)] or ["–", "–"]
    cells = f"{figures[0]:>8}{figures[1]:>8}{counted[0]:>10}{counted[1]:>7}"
    return f"{name:<36}{len(found):>9}{server:>12}   {cells}"


def _worst_and_median(errors: Sequence[float]) -> tuple[float, ...]:
    return (max(errors), statistics.median(errors)) if errors else ()


def compare(case: Case, level: Level | None, counting: str, *, short: bool) -> list[Compared]:
    """Play a case and compare each request that has a predecessor.

    Args:
        case: What is sent.
        level: At which kvconsole stands between; None is nothing.
        counting: Address of another server with the same model, which counts tokens.
        short: Play the shortened conversation.
    """
    bodies: list[bytes] = []
    through = None if level is None else _recording(bodies, level)
    with tempfile.TemporaryDirectory() as folder:
        requests = played(case, Path(folder), through, short=short)
    if level is None:
        bodies = [one.sent.body for one in requests]
    prompts = [_prompt(one, body) for one, body in zip(requests, bodies, strict=True)]
    return asyncio.run(_compared(requests, prompts, counting))


async def _compared(requests: Sequence[Played], prompts: Sequence[Prompt], counting: str) -> list[Compared]:
    client = UpstreamClient(counting, _CONNECT)
    counter = TokenCounter(client)
    found: list[Compared] = []
    latest: dict[str, int] = {}
    in_slot: dict[int, str] = {}
    """The lane of the latest request of each slot."""
    for number, one in enumerate(requests):
        lane, slot = one.sent.lane, one.turns[0].slot
        before = latest.get(lane)
        if before is not None:
            parted = diverge(outline(prompts[before]), outline(prompts[number]))
            had = requests[before].tokens
            predicted = predict(parted, had, one.tokens)
            assert predicted is not None
            same = requests[before].turns[-1].slot == slot and in_slot[slot] == lane
            shared = await counter.shared(prompts[before], prompts[number])
            found.append(
                Compared(
                    request=number,
                    divergence=parted,
                    tokens=one.tokens,
                    measured=min(one.cached, had),
                    predicted=predicted.tokens,
                    counted=None if shared is None else shared.tokens,
                    elsewhere=one.turns[0].found_in_ram or not same,
                )
            )
        latest[lane] = number
        in_slot[one.turns[-1].slot] = lane
    await client.close()
    return found


def _recording(bodies: list[bytes], level: Level) -> Through:
    """A kvconsole at a level that leaves in `bodies` what it forwarded."""

    @contextmanager
    def through(upstream: str) -> Iterator[str]:
        with tempfile.TemporaryDirectory() as home:
            os.environ["KVCONSOLE_CONFIG_DIR"] = os.environ["KVCONSOLE_STATE_DIR"] = home
            with running_engine(upstream, level=level, max_bodies=_BODIES) as running:
                yield running.url
                kept = (running.engine.bodies(record.id) for record in running.prompts())
                bodies.extend(both.normalized for both in kept if both is not None)

    return through


def _prompt(one: Played, body: bytes) -> Prompt:
    api = route("POST", one.sent.path.partition("?")[0]).api
    assert api is not None
    return parse(api, body)


def _each(found: Sequence[Compared]) -> Iterator[str]:
    for one in found:
        if one.elsewhere or one.off > _NEAR or one.miscounted is None or one.miscounted > 1:
            parted = one.divergence
            yield (
                f"    {one.request:>3} {'server' if one.elsewhere else ''} {parted.how}, {parted.name}: "
                f"{parted.detail}; predicted {one.predicted}, counted {one.counted}, "
                f"measured {one.measured} of {one.tokens}"
            )


if __name__ == "__main__":
    main()
