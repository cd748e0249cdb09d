"""A kvconsole engine for the benches."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from proxy_core.engine import Engine
from proxy_core.events import Event
from proxy_core.settings import load_settings


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


def _ignore(_event: Event) -> None:
    pass
