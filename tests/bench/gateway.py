"""Time that the proxy adds before the first byte: `python -m tests.bench.gateway [--short]`.

Requests go in turn to an instant upstream directly, and through `kvconsole serve` as shipped, without its
journal, and without rules as well; each of them is a process of its own. Each request has a new message id.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from uuid import UUID

import httpx

from console.demo.conversation import decorated
from tests.bench._proxy import served
from tests.gateway.playing import START

_SIZES = (2_000, 64_000, 400_000, 2_000_000)


def main() -> None:
    """Print a line per body size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="few rounds")
    rounds = 5 if parser.parse_args().short else 60
    heads = "".join(f"{head:>18}" for head in ("no rules, journal", "no journal", "as shipped"))
    print(f"{'body':>10}{'direct':>10}{heads}   medians to the first byte")
    with ExitStack() as stack:
        url = stack.enter_context(upstream())
        ways = (("--no-rules", "--no-journal"), ("--no-journal",), ())
        urls = [url, *(stack.enter_context(served(url, *options)) for options in ways)]
        for size in _SIZES:
            direct, *through = measure(urls, size, rounds)
            cells = "".join(f"{one * 1000:>7.2f} ms (+{(one - direct) * 1000:.2f})" for one in through)
            print(f"{len(chat_body(size, 0)):>8} B{direct * 1000:>7.2f} ms{cells}")


def chat_body(size: int, number: int) -> bytes:
    """An OpenClaw-like chat body of about `size` bytes, half system prompt, half decorated messages.

    The ids in it are those of its `number`.
    """
    text = "a line of words that a person might have written\n"
    system = "You are a personal assistant running inside OpenClaw.\n" + text * (size // 2 // len(text))
    message = decorated(text * 20, str(UUID(int=number)), START)
    messages = [{"role": "system", "content": system}]
    messages += [{"role": "user", "content": message}] * (size // 2 // len(message))
    return json.dumps({"messages": messages, "stream": True}).encode()


def measure(urls: list[str], size: int, rounds: int) -> list[float]:
    """Median seconds to the first byte at each address, asked in turn with bodies of that size."""
    taken: list[list[float]] = [[] for _ in urls]
    clients = [httpx.Client(base_url=url, trust_env=False, timeout=30.0) for url in urls]
    for number in range(rounds + 2):
        body = chat_body(size, number)
        for place, client in enumerate(clients):
            started = time.perf_counter()
            with client.stream("POST", "/v1/chat/completions", content=body) as answer:
                chunks = answer.iter_raw()
                next(chunks)
                elapsed = time.perf_counter() - started
                for _ in chunks:
                    pass
            if number >= 2:
                taken[place].append(elapsed)
    for client in clients:
        client.close()
    return [statistics.median(times) for times in taken]


@contextmanager
def upstream() -> Iterator[str]:
    """The address of the instant upstream."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench._upstream"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


if __name__ == "__main__":
    main()
