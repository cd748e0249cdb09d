"""`kvconsole demo`: a real llama.cpp server on a tiny model, and a client that talks to it."""

from __future__ import annotations

import os
import queue
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from threading import Event as Flag

import click
import httpx

from console import figures
from console.demo.openclaw_wire import Api
from console.demo.play import TURNS_BEFORE, Move, Player, endless, play, wait_until_ready
from console.demo.server import server_command
from console.launch import open_console
from console.widgets.turn_columns import clock
from proxy_core.child import Child
from proxy_core.engine import Engine, Inputs
from proxy_core.errors import ConfigError
from proxy_core.events import Event, RecordChanged
from proxy_core.exchange import Record
from proxy_core.rules.rule import Level
from proxy_core.settings import Loaded, load_settings

TURNS = TURNS_BEFORE + 6
"""Logical turns of the headless demo."""

_FIGURES_SECONDS = 3.0
_COLUMNS = "{:<10}{:>4}  {:<6}{:>8}{:>8}{:>7}{:>8}{:>9}{:>7}"


def on_screen(api: Api, level: Level) -> int:
    """Open the console on the demo; gives the exit code.

    Raises:
        KvconsoleError: The demo's server is not installed or does not start.
    """
    with own_home():
        loaded, inputs = set_up(level)

        def started(engine: Engine) -> Callable[[], None]:
            player = Player(f"127.0.0.1:{engine.port}", api, lambda: switch_on(engine))
            player.start()
            return player.stop

        return open_console(loaded, inputs, started)


def headless(api: Api, level: Level) -> int:
    """Print the demo as a table; gives the exit code.

    Raises:
        KvconsoleError: The demo's server is not installed or does not start.
    """
    with own_home():
        loaded, inputs = set_up(level)
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        engine = Engine(loaded.settings, events.put, inputs)
        engine.start()
        try:
            return _print_table(engine, api, events)
        finally:
            engine.stop()


def _print_table(engine: Engine, api: Api, events: queue.SimpleQueue[Event]) -> int:
    click.echo(_COLUMNS.format("time", "turn", "rules", "tokens", "reused", "sim", "f_keep", "eval", "edits"))
    played: list[tuple[Move, Record]] = []
    base = f"http://127.0.0.1:{engine.port}"
    with httpx.Client(base_url=base, timeout=60.0, trust_env=False) as client:
        if not wait_until_ready(client, Flag()):
            click.echo("The demo's server did not get ready.", err=True)
            return 1
        for move in takewhile(lambda move: move.turn <= TURNS, endless(api)):
            if move.rules_on and not played[-1][0].rules_on:
                switch_on(engine)
            before = played[-1][1].id if played else 0
            if not play(client, move.request) or (record := _next_record(events, before)) is None:
                click.echo("The demo's server stopped answering.", err=True)
                return 1
            played.append((move, record))
            click.echo(_row(move, record))
    click.echo(_summary(played))
    return 0


def _next_record(events: queue.SimpleQueue[Event], before: int) -> Record | None:
    """The request that ended after the record `before`, with its figures from the log if they come."""
    last: Record | None = None
    try:
        while True:
            event = events.get(timeout=_FIGURES_SECONDS)
            if isinstance(event, RecordChanged) and _has_ended(event.record) and event.record.id > before:
                last = event.record
                if last.turn is not None:
                    return last
    except queue.Empty:
        return last


def _has_ended(record: Record) -> bool:
    return record.exchange is not None and record.prompts and not record.open


def _row(move: Move, record: Record) -> str:
    return _COLUMNS.format(
        clock(record),
        move.turn if move.begins_turn else "",
        "on" if move.rules_on else "off",
        figures.count(record.prompt_tokens),
        figures.share(record.reused),
        figures.sim(record.sim),
        figures.sim(record.f_keep),
        figures.ms(record.prompt_ms),
        len(record.exchange.edits) if record.exchange else 0,
    )


def _summary(played: list[tuple[Move, Record]]) -> str:
    """Medians over the first requests of turns, without the two that are cold in any case."""
    firsts = [(move, record) for move, record in played if move.begins_turn]
    # The server's first prompt is cold, and so is the first one after the switch: the slot still holds the
    # prompt as it was without the rules.
    off = [record for move, record in firsts if not move.rules_on][1:]
    on = [record for move, record in firsts if move.rules_on][1:]
    return "\n".join(
        [
            "",
            "Rows without a number go on with a turn: they add a tool's result, and hit in any case.",
            f"Median over the first requests of turns 2 to {TURNS_BEFORE} (rules off), "
            f"and of turns {TURNS_BEFORE + 2} to {TURNS} (rules on);",
            f"turn 1 is cold, and so is turn {TURNS_BEFORE + 1}, whose prompt the rules have just changed:",
            "",
            f"  rules off  {_medians(off)}",
            f"  rules on   {_medians(on)}",
        ]
    )


def _medians(records: list[Record]) -> str:
    reused = figures.median(record.reused for record in records)
    ms = figures.median(record.prompt_ms for record in records)
    return f"{figures.share(reused):>5} reused, prompt eval {figures.ms(ms)}"


def set_up(level: Level = "safe") -> tuple[Loaded, Inputs]:
    """Settings and input of the demo's engine, which begins with the rules bypassed.

    Raises:
        ConfigError: The demo's server is not installed.
    """
    if find_spec("xllamacpp") is None:
        raise ConfigError("The demo needs llama.cpp's server: pip install 'kvconsole[demo]'", title="Demo")
    port = _free_port()
    flags = {"upstream": f"http://127.0.0.1:{port}", "listen": "127.0.0.1:0", "level": level, "rules": False}
    loaded = load_settings(flags, environ={})
    return loaded, Inputs(child=Child(server_command(port)))


@contextmanager
def own_home() -> Iterator[None]:
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


def switch_on(engine: Engine) -> None:
    """Let the rules work."""
    engine.set_bypass(False)
