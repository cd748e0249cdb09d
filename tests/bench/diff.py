"""Seconds that a comparison takes: `python -m tests.bench.diff`."""

from __future__ import annotations

import argparse
import json
import random
import time

from proxy_core.diff.rows import diff

_WORDS = [
    "cache",
    "prompt",
    "token",
    "slot",
    "server",
    "prefix",
    "message",
    "reads",
    "the",
    "of",
    "and",
    "to",
]


def chat_body(size: int, *, stamp: str, every: int, seed: int = 7) -> bytes:
    """A chat completions body of about `size` bytes; each `every`-th message carries `stamp`."""
    chance = random.Random(seed)
    system = "\n".join(" ".join(chance.choices(_WORDS, k=12)) for _ in range(300))
    messages: list[dict[str, object]] = [{"role": "system", "content": f"{system}\n{stamp}"}]
    length = len(system)
    while length < size:
        lines = [" ".join(chance.choices(_WORDS, k=10)) for _ in range(chance.randint(2, 24))]
        if len(messages) % every == 0:
            lines[len(lines) // 2] = f"[{stamp}] {lines[0]}"
        role = "assistant" if len(messages) % 2 == 0 else "user"
        messages.append({"role": role, "content": "\n".join(lines)})
        length += sum(map(len, lines)) + 50
    return json.dumps({"model": "tiny", "stream": True, "messages": messages}).encode()


def main() -> None:
    """Print one line per size and density of changes: the best of five runs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="the smallest size only")
    short = parser.parse_args().short
    for size in (66_000,) if short else (66_000, 250_000, 615_000):
        for every in (10_000, 40, 1):
            left = chat_body(size, stamp="Wed 2026-02-18 20:48 UTC", every=every)
            right = chat_body(size, stamp="Wed 2026-02-18 20:49 UTC", every=every)
            seconds = []
            for _ in range(5):
                start = time.perf_counter()
                result = diff(left, right, "chat")
                seconds.append(time.perf_counter() - start)
            print(f"{len(left):>9,} bytes {len(result.changes):>5} changes {min(seconds) * 1000:7.1f} ms")


if __name__ == "__main__":
    main()
