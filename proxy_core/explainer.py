"""Explains turns as they end: compares, predicts, judges, and looks closer while the server is idle.

All of it happens on the engine's loop, save the comparing itself, which a thread does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from proxy_core.continuity import Continuity, Served, template_changed
from proxy_core.counting.tokens import Shared, TokenCounter
from proxy_core.diagnosis.compare import Comparison, Sent, compare, prompt_of
from proxy_core.diagnosis.facts import Before, Facts, Taker
from proxy_core.diagnosis.judge import judge
from proxy_core.diagnosis.outline import ToolsAt
from proxy_core.diagnosis.whatif import Option, Wanted, what_if
from proxy_core.diagnosis.words import count
from proxy_core.errors import PromptError
from proxy_core.exchange import Bodies, Record
from proxy_core.history import History
from proxy_core.known import Known, flipped, other_model, with_prompts
from proxy_core.predecessor import Predecessor
from proxy_core.verdict import Predicted

_K = TypeVar("_K", bound=Hashable)
_T = TypeVar("_T")

_log = logging.getLogger("kvconsole")

_MOST_KNOWN = 500
_MOST_PENDING = 8
"""Turns that wait to be counted by the server; older ones are only looked at when somebody asks."""
_LATEST = 8
"""Turns that are judged anew when somebody else's comes to be known."""
_IDLE_SECONDS = 1.0
_LOOK_SECONDS = 0.25
_BUDGET_SECONDS = 0.5
"""For trying what rules would have bought."""


@dataclass(frozen=True)
class Surroundings:
    """What the explainer asks the engine for."""

    wanted: Callable[[Record], Wanted]
    """The rules in force, for a turn."""
    facts: Callable[[Record], Facts]
    """What is known around a turn, its prompt apart."""
    taker: Callable[[Record, Record], Taker | None]
    """The first turn of somebody else that ran, before a turn, in the slot of the one before it."""
    tools_at: Callable[[], ToolsAt]
    predecessor: Callable[[Record], Predecessor]
    bodies: Callable[[int], Bodies | None]
    """A record's request bodies where they are no longer in memory; called on a thread."""


class Explainer:
    """Gives each turn that has ended its diagnosis, and a better one as more is known."""

    def __init__(
        self, history: History, around: Surroundings, continuity: Continuity, counter: TokenCounter
    ) -> None:
        self._history = history
        self._around = around
        self._continuity = continuity
        self._counter = counter
        self._known: OrderedDict[int, Known] = OrderedDict()
        self._served: OrderedDict[int, Served] = OrderedDict()
        self._queue: asyncio.Queue[int] = asyncio.Queue()
        self._queued: set[int] = set()
        self._pending: deque[int] = deque(maxlen=_MOST_PENDING)
        self._counting = asyncio.Lock()
        self._judging: int | None = None
        """The turn whose change is the new diagnosis itself."""
        self._open: set[int] = set()
        """Turns under way."""
        self._busy_at = 0.0
        """When the latest one ended."""
        self._in_vain: OrderedDict[Hashable, None] = OrderedDict()
        """What no rule helps against, so that it is not tried in every turn."""

    def changed(self, record: Record) -> None:
        """A turn has new figures; those of one under way do not count yet."""
        if not record.prompts or record.id == self._judging:
            return
        if record.open:
            self._open.add(record.id)
            return
        if record.id in self._open:
            self._open.discard(record.id)
            self._busy_at = time.monotonic()
            self._judge_after(record.id)
        exchange = record.exchange
        if exchange is not None and exchange.status == "error":
            return
        if record.id not in self._served:
            _put(self._served, record.id, self._continuity.served())
        if exchange is None or record.id in self._known:
            self._judge(record.id)
            if exchange is None:
                # Nobody here asked for it, so it is told late: it may have taken the slot of turns since.
                self._judge_latest()
        elif record.id not in self._queued:
            self._queued.add(record.id)
            self._queue.put_nowait(record.id)

    async def work(self) -> None:
        """Compare turns as they end, for ever."""
        while True:
            key = await self._queue.get()
            self._queued.discard(key)
            try:
                await self._explain(key)
            except Exception:  # what cannot be explained is still measured
                _log.exception("turn %s could not be explained", key)
                self._judge(key)

    async def work_when_idle(self) -> None:
        """Let the server count the newest turns while it has nothing else to do, for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._pending and self._idle():
                await self.look_closer(self._pending.pop())

    async def look_closer(self, key: int) -> None:
        """Let the server's own tokenizer count what a turn shares with the one before it."""
        try:
            async with self._counting:
                await self._count(key)
        except Exception:  # the prediction from the structure stays
            _log.exception("turn %s could not be counted", key)

    def _idle(self) -> bool:
        """Whether nobody is waiting for the server."""
        # Of a turn that is no longer kept, the end is never told.
        self._open = {key for key in self._open if (record := self._history.get(key)) and record.open}
        return not self._open and time.monotonic() - self._busy_at > _IDLE_SECONDS

    async def _explain(self, key: int) -> None:
        record = self._history.get(key)
        if record is None:
            return
        known = Known(self._around.predecessor(record))
        try:
            known = replace(known, compared=await self._compared(key, known.goes_on.before))
        finally:
            # Whatever went wrong there, the figures alone tell something.
            _put(self._known, key, known)
        self._judge(key)
        if known.compared is not None:
            self._pending.append(key)
            await self._try_rules(key)

    async def _compared(self, key: int, before: int | None) -> Comparison | None:
        earlier, sent = await self._sent(before), await self._sent(key)
        if sent is None or earlier is None:
            return None
        return await asyncio.to_thread(compare, earlier, sent, self._around.tools_at())

    async def _try_rules(self, key: int) -> None:
        """See which rules that are off would have kept more, where something was lost to what was sent."""
        record, known = self._history.get(key), self._known.get(key)
        if record is None or known is None or known.compared is None or record.diagnosis is None:
            return
        if record.diagnosis.verdict.side != "client":
            return
        sent, before = await self._sent(key), await self._sent(known.goes_on.before)
        if sent is None or before is None or record.exchange is None:
            return
        parted = known.compared.normalized
        tried = (record.exchange.lane, parted.part, parted.name, record.exchange.rules)
        if tried in self._in_vain:
            return
        wanted, tools_at = self._around.wanted(record), self._around.tools_at()
        client, shared = record.exchange.client, parted.shared
        deadline = time.monotonic() + _BUDGET_SECONDS

        def attempt() -> tuple[Option, ...]:
            prompts = prompt_of(before, raw=True), prompt_of(sent, raw=True)
            return tuple(
                what_if(wanted, client, *prompts, shared, tools_at, lambda: time.monotonic() > deadline)
            )

        options = await asyncio.to_thread(attempt)
        _put(self._known, key, replace(self._known.get(key, known), options=options))
        if options:
            self._judge(key)
        else:
            _put(self._in_vain, tried, None)

    async def _count(self, key: int) -> None:
        known = self._known.get(key)
        if known is None or known.compared is None or known.counted is not None:
            return
        sent, before = await self._sent(key), await self._sent(known.goes_on.before)
        if sent is None or before is None:
            return
        counted = await self._shared(before, sent, raw=False)
        record = self._history.get(key)
        problem = self._counter.problem
        if counted is not None and record is not None and record.prompt_tokens not in (None, counted.current):
            # A server that makes another prompt of the request than kvconsole thinks is not counted for.
            problem = f"the server's own count of {count(counted.current)} is not what it evaluated."
            counted = None
        if counted is None:
            self._known_better(key, known, uncounted=problem)
            return
        same = before.bodies.raw is before.bodies.normalized and sent.bodies.raw is sent.bodies.normalized
        counted_raw = counted if same else await self._shared(before, sent, raw=True)
        self._known_better(
            key,
            known,
            counted=_counted(counted),
            counted_raw=_counted(counted_raw),
            counted_before=counted.previous,
            rendered=counted.excerpt,
            uncounted=None,
        )

    def _known_better(self, key: int, known: Known, **more: Any) -> None:
        """Judge anew with more than was known."""
        _put(self._known, key, replace(self._known.get(key, known), **more))
        self._judge(key)

    async def _shared(self, before: Sent, sent: Sent, *, raw: bool) -> Shared | None:
        try:
            prompts = prompt_of(before, raw=raw), prompt_of(sent, raw=raw)
        except PromptError:
            return None
        return await self._counter.shared(*prompts)

    def _judge_after(self, key: int) -> None:
        """Judge those anew that came while a turn was under way, and go on from it."""
        for later in list(self._known)[-_LATEST:]:
            if self._known[later].goes_on.before == key:
                self._judge(later)

    def _judge_latest(self) -> None:
        for key in list(self._known)[-_LATEST:]:
            self._judge(key)

    def _judge(self, key: int) -> None:
        """Judge by what is known now; a fault of ours leaves the turn as it was."""
        record = self._history.get(key)
        if record is None or record.open:
            return
        outer, self._judging = self._judging, key
        try:
            self._history.explained(key, judge(self._facts(record, self._known.get(key, Known()))))
        except Exception:
            _log.exception("turn %s could not be judged", key)
        finally:
            self._judging = outer

    def _facts(self, record: Record, known: Known) -> Facts:
        goes_on = known.goes_on
        facts = replace(
            self._around.facts(record),
            why_none=goes_on.why_none,
            options=known.options,
            uncounted=known.uncounted,
        )
        before = self._history.get(goes_on.before) if goes_on.before is not None else None
        if before is not None:
            facts = replace(
                facts, before=self._before(record, before, known), flips=flipped(record, before, known)
            )
        elif goes_on.before is not None:
            facts = replace(facts, why_none="The request before it is no longer kept")
        return facts

    def _before(self, record: Record, before: Record, known: Known) -> Before:
        then, now = self._served.get(before.id), self._served.get(record.id)
        found = Before(before, model=known.goes_on.other_model, taker=self._around.taker(record, before))
        if then is not None and now is not None:
            found = replace(
                found,
                model=found.model or other_model(then, now),
                renewed=self._continuity.renewed(before, then, record, now),
                template=template_changed(before, then, record, now),
            )
        return with_prompts(found, record, known)

    async def _sent(self, key: int | None) -> Sent | None:
        record = None if key is None else self._history.get(key)
        if record is None or record.exchange is None or record.exchange.api is None:
            return None
        bodies = self._history.bodies(record.id)
        if bodies is None:
            bodies = await asyncio.to_thread(self._around.bodies, record.id)
        if bodies is None:
            return None
        return Sent(record.exchange.api, Bodies(*bodies))


def _counted(shared: Shared | None) -> Predicted | None:
    return None if shared is None else Predicted(shared.tokens, shared.current, "tokens")


def _put(kept: OrderedDict[_K, _T], key: _K, value: _T) -> None:
    kept[key] = value
    while len(kept) > _MOST_KNOWN:
        kept.popitem(last=False)
