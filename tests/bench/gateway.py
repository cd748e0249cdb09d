"""Time that the proxy adds before the first byte: `python -m tests.bench.gateway [--short]`.

Requests go in turn to an instant upstream directly, through kvconsole with no rules, and with the shipped
rules on; upstream and client are processes of their own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from console.demo.conversation import decorated
from tests.bench._proxy import proxy
from tests.gateway.playing import START

_SIZES = (2_000, 64_000, 400_000, 2_000_000)


def main() -> None:
    """Print a line per body size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="few rounds")
    rounds = 5 if parser.parse_args().short else 60
    print(f"{'body':>10}{'direct':>10}{'no rules':>18}{'rules on':>18}   medians to the first byte")
    with upstream() as url, proxy(url, rules=False) as plain, proxy(url) as ruled:
        for size in _SIZES:
            body = chat_body(size)
            direct, without, with_rules = measure([url, plain, ruled], body, rounds)
            print(
                f"{len(body):>8} B{direct * 1000:>7.2f} ms"
                f"{without * 1000:>7.2f} ms (+{(without - direct) * 1000:.2f})"
                f"{with_rules * 1000:>7.2f} ms (+{(with_rules - direct) * 1000:.2f})"
            )


def chat_body(size: int) -> bytes:
    """An OpenClaw-like chat body of about `size` bytes, half system prompt, half decorated messages."""
    text = "a line of words that a person might have written\n"
    system = "You are a personal assistant running inside OpenClaw.\n" + text * (size // 2 // len(text))
    message = decorated(text * 20, "775b2410-8917-4fad-af9d-cfcbf526eee8", START)
    messages = [{"role": "system", "content": system}]
    messages += [{"role": "user", "content": message}] * (size // 2 // len(message))
    return json.dumps({"messages": messages, "stream": True}).encode()


def measure(urls: list[str], body: bytes, rounds: int) -> list[float]:
    """Median seconds to the first byte at each address, asked in turn."""
    taken: list[list[float]] = [[] for _ in urls]
    clients = [httpx.Client(base_url=url, trust_env=False, timeout=30.0) for url in urls]
    for number in range(rounds + 2):
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
