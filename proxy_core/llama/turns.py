"""Log events put together to turns: one task of the server, from slot selection to release."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from proxy_core.llama import events as ev
from proxy_core.llama.held import Held
from proxy_core.llama.open_task import OpenTask
from proxy_core.llama.turn import Turn

__all__ = ["Turn", "TurnAssembler"]

_LIFE = frozenset(
    {"starting", "loading", "slots", "slot", "loaded", "listening", "sleeping", "waking", "stopping"}
)
"""Steps in a server's life at which no slot has anything in it, or loses it."""

_CLOCK_SLACK = 1.0
"""Seconds that a stamp may lie before the last one; more means that the server's clock began anew."""

_TIMING = (ev.TimingHeader, ev.PromptTiming, ev.EvalTiming, ev.TotalTiming)


@dataclass(slots=True)
class _Server:
    """One run of one server process, known by its port."""

    epoch: int
    held: Held
    open: dict[int, OpenTask] = field(default_factory=dict)
    block: int | None = None
    """Slot of the timing block whose figures come in lines without a prefix."""
    leaving: tuple[OpenTask, ev.Released] | None = None
    """A released task whose timing block may still follow, as it does in builds of 2024 and 2025."""
    stamp: float = 0.0
    started: bool = False
    """Whether a task was seen."""


class TurnAssembler:
    """Joins events to turns, per server and slot; feed it the events of one log in their order."""

    def __init__(self) -> None:
        self._servers: dict[int | None, _Server] = {}
        self._begun: set[int | None] = set()
        self._epochs = 0

    def feed(self, event: ev.LogEvent) -> tuple[Turn, ...]:
        """Take one event; the turns that are complete by it: one at most, but for odd logs."""
        server = self._servers.get(event.port)
        if server is None:
            return self._first(event)
        late: Turn | None = None
        if server.leaving is not None:
            if isinstance(event, _TIMING) and _is_late(server.leaving, event, server.block):
                return _turns(_late_timing(server, server.leaving, event), None)
            late = server.leaving[0].finished(server.epoch, server.leaving[1])
            server.leaving = None
        handler = _HANDLERS.get(type(event), _note)
        if handler is None:
            if isinstance(event, ev.ServerState) and event.what in _LIFE:
                # These lines are written while no task runs, so what is still open was cut off.
                self._end(event.port)
            return _turns(late, None)
        if self._began_anew(server, event):
            self._end(event.port)
            server = self._begin(event.port)
        if event.stamp is not None:
            server.stamp = event.stamp
        return _turns(late, handler(server, event))

    def _first(self, event: ev.LogEvent) -> tuple[Turn, ...]:
        """Take an event of a server that is not known yet; what it says of its start begins no run."""
        if isinstance(event, ev.ServerState) and event.what in _LIFE:
            self._begun.add(event.port)
        handler = _HANDLERS.get(type(event), _note)
        if handler is None or (isinstance(event, ev.HostCache) and event.what == "limit"):
            return ()
        server = self._begin(event.port)
        server.stamp = event.stamp or 0.0
        return _turns(None, handler(server, event))

    def _begin(self, port: int | None) -> _Server:
        server = _Server(self._epochs, Held(empty=port in self._begun))
        self._epochs += 1
        self._servers[port] = server
        return server

    def _end(self, port: int | None) -> None:
        self._servers.pop(port, None)
        self._begun.add(port)

    def _began_anew(self, server: _Server, event: ev.LogEvent) -> bool:
        """Whether another process writes now, though the lines of its start are missing."""
        if event.stamp is not None and event.stamp < server.stamp - _CLOCK_SLACK:
            return True
        # Ids are given once in a process, from 0 on.
        return event.task == 0 and server.started and type(event) is ev.TaskStarted


def _compared(server: _Server, event: ev.SlotCandidate) -> None:
    server.held.compared(event)


def _selected(server: _Server, event: ev.SlotSelected) -> None:
    server.held.selected(event)


def _cached(server: _Server, event: ev.HostCache) -> None:
    server.held.cached(event, busy=event.slot in server.open)


def _start(server: _Server, event: ev.TaskStarted) -> None:
    server.started = True
    if event.slot is not None:
        server.open[event.slot] = OpenTask(event.task, server.held.taken(event.slot))


def _interrupt(server: _Server, event: ev.Cancelled | ev.TaskFailed) -> None:
    for turn in server.open.values():
        if turn.task == event.task:
            if isinstance(event, ev.Cancelled):
                turn.cancelled = True
            else:
                turn.error = event.reason


def _release(server: _Server, event: ev.Released) -> Turn | None:
    if event.slot is None:
        return None
    turn = server.open.get(event.slot)
    if turn is None or not turn.is_meant(event):
        server.held.left(event.slot, event.task, event.n_tokens)
        return None
    del server.open[event.slot]
    server.held.left(event.slot, turn.task, event.n_tokens)
    if event.timing_follows and not (turn.prompt or turn.cancelled or turn.error):
        server.leaving = turn, event
        return None
    return turn.finished(server.epoch, event)


def _is_late(leaving: tuple[OpenTask, ev.Released], event: ev.LogEvent, block: int | None) -> bool:
    """Whether a line of a timing block is that of the task that was just released."""
    turn, released = leaving
    if event.slot is None:
        return block == released.slot
    return event.slot == released.slot and turn.is_meant(event)


def _late_timing(server: _Server, leaving: tuple[OpenTask, ev.Released], event: ev.LogEvent) -> Turn | None:
    turn, released = leaving
    if isinstance(event, ev.TimingHeader):
        server.block = event.slot
    turn.note(event)
    if not isinstance(event, ev.TotalTiming):
        return None
    server.block = server.leaving = None
    return turn.finished(server.epoch, released)


def _note(server: _Server, event: ev.LogEvent) -> None:
    """Write an event into the open turn that it belongs to."""
    if isinstance(event, ev.TimingHeader):
        server.block = event.slot
    turn = _owner(server, event)
    if turn is not None:
        turn.note(event)
    if isinstance(event, ev.TotalTiming):
        server.block = None


def _owner(server: _Server, event: ev.LogEvent) -> OpenTask | None:
    """The open turn that an event is about; a log that is read from its middle opens turns here."""
    if event.slot is not None:
        turn = server.open.get(event.slot)
        if turn is not None and turn.is_meant(event):
            return turn
        if event.task is None or event.task < 0:
            return None
        server.open[event.slot] = OpenTask(event.task)
        return server.open[event.slot]
    if server.block is not None:
        return server.open.get(server.block)
    return next(iter(server.open.values())) if len(server.open) == 1 else None


def _turns(first: Turn | None, second: Turn | None) -> tuple[Turn, ...]:
    if first is None:
        return () if second is None else (second,)
    return (first,) if second is None else (first, second)


_Handler = Callable[[_Server, Any], Turn | None]

_HANDLERS: MappingProxyType[type[ev.LogEvent], _Handler | None] = MappingProxyType(
    {
        ev.ServerState: None,
        ev.AllIdle: None,
        ev.HostCache: _cached,
        ev.SlotCandidate: _compared,
        ev.SlotSelected: _selected,
        ev.TaskStarted: _start,
        ev.Cancelled: _interrupt,
        ev.TaskFailed: _interrupt,
        ev.Released: _release,
    }
)
"""What takes an event of a kind: nothing, or a function; `_note` takes those that are not named."""
