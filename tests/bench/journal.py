"""How the journal grows and what an entry costs: `python -m tests.bench.journal [--short]`.

Keeps one growing conversation, about 400 KB at its end, whose system text holds a new id in each turn: raw as
the client sent it, normalized with the id taken out. Prints the size of the file against the bodies stored
whole and each packed by itself, the time per entry on the writer's thread, how long the caller of `put`
waits, and what a loop beside the writer notices.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from proxy_core.exchange import Bodies
from proxy_core.journal.entry import Entry, Key
from proxy_core.journal.file import JournalFile
from proxy_core.journal.prepared import prepare
from proxy_core.journal.writer import JournalWriter
from proxy_core.llama.answer import Answer
from proxy_core.llama.said import Said
from proxy_core.llama.turns import Turn
from proxy_core.rules import Edit
from tests.journal.kit import conversation

MB = 1_000_000
_ID = re.compile(rb"message_id: ([0-9a-f]{16})")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="100 turns instead of 1,000")
    turns = 100 if parser.parse_args().short else 1000
    bodies = conversation(turns, system=40_000, said=max(60, 350_000 // (2 * turns) - 60))
    with tempfile.TemporaryDirectory() as folder:
        _growth(Path(folder) / "journal.sqlite", bodies)
        _waiting(Path(folder) / "other.sqlite", bodies)


def _growth(path: Path, bodies: list[bytes]) -> None:
    preparing: list[float] = []
    writing: list[float] = []
    packed = 0
    file = JournalFile(path)
    for entry in entries(bodies):
        begun = time.perf_counter()
        prepared = prepare(entry)
        cut = time.perf_counter()
        file.write([prepared])
        preparing.append(1000 * (cut - begun))
        writing.append(1000 * (time.perf_counter() - cut))
        if entry.bodies is not None:
            packed += sum(len(zlib.compress(body, 1)) for body in entry.bodies)
    file.shrink()
    info = file.info()
    begun = time.perf_counter()
    last = file.get(Key("bench", len(bodies) - 1))
    reading = 1000 * (time.perf_counter() - begun)
    if last is None or last.bodies is None or last.bodies.raw != bodies[-1]:
        raise SystemExit("The last body did not come back as it was.")
    file.close()
    size = len(bodies[-1]) / 1000
    print(f"{len(bodies)} turns of one conversation, {size:.0f} KB at the end, raw and normalized")
    print(f"{'stored whole':<44}{info.body_bytes / MB:>10.1f} MB")
    print(f"{'each packed by itself':<44}{packed / MB:>10.1f} MB")
    times = info.body_bytes / info.disk_bytes
    print(f"{'journal':<44}{info.disk_bytes / MB:>10.1f} MB, {times:.0f} times smaller")
    print(f"{'an entry of a turn':<44}{info.disk_bytes / len(bodies) / 1000:>10.1f} KB")
    tenth = max(1, len(bodies) // 10)
    for name, values in (("cutting both bodies", preparing), ("writing one entry", writing)):
        late = statistics.median(values[-tenth:])
        print(f"{name:<44}{statistics.median(values):>10.2f} ms, {late:.2f} ms at the end")
    print(f"{'reading the last entry':<44}{reading:>10.1f} ms")


def _waiting(path: Path, bodies: list[bytes]) -> None:
    """How long `put` takes, and how much later than it asked for a loop wakes up beside the writer."""
    for name, kept in (("a loop beside nobody", None), ("a loop beside the writer", path)):
        writer = JournalWriter(kept)
        puts, lags = asyncio.run(_paced(writer, bodies[-100:]))
        writer.close(600)
        print(f"{name:<44}{_spread(lags)}")
    print(f"{'put':<44}{_spread(puts)}; {writer.dropped} dropped")


async def _paced(writer: JournalWriter, bodies: list[bytes]) -> tuple[list[float], list[float]]:
    """Put twenty entries a second; gives how long each `put` took, and how late each wake-up was, in ms."""
    puts: list[float] = []
    lags: list[float] = []
    for entry in list(entries(bodies)):
        begun = time.perf_counter()
        writer.put(entry)
        puts.append(1000 * (time.perf_counter() - begun))
        for _ in range(25):
            asked = time.perf_counter()
            await asyncio.sleep(0.002)
            lags.append(1000 * (time.perf_counter() - asked - 0.002))
    return puts, lags


def _spread(values: list[float]) -> str:
    ordered = sorted(values)
    p99 = ordered[int(len(ordered) * 0.99)]
    return f"{statistics.median(ordered):>10.3f} ms, p99 {p99:.3f} ms, most {ordered[-1]:.3f} ms"


def entries(bodies: list[bytes]) -> Iterator[Entry]:
    """An entry for each body, as the engine makes them."""
    for number, raw in enumerate(bodies):
        found = _ID.search(raw)
        assert found is not None  # The conversation puts one into each system text.
        normalized = raw.replace(found[0], b"")
        yield Entry(
            run="bench",
            record=number,
            at=time.time(),
            method="POST",
            path="/v1/chat/completions",
            api="chat",
            label="chat",
            client="openclaw",
            model="m",
            messages=2 * number + 3,
            lane="lane",
            rules=("openclaw.message-id", "openclaw.clock"),
            edits=(Edit("openclaw.message-id", 0, found[0].decode(), ""),),
            said=Said("An answer of a few words."),
            figures=Answer(100_000, 300, 99_700, 250.0, 50, 900.0),
            turn=Turn(slot=0, task=number, sim_best=0.99, f_keep=0.99, prompt_n=300, cached_n=99_700),
            bodies=Bodies(raw, normalized),
        )


if __name__ == "__main__":
    main()
