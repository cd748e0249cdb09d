"""The real llama.cpp server of the demo and the tests, as a program of its own.

`xllamacpp` (PyPI) carries llama.cpp's C++ HTTP server and runs it on threads of the importing process, with
its log on file descriptor 2. Here it is a child, so that the log can be redirected and a crash stays outside.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xllamacpp import CommonParams

MODEL = Path(__file__).with_name("tiny.gguf")
"""The model that ships with the package: random weights, see `console.demo.build_model`."""

_PARENT_POLL_SECONDS = 0.5


def server_command(
    port: int = 0,
    *,
    parallel: int = 1,
    ctx: int = 65536,
    verbosity: int = 3,
    cache_ram: int | None = None,
    model: Path | None = None,
    threads: int | None = None,
) -> list[str]:
    """The argument list that starts the server with this interpreter.

    Args:
        port: TCP port on 127.0.0.1; 0 takes a free one, which the first line of standard output tells.
        parallel: Number of slots; they share `ctx`.
        ctx: Context of all slots together, in tokens.
        verbosity: llama.cpp's `-lv`: 3 is its default, 4 adds trace lines.
        cache_ram: Host memory for evicted prompts in MiB; 0 switches it off, None keeps llama.cpp's default.
        model: A GGUF file; None is the one that ships with the package.
        threads: Threads that evaluate; None is llama.cpp's choice, which is one for each core.
    """
    command = [sys.executable, "-m", "console.demo.server", "--port", str(port), "--parallel", str(parallel)]
    command += ["--ctx", str(ctx), "--verbosity", str(verbosity)]
    if cache_ram is not None:
        command += ["--cache-ram", str(cache_ram)]
    if model is not None:
        command += ["--model", str(model)]
    if threads is not None:
        command += ["--threads", str(threads)]
    return command


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server until SIGTERM, SIGINT or the end of the parent process; returns the exit code."""
    parent = os.getppid()
    options = _parser().parse_args(argv)
    try:
        import xllamacpp
    except ImportError:
        print("The demo's server needs the xllamacpp package: pip install 'kvconsole[demo]'", file=sys.stderr)
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    try:
        server = xllamacpp.Server(_params(options))
    except RuntimeError:
        print("llama.cpp's server did not start; its last log lines above say why.", file=sys.stderr)
        return 1
    print(server.listening_address, flush=True)
    # A demo that was killed must not leave a server behind, and a killed parent cannot say so.
    while not stop.wait(_PARENT_POLL_SECONDS) and os.getppid() == parent:
        pass
    # Letting go of the server would wait up to 30 s for open streams, with Python's lock held all the while.
    os._exit(0)


def _params(options: argparse.Namespace) -> CommonParams:
    from xllamacpp import CommonParams

    params = CommonParams()
    params.model.path = str(options.model)
    params.hostnames = ["127.0.0.1"]
    params.port = options.port
    params.model_alias = {"tiny-random"}
    params.n_parallel = options.parallel
    params.n_ctx = options.ctx
    params.verbosity = options.verbosity
    params.endpoint_metrics = True
    params.endpoint_slots = True
    params.warmup = False
    if options.cache_ram is not None:
        params.cache_ram_mib = options.cache_ram
    if options.threads is not None:
        params.cpuparams.n_threads = options.threads
        params.cpuparams_batch.n_threads = options.threads
    return params


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m console.demo.server", description=__doc__)
    parser.add_argument("--port", type=_port, default=0, help="0 takes a free port")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--parallel", type=int, default=1, help="slots")
    parser.add_argument("--ctx", type=int, default=65536, help="tokens, shared by the slots")
    parser.add_argument("--verbosity", type=int, default=3)
    parser.add_argument("--cache-ram", type=int, metavar="MIB")
    parser.add_argument("--threads", type=int)
    return parser


def _port(text: str) -> int:
    """A TCP port; llama.cpp itself would take 80000 and listen nowhere."""
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is not a port (0 to 65535)")
    return port


if __name__ == "__main__":
    sys.exit(main())
