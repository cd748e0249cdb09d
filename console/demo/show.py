"""`kvconsole demo`: a real llama.cpp server on a tiny model, and a client that talks to it."""

from __future__ import annotations

import os
import queue
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from threading import Event as Flag

import click
import httpx

from console import figures
from console.demo.openclaw_wire import Api
from console.demo.play import BEFORE, Player, endless, play, wait_until_ready
from console.demo.server import server_command
from console.launch import open_console
from console.widgets.turns import clock
from proxy_core import paths
from proxy_core.child import Child
from proxy_core.engine import Engine, Inputs
from proxy_core.errors import ConfigError
from proxy_core.events import Event, RecordChanged
from proxy_core.exchange import Record
from proxy_core.rules import shipped_rules
from proxy_core.settings import Loaded, load_settings
from proxy_core.state import State, save_state

_AFTER = 8
"""Requests of the headless demo after the rules went on."""

_FIGURES_SECONDS = 3.0


def on_screen(api: Api) -> int:
    """Open the console on the demo; gives the exit code.

    Raises:
        KvconsoleError: The demo's server is not installed or does not start.
    """
    with _own_home():
        loaded, inputs = _set_up()

        def started(engine: Engine) -> Callable[[], None]:
            player = Player(f"127.0.0.1:{engine.port}", api, lambda: _switch_on(engine))
            player.start()
            return player.stop

        return open_console(loaded, inputs, started)


def headless(api: Api) -> int:
    """Print the demo as a table; gives the exit code.

    Raises:
        KvconsoleError: The demo's server is not installed or does not start.
    """
    with _own_home():
        loaded, inputs = _set_up()
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        engine = Engine(loaded.settings, events.put, inputs)
        engine.start()
        try:
            return _print_table(engine, api, events)
        finally:
            engine.stop()


def _print_table(engine: Engine, api: Api, events: queue.SimpleQueue[Event]) -> int:
    click.echo(
        f"{'time':<9}{'rules':<6}{'tokens':>8}{'reused':>8}{'sim':>7}{'f_keep':>8}{'eval':>9}{'edits':>7}"
    )
    halves: tuple[list[Record], list[Record]] = ([], [])
    base = f"http://127.0.0.1:{engine.port}"
    with httpx.Client(base_url=base, timeout=60.0, trust_env=False) as client:
        if not wait_until_ready(client, Flag()):
            click.echo("The demo's server did not get ready.", err=True)
            return 1
        for number, request in enumerate(islice(endless(api), BEFORE + _AFTER)):
            if number == BEFORE:
                _switch_on(engine)
            if not play(client, request) or (record := _next_record(events)) is None:
                click.echo("The demo's server stopped answering.", err=True)
                return 1
            halves[number >= BEFORE].append(record)
            click.echo(_row(record, on=number >= BEFORE))
    click.echo(_summary(*halves))
    return 0


def _next_record(events: queue.SimpleQueue[Event]) -> Record | None:
    """The request that just ended, with its figures from the log."""
    last: Record | None = None
    try:
        while True:
            event = events.get(timeout=_FIGURES_SECONDS)
            if isinstance(event, RecordChanged) and event.record.prompts and not event.record.open:
                last = event.record
                if last.turn is not None:
                    return last
    except queue.Empty:
        return last


def _row(record: Record, *, on: bool) -> str:
    edits = len(record.exchange.edits) if record.exchange else 0
    return (
        f"{clock(record):<9}{'on' if on else 'off':<6}{figures.count(record.prompt_tokens):>8}"
        f"{figures.share(record.reused):>8}{figures.sim(record.sim):>7}{figures.sim(record.f_keep):>8}"
        f"{figures.ms(record.prompt_ms):>9}{edits:>7}"
    )


def _summary(before: list[Record], after: list[Record]) -> str:
    """Medians of the turns that had a predecessor: the very first prompt of a server is cold in any case."""
    # The first request after the switch is cold as well: the slot still holds the prompt as it was.
    pairs = (("rules off", before[1:]), ("rules on", after[1:]))
    parts = []
    for name, records in pairs:
        reused = figures.median([r.reused for r in records if r.reused is not None])
        ms = figures.median([r.prompt_ms for r in records if r.prompt_ms is not None])
        parts.append(f"{name}: {figures.share(reused)} reused, prompt eval {figures.ms(ms)}")
    return f"\nMedian per request. {'; '.join(parts)}."


def _set_up() -> tuple[Loaded, Inputs]:
    if find_spec("xllamacpp") is None:
        raise ConfigError("The demo needs llama.cpp's server: pip install 'kvconsole[demo]'", title="Demo")
    save_state(paths.state_file(), State(rules={rule.id: False for rule in shipped_rules()}))
    port = _free_port()
    loaded = load_settings({"upstream": f"http://127.0.0.1:{port}", "listen": "127.0.0.1:0"}, environ={})
    return loaded, Inputs(child=Child(server_command(port)))


@contextmanager
def _own_home() -> Iterator[None]:
    """Keep the demo's switches and sums out of the person's own."""
    names = ("KVCONSOLE_CONFIG_DIR", "KVCONSOLE_STATE_DIR")
    before = {name: os.environ.get(name) for name in names}
    with tempfile.TemporaryDirectory(prefix="kvconsole-demo-") as home:
        for name in names:
            os.environ[name] = str(Path(home) / name.lower())
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _switch_on(engine: Engine) -> None:
    for rule in shipped_rules():
        engine.set_rule(rule.id, rule.on)
