"""`kvconsole serve`: the engine without a screen, one line per request on standard error."""

from __future__ import annotations

import contextlib
import queue
import signal
import sys
import time
from collections import Counter
from types import FrameType
from typing import NamedTuple

from console import figures
from console.verdicts import PREDICTED
from proxy_core.child import Child
from proxy_core.engine import Engine, Inputs
from proxy_core.events import Event, Notice, RecordChanged, RulesChanged, UpstreamChanged
from proxy_core.exchange import Record
from proxy_core.pauses import shorten
from proxy_core.rules import RuleSet
from proxy_core.rules.rule import Level
from proxy_core.settings import Settings
from proxy_core.staleness import ENOUGH
from proxy_core.visible import visible

_LATE_SECONDS = 1.0
"""How long a line waits for figures that only the log has, and for the verdict."""
_SETTLED_SECONDS = 0.25
"""How long a complete line waits for a better verdict, which follows the log's figures."""
_LOOK_SECONDS = 0.2


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
        # One that is ignored from the start stays ignored: so nohup asks for it.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    printer = Printer(wait_for_log=bool(settings.log) or inputs.child is not None)
    try:
        engine.start()
        shorten()
        host = f"[{settings.listen_host}]" if ":" in settings.listen_host else settings.listen_host
        _print(f"kvconsole listens on http://{host}:{engine.port} and forwards to {settings.upstream}")
        return _print_events(events, printer, inputs.child)
    finally:
        engine.stop()
        _print_rest(events, printer)


def _print_events(events: queue.SimpleQueue[Event | None], printer: Printer, child: Child | None) -> int:
    """Print until told to stop, or until the server that was started has ended; gives the exit code."""
    ended: float | None = None
    while ended is None or time.monotonic() - ended < _LATE_SECONDS:
        with contextlib.suppress(queue.Empty):
            event = events.get(timeout=_LOOK_SECONDS)
            if event is None:
                return 0
            printer.take(event)
        printer.flush()
        if ended is None and child is not None and child.ended() is not None:
            ended = time.monotonic()
    # Nothing can be forwarded any more, and whoever started this may want to start it again.
    return 1


def _print_rest(events: queue.SimpleQueue[Event | None], printer: Printer) -> None:
    """Print what stopping the engine brought, such as answers that were cut."""
    while not events.empty():
        event = events.get()
        if event is not None:
            printer.take(event)
    printer.flush(everything=True)


class _Ended(NamedTuple):
    """A request whose line is still to be printed; times are of the monotonic clock."""

    record: Record
    since: float
    """When its answer ended."""
    changed: float
    """When it changed last."""


class Printer:
    """Prints a line for each request that has ended, as soon as its figures are known."""

    def __init__(self, *, wait_for_log: bool) -> None:
        self._wait_for_log = wait_for_log
        self._open: set[int] = set()
        self._ended: dict[int, _Ended] = {}
        self._level: Level = "safe"
        self._stale: frozenset[str] = frozenset()

    def take(self, event: Event) -> None:
        """Note what an event tells."""
        match event:
            case RecordChanged(record) if record.exchange:
                self._record(record)
            case Notice(level, title, message):
                _print(f"{level}: {title}: {message}")
            case UpstreamChanged(upstream):
                what = f" ({upstream.reason})" if upstream.reason else ""
                _print(f"upstream {upstream.url} is {upstream.state}{what}")
            case RulesChanged(rules=rules, stale=stale):
                self._rules(rules, stale & rules.enabled)
            case _:
                pass

    def flush(self, *, everything: bool = False) -> None:
        """Print what is complete, or has waited long enough."""
        now = time.monotonic()
        for key, ended in list(self._ended.items()):
            if everything or self._is_ready(ended, now):
                _print(line(ended.record).replace("\n", " "))
                del self._ended[key]

    def _rules(self, rules: RuleSet, stale: frozenset[str]) -> None:
        """Say what nobody would notice otherwise: that rules take more, or that one has come to nothing."""
        if rules.level != self._level:
            self._level = rules.level
            _print(f"rules: level {rules.level}, {len(rules.enabled)} of {len(rules.rules)} on")
        for rule in sorted(stale - self._stale):
            what = f"found nothing in {ENOUGH} requests of its client, whose format may have changed"
            _print(f"warning: Rules: {rule} {what}")
        self._stale = stale

    def _record(self, record: Record) -> None:
        if record.open:
            self._open.add(record.id)
        elif record.id in self._open:
            self._open.remove(record.id)
            now = time.monotonic()
            self._ended[record.id] = _Ended(record, now, now)
        elif record.id in self._ended:
            self._ended[record.id] = self._ended[record.id]._replace(record=record, changed=time.monotonic())

    def _is_ready(self, ended: _Ended, now: float) -> bool:
        """Whether nothing more is to come, or has been waited for long enough."""
        record = ended.record
        if not record.prompts or record.exchange is None or record.exchange.status == "error":
            # Neither the log nor a verdict says anything about it.
            return True
        waits = record.diagnosis is None or (self._wait_for_log and record.turn is None)
        return now - (ended.since if waits else ended.changed) > (
            _LATE_SECONDS if waits else _SETTLED_SECONDS
        )


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
            # A system text that stands outside of the list is none of its items.
            f"items_modified={len({edit.message for edit in exchange.edits} - {None})}",
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
    parts += _why(record)
    parts.append(f"{exchange.status} {exchange.http_status or ''}".rstrip())
    if exchange.note:
        parts.append(exchange.note)
    return " | ".join(parts)


def _why(record: Record) -> list[str]:
    """`verdict=system changed: Inbound Context | lost=15120 | saved=3210`, the figures in tokens.

    `~` stands before a verdict that nobody's measurements bear out.
    """
    diagnosis = record.diagnosis
    if diagnosis is None:
        return []
    verdict = diagnosis.verdict
    # Which conversation took the slot is told by what a person wrote there, which is not for a service's log.
    told = verdict.cause if verdict.cause == "slot taken" else verdict.headline
    # A heading may hold what parts the fields of the line.
    headline = told.replace("|", "¦")
    parts = [f"verdict={PREDICTED if verdict.predicted else ''}{headline}"]
    if diagnosis.lost_n is not None:
        parts.append(f"lost={diagnosis.lost_n}")
    if diagnosis.saved_n is not None:
        parts.append(f"saved={diagnosis.saved_n}")
    return parts


def _print(text: str) -> None:
    # The proxy goes on when nobody reads its lines any more.
    with contextlib.suppress(OSError):
        print(visible(text), file=sys.stderr, flush=True)
