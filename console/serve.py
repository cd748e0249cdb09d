"""`kvconsole serve`: the engine without a screen, one line per request on standard error."""

from __future__ import annotations

import queue
import signal
import sys
import time
from collections import Counter
from types import FrameType

from console import figures
from proxy_core.engine import Engine, Inputs
from proxy_core.events import Event, Notice, RecordChanged, UpstreamChanged
from proxy_core.exchange import Record
from proxy_core.settings import Settings

_LATE_SECONDS = 1.0
"""How long a line waits for figures that only the log has."""


def serve(settings: Settings, inputs: Inputs) -> int:
    """Run until SIGINT, SIGTERM or SIGHUP; gives the exit code.

    Raises:
        KvconsoleError: The engine cannot start.
    """
    events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
    engine = Engine(settings, events.put, inputs)

    def stop(_number: int, _frame: FrameType | None) -> None:
        events.put(None)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    engine.start()
    host = f"[{settings.listen_host}]" if ":" in settings.listen_host else settings.listen_host
    _print(f"kvconsole listens on http://{host}:{engine.port} and forwards to {settings.upstream}")
    printer = Printer(wait_for_log=bool(settings.log) or inputs.child is not None)
    try:
        while True:
            try:
                event = events.get(timeout=0.2)
            except queue.Empty:
                printer.flush()
                continue
            if event is None:
                return 0
            printer.take(event)
            printer.flush()
    finally:
        engine.stop()
        printer.flush(everything=True)


class Printer:
    """Prints a line for each request that has ended, as soon as its figures are known."""

    def __init__(self, *, wait_for_log: bool) -> None:
        self._wait_for_log = wait_for_log
        self._ended: dict[int, tuple[Record, float]] = {}
        self._printed: set[int] = set()

    def take(self, event: Event) -> None:
        """Note what an event tells."""
        match event:
            case RecordChanged(record) if (
                record.exchange and not record.open and record.id not in self._printed
            ):
                since = self._ended.get(record.id, (record, time.monotonic()))[1]
                self._ended[record.id] = (record, since)
            case Notice(level, title, message):
                _print(f"{level}: {title}: {message}")
            case UpstreamChanged(upstream):
                what = f" ({upstream.reason})" if upstream.reason else ""
                _print(f"upstream {upstream.url} is {upstream.state}{what}")
            case _:
                pass

    def flush(self, *, everything: bool = False) -> None:
        """Print what is complete, or has waited long enough."""
        now = time.monotonic()
        for key, (record, since) in list(self._ended.items()):
            complete = record.prompt_ms is not None or not record.prompts or not self._wait_for_log
            if complete or everything or now - since > _LATE_SECONDS:
                _print(line(record))
                del self._ended[key]
                self._printed.add(key)


def line(record: Record) -> str:
    """One request on one line; what is unknown is left out.

    `POST /v1/responses | items=8 | ts_removed=2 | msg_ids_removed=3 | items_modified=3 | stream=True | …`
    """
    exchange = record.exchange
    if exchange is None:
        return ""
    parts = [f"{exchange.method} {exchange.path}"]
    if exchange.messages is not None:
        hits = Counter(edit.rule for edit in exchange.edits)
        parts += [
            f"items={exchange.messages}",
            f"ts_removed={hits['openclaw.timestamp']}",
            f"msg_ids_removed={hits['openclaw.message-id']}",
            f"items_modified={len({edit.message for edit in exchange.edits})}",
            f"stream={exchange.stream}",
        ]
        parts += [f"{rule}={count}" for rule, count in sorted(hits.items())]
    if record.cached_n is not None and record.prompt_tokens is not None:
        parts.append(f"reused={record.cached_n}/{record.prompt_tokens}")
    if record.sim is not None:
        parts.append(f"sim={figures.sim(record.sim)}")
    if record.prompt_ms is not None:
        parts.append(f"prompt_ms={record.prompt_ms:.0f}")
    if exchange.total_ms is not None:
        parts.append(f"total_ms={exchange.total_ms:.0f}")
    parts.append(f"{exchange.status} {exchange.http_status or ''}".rstrip())
    if exchange.note:
        parts.append(exchange.note)
    return " | ".join(parts)


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
