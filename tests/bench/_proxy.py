"""A kvconsole engine for the benches."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from proxy_core.engine import Engine
from proxy_core.events import Event
from proxy_core.settings import load_settings

_LISTENS = re.compile(r"http://127\.0\.0\.1:\d+")


@contextmanager
def proxy(upstream: str, *, rules: bool = True, **settings: object) -> Iterator[str]:
    """The address of an engine with its own empty state, as shipped but for `settings`."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["KVCONSOLE_CONFIG_DIR"] = os.environ["KVCONSOLE_STATE_DIR"] = home
        flags = {"upstream": upstream, "listen": "127.0.0.1:0", "rules": rules, **settings}
        engine = Engine(load_settings(flags, environ={}).settings, _ignore)
        engine.start()
        try:
            yield f"http://127.0.0.1:{engine.port}"
        finally:
            engine.stop()


@contextmanager
def served(upstream: str, *options: str) -> Iterator[str]:
    """The address of a `kvconsole serve` in a process of its own, with its own empty state."""
    command = [sys.executable, "-m", "console", "serve", "--upstream", upstream, "--listen", "127.0.0.1:0"]
    with tempfile.TemporaryDirectory() as home:
        environ = {**os.environ, "KVCONSOLE_CONFIG_DIR": home, "KVCONSOLE_STATE_DIR": home}
        process = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True, env=environ)
        assert process.stderr is not None
        try:
            listens = _LISTENS.search(process.stderr.readline())
            assert listens is not None
            # Whatever else it says must not fill the pipe.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield listens[0]
        finally:
            process.terminate()
            process.wait(10)


def _ignore(_event: Event) -> None:
    pass
