"""What normalizing a request costs, beside reading and writing JSON: `python -m tests.bench.normalize`.

All shipped rules of level safe work on OpenClaw-like bodies. Cold means that nothing is remembered, as for
the first request after a start; warm is the next request of a conversation, which has a tool call and its
result more than the last one. Milliseconds, medians of many rounds (few with `--short`), on one core:

    parse    finding the messages in the body, and reading those that are new
    rules    RuleSet.apply, with the body that it writes
    msgspec  decoding and encoding the whole body
    json     the same with the standard library
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec

from console.demo.conversation import steps
from proxy_core.prompt import parse
from proxy_core.prompt.message import forget_messages
from proxy_core.rules import RuleSet, shipped_rules
from proxy_core.rules.recall import Room
from tests.clients.openclaw import era_c, request
from tests.clients.openclaw_system import tool_names
from tests.clients.story import Ask, Call, Model, Person, Said, Tool, asks

_SIZES = (("60 KB", 60_000, 12), ("460 KB, 100 messages", 460_000, 100), ("2 MB", 2_000_000, 300))
"""Name, bytes and messages of each body."""


_ROOM = Room(context=131072, tokens_per_byte=0.3)


class Cost(NamedTuple):
    """Medians in milliseconds."""

    parse: float
    rules: float


def main() -> None:
    """Print a line per body."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="few rounds")
    rounds = 3 if parser.parse_args().short else 40
    rules = RuleSet.of(tuple(shipped_rules()), {}, "safe")
    print(f"{'':<22}{'cold':>16}{'warm':>18}{'':>10}")
    columns = ("parse", "rules", "parse", "rules", "msgspec", "json")
    print(f"{'milliseconds':<22}" + "".join(f"{name:>9}" for name in columns))
    for name, size, messages in _SIZES:
        bodies = list(growing(size, messages, rounds))
        figures = [*cold(rules, bodies[0], rounds), *warm(rules, bodies), *codecs(bodies[0], rounds)]
        print(f"{name:<22}" + "".join(f"{figure:>9.2f}" for figure in figures))


def growing(size: int, messages: int, more: int) -> Iterator[bytes]:
    """A body of about `size` bytes, then `more` others with a call and its result more each."""
    ask = next(asks(False))
    said: list[Said] = list(ask.said)
    alone = len(_body(ask, said))
    words = random.Random(1)
    each = (size - alone) // messages
    while len(said) < messages:
        said += _exchange(len(said), each, words)
    yield _body(ask, said)
    for _ in range(more):
        said += _exchange(len(said), 800, words)[1:3]
        yield _body(ask, said)


def cold(rules: RuleSet, body: bytes, rounds: int) -> Cost:
    """Nothing is remembered of the body."""
    taken = []
    for _ in range(rounds):
        forget_messages()
        taken.append(_once(rules, body, {}))
    return _median(taken)


def warm(rules: RuleSet, bodies: Sequence[bytes]) -> Cost:
    """Each body follows the one before it in one conversation."""
    forget_messages()
    memory: dict[tuple[str, str], bytes] = {}
    return _median([_once(rules, body, memory) for body in bodies][1:])


def codecs(body: bytes, rounds: int) -> Iterator[float]:
    """Medians for reading and writing the whole body."""
    for read, write in ((msgspec.json.decode, msgspec.json.encode), (json.loads, json.dumps)):
        taken = []
        for _ in range(rounds):
            started = time.perf_counter()
            write(read(body))
            taken.append(time.perf_counter() - started)
        yield statistics.median(taken) * 1000


def _once(rules: RuleSet, body: bytes, memory: dict[tuple[str, str], bytes]) -> Cost:
    # A collection in between would be measured with whatever happened to be alive.
    gc.collect()
    gc.disable()
    begun = time.perf_counter()
    prompt = parse("chat", body)
    parsed = time.perf_counter()
    normalized = rules.apply(prompt, "openclaw", memory, _ROOM)
    done = time.perf_counter()
    gc.enable()
    memory |= normalized.writes
    return Cost((parsed - begun) * 1000, (done - parsed) * 1000)


def _median(taken: Sequence[Cost]) -> Cost:
    return Cost(statistics.median(c.parse for c in taken), statistics.median(c.rules for c in taken))


def _exchange(number: int, size: int, words: random.Random) -> list[Said]:
    """Four messages of about `size` bytes each: a person's, a call, its result, a reply."""
    ask = next(asks(False, seed=number))
    call = Call(f"{number:032}", "exec", {"command": f"rg -n tide{number} src"})
    return [
        Person(number, ask.at, _text(size, words), f"{number:08}-2410-4917-8f9d-cfcbf526eee8"),
        Model(number, _text(size // 2, words), call, ""),
        Tool(number, call.id, "exec", _text(size * 3 // 2, words)),
        Model(number, _text(size, words), None, ""),
    ]


def _text(size: int, words: random.Random) -> str:
    """Lines of the demo's script in an order of their own."""
    lines = [line for step in steps() for use in step.uses for line in use.result.splitlines()]
    found: list[str] = []
    while size > 0:
        found.append(words.choice(lines))
        size -= len(found[-1]) + 1
    return "\n".join(found)


def _body(ask: Ask, said: Sequence[Said]) -> bytes:
    moment = replace(ask, said=tuple(said))
    return request(moment, *era_c(moment, False), tool_names(False), strict=True).body


if __name__ == "__main__":
    main()
