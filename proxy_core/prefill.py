"""How far the prompts under way are, told from the log's lines and from GET /slots."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from proxy_core.exchange import Record
from proxy_core.llama import events as ev
from proxy_core.llama.slots import SlotState
from proxy_core.prefill_join import Request, assign
from proxy_core.prefill_task import Place, PromptTask
from proxy_core.progress import Progress
from proxy_core.slot_watch import watch_slots

__all__ = ["Prefills", "watch_slots"]

_MISSED = 3
"""Answers of GET /slots that contradict the log before they are believed: the log is the quicker one."""
_REMEMBERED = 64
"""Ended tasks that an answer on its way may still name."""


@dataclass
class _Density:
    """Tokens per byte of a body, by lane, as measured; what a lane has not shown is taken from the others."""

    by_lane: dict[str | None, float] = field(default_factory=dict)
    last: float | None = None

    def learn(self, lane: str | None, tokens: int | None, size: int | None) -> None:
        """A request's prompt was counted."""
        if tokens and size:
            self.last = tokens / size
            self.by_lane.pop(lane, None)
            self.by_lane[lane] = self.last
            if len(self.by_lane) > _REMEMBERED:
                del self.by_lane[next(iter(self.by_lane))]

    def tokens(self, lane: str | None, size: int | None) -> int | None:
        """About how many tokens a body comes to."""
        density = self.by_lane.get(lane, self.last)
        return None if density is None or not size else round(size * density)


class Prefills:
    """Follows requests under way and the server's tasks, and says how far each request's prompt is.

    The server names no request in its log, so requests and tasks are joined by their order, their time and
    their size. Where that leaves a doubt, a request has no progress rather than another one's.
    """

    def __init__(
        self,
        size: Callable[[int], int | None] = lambda _record: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`size` tells how many bytes a record's body had when it was forwarded; `clock` gives seconds."""
        self._size = size
        self._clock = clock
        self._density = _Density()
        self._requests: dict[int, Request] = {}
        self._tasks: dict[Place, PromptTask] = {}
        self._ended: deque[Place] = deque(maxlen=_REMEMBERED)

    def busy(self) -> bool:
        """Whether anything runs that is worth asking the server about."""
        return bool(self._requests or self._tasks)

    def record(self, record: Record) -> None:
        """A record is new or has other figures."""
        exchange = record.exchange
        if exchange is None or not exchange.prompts:
            return
        if record.open:
            known = self._requests.setdefault(record.id, Request(record.id, self._clock(), exchange.lane))
            known.evaluated = known.evaluated or exchange.answer.prompt_n is not None
            return
        self._density.learn(exchange.lane, record.prompt_tokens, self._size(record.id))
        if record.id in self._requests:
            task = self._joined().get(record.id)
            if task is not None:
                # Its release is still to be read; it is nobody else's.
                task.over = True
            del self._requests[record.id]

    def event(self, event: ev.LogEvent) -> None:
        """A line of the log, which was written just now."""
        if isinstance(event, ev.ServerState):
            if event.what in ("starting", "loading", "sleeping", "stopping"):
                for place in [place for place in self._tasks if place[0] == event.port]:
                    self._end(place)
            return
        if event.slot is None:
            return
        place = (event.port, event.slot, event.task)
        if isinstance(event, ev.TaskStarted):
            if not event.is_child:
                self._begin(place).logged = True
        elif isinstance(event, ev.Released | ev.PromptTiming):
            if isinstance(event, ev.Released):
                self._end(place)
            elif (task := self._tasks.get(place)) is not None:
                task.generating = True
        elif (task := self._tasks.get(place)) is not None:
            task.line(event, self._clock())

    def slots(self, states: Sequence[SlotState]) -> None:
        """The server told its slots."""
        now = self._clock()
        for state in states:
            place: Place = (None, state.id, state.task)
            if state.busy and state.task is not None and place not in self._ended:
                self._begin(place).state(state, now)
        told = {state.id: state for state in states}
        for (port, slot, number), task in list(self._tasks.items()):
            there = told.get(slot)
            if port is not None or number is None or there is None:
                continue
            task.missed = 0 if there.busy and there.task == number else task.missed + 1
            if task.missed >= (_MISSED if task.logged else 1):
                self._end((port, slot, number))

    @property
    def tasks(self) -> dict[int, int]:
        """Record ids by the tasks that work for them, where that is certain."""
        return {task.place[2]: key for key, task in self._joined().items() if task.place[2] is not None}

    def progress(self) -> dict[int, Progress]:
        """How far the prompts are that are being evaluated, by record id."""
        now = self._clock()
        found: dict[int, Progress] = {}
        for key, task in self._joined().items():
            request = self._requests[key]
            progress = None if request.evaluated else task.progress(request.tokens, now)
            if progress is not None:
                found[key] = progress
        return found

    def _begin(self, place: Place) -> PromptTask:
        known = self._tasks.get(place)
        if known is None:
            # A slot has one task at a time.
            for other in [other for other in self._tasks if other[:2] == place[:2]]:
                self._end(other)
            known = self._tasks[place] = PromptTask(place, self._clock())
        return known

    def _end(self, place: Place) -> None:
        if place[2] is None:
            place = next((known for known in self._tasks if known[:2] == place[:2]), place)
        task = self._tasks.get(place)
        if task is None:
            return
        for key, joined in self._joined().items():
            if joined is task:
                self._requests[key].served = True
        del self._tasks[place]
        self._ended.append(place)

    def _joined(self) -> dict[int, PromptTask]:
        waiting = [request for request in self._requests.values() if not request.served]
        if not waiting or not self._tasks:
            return {}
        for request in waiting:
            if request.tokens is None:
                request.tokens = self._density.tokens(request.lane, self._size(request.record))
        return assign(waiting, _running(self._tasks.values()))


def _running(tasks: Iterable[PromptTask]) -> list[PromptTask]:
    """Tasks in the order in which the server took them in: it numbers them so."""
    running = [task for task in tasks if not task.over]
    if len({task.place[0] for task in running}) > 1 or any(task.place[2] is None for task in running):
        return running
    return sorted(running, key=lambda task: task.place[2] or 0)
