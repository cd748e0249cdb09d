"""Lines a second of the log grammar on one core: `python -m tests.bench.log_grammar [--short] [LOG…]`.

Without a file it takes rendered logs, one per era. The last column puts events together to turns as well.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from proxy_core.llama.grammar import parse
from proxy_core.llama.turns import TurnAssembler
from tests.llama.corpus import ERAS, WRAPPERS, srv

_LINES = 100_000
_ROUNDS = 3

_NOISE = [
    "0.00.010.075 D llama_graph_n_input_tensors: input tensor 'attn_inp_kq_mask' [f16, ne = {2048}] is used",
    "0.00.022.320 I llama_model_loader: - kv   3:             general.architecture str              = llama",
    "\ttop_k = 40, top_p = 0.950, min_p = 0.050, xtc_probability = 0.000, xtc_threshold = 0.100",
    srv("log_server_r", 'request:  {"messages":[{"role":"user","content":"' + "word " * 400 + '"}]}'),
]


def samples(files: Sequence[Path]) -> dict[str, list[str]]:
    """Logs by name."""
    if files:
        return {f.name: f.read_text(encoding="utf-8", errors="replace").split("\n") for f in files}
    logs = dict(ERAS)
    logs["b10500, journald"] = [WRAPPERS["journald"](line) for line in ERAS["b10500"]]
    logs["b10500 -lv 5 (mostly noise)"] = ERAS["b10500 -lv 4"] + _NOISE * 15
    logs["all of these"] = [line for lines in logs.values() for line in lines]
    return logs


def assemble(lines: Sequence[str]) -> None:
    """Lines to turns, as the console reads them."""
    assembler = TurnAssembler()
    for line in lines:
        event = parse(line)
        if event is not None:
            assembler.feed(event)


def parse_all(lines: Sequence[str]) -> None:
    """Lines to events."""
    for line in lines:
        parse(line)


def rate(work: Callable[[Sequence[str]], None], lines: list[str], least: int) -> float:
    """Lines a second of processor time, best of a few rounds: other programs do not count."""
    many = lines * (least // len(lines) + 1)
    best = float("inf")
    for _ in range(_ROUNDS):
        start = time.process_time()
        work(many)
        best = min(best, time.process_time() - start)
    return len(many) / best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="few lines")
    parser.add_argument("files", nargs="*", type=Path, metavar="LOG")
    options = parser.parse_args()
    least = 2_000 if options.short else _LINES
    print(f"{'log':<32}{'parse':>12}{'with turns':>14}   lines/s")
    for name, lines in samples(options.files).items():
        alone, turns = rate(parse_all, lines, least), rate(assemble, lines, least)
        print(f"{name:<32}{alone:>12,.0f}{turns:>14,.0f}")


if __name__ == "__main__":
    main()
