"""What is made of everything that the engine hears: explanations, the ledger, the board, and progress."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec

from proxy_core.board import Board, Boardkeeper
from proxy_core.continuity import Continuity
from proxy_core.counting.template import tools_at
from proxy_core.counting.tokens import TokenCounter
from proxy_core.diagnosis.facts import Facts, Taker
from proxy_core.diagnosis.outline import ToolsAt
from proxy_core.diagnosis.whatif import Wanted
from proxy_core.events import BoardChanged, Event, LedgerChanged
from proxy_core.exchange import Bodies, Record
from proxy_core.explainer import Explainer, Surroundings
from proxy_core.history import History
from proxy_core.lanes import Lanes
from proxy_core.ledger import Bookkeeper, Ledger
from proxy_core.llama.builds import build_number, shows_forced
from proxy_core.llama.facts import Upstream
from proxy_core.llama.feed import Batch
from proxy_core.llama.logfacts import LogCollector
from proxy_core.llama.slots import SlotState
from proxy_core.predecessor import Lookup, beside, between
from proxy_core.prefill import Prefills, watch_slots
from proxy_core.rulebook import Rulebook
from proxy_core.rules.recall import Room
from proxy_core.speed import Speed
from proxy_core.tasks import spawn
from proxy_core.upstream import UpstreamClient

_log = logging.getLogger("kvconsole")

_LIVE_SECONDS = 3600.0
"""How long after its last request a conversation still wants a slot of its own."""

_UNKNOWN_ORDER: ToolsAt = "after system"
"""Where most templates write the tools."""


_P = ParamSpec("_P")


def _guarded(take: Callable[_P, None]) -> Callable[_P, None]:
    """What is made of the news must not cost those who bring it: a request, the log, the clock."""

    @wraps(take)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            take(*args, **kwargs)
        except Exception:
            _log.exception("%s could not be followed", take.__name__)

    return guarded


@dataclass(frozen=True)
class Sources:
    """The parts of the engine that are asked."""

    history: History
    lanes: Lanes
    rules: Rulebook
    client: UpstreamClient
    bodies: Callable[[int], Bodies | None]
    """A record's request bodies, from memory or from the disk; it may take a while."""
    has_log: bool


class Insight:
    """Takes what happens, in its order, on the engine's loop; tells what follows from it."""

    def __init__(self, sources: Sources, tell: Callable[[Event], None]) -> None:
        self._sources = sources
        self._tell = tell
        self._upstream = Upstream(str(sources.client.base))
        self._log = LogCollector()
        self._books = Bookkeeper()
        self._boards = Boardkeeper()
        self._board = Board()
        self._told = Ledger()
        self._speed = Speed()
        self._prefills = Prefills(self._body_size)
        self._states: tuple[SlotState, ...] = ()
        self._continuity = Continuity()
        self._counter = TokenCounter(sources.client)
        self._tools_at: ToolsAt | None = None
        self._asked_about: str | None = None
        """The model whose template was asked for last."""
        around = Surroundings(
            wanted=self._wanted,
            facts=self._facts,
            taker=self._taker,
            tools_at=lambda: self._tools_at or _UNKNOWN_ORDER,
            bodies=sources.bodies,
            predecessor=Lookup(sources.history, self._is_router, sources.lanes.source_of).find,
        )
        self._explainer = Explainer(sources.history, around, self._continuity, self._counter)

    @property
    def ledger(self) -> Ledger:
        """What was saved and lost so far."""
        return self._books.ledger

    @property
    def board(self) -> Board:
        """Slots and lanes as they were told last."""
        return self._board

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """What is to run beside everything else, for ever."""
        return [
            self._explainer.work(),
            self._explainer.work_when_idle(),
            watch_slots(self._sources.client, self._prefills.busy, self._slots_seen),
        ]

    @_guarded
    def record(self, record: Record) -> None:
        """A record is new or has other figures."""
        self._speed.take(record)
        self._boards.take(record)
        self._books.take(record)
        self._prefills.record(record)
        model = record.exchange.model if record.exchange else None
        if self._tools_at is None and self._is_router() and model not in (None, self._asked_about):
            # A router tells only of a model that it has loaded.
            self._learn_template(model)
        self._explainer.changed(record)

    @_guarded
    def upstream(self, upstream: Upstream) -> None:
        """The upstream answered, or did not."""
        before, self._upstream = self._upstream, upstream
        self._continuity.upstream(upstream)
        if upstream.state != "up":
            return
        self._counter.build = build_number(upstream.build_info)
        if (before.template, before.model) != (upstream.template, upstream.model):
            self._counter.forget()
            self._tools_at = None
        if self._tools_at is None:
            self._learn_template(None)

    @_guarded
    def log_read(self, batch: Batch) -> None:
        """Lines of the log came in, before their turns are told to the history."""
        for event in batch.events:
            self._log.feed(event)
            if batch.live:
                self._prefills.event(event)
        self._show_progress()

    def look_closer(self, record_id: int) -> None:
        """Count exactly what a turn shares with the one before it."""
        spawn(self._explainer.look_closer(record_id), f"look closer at {record_id}")

    @_guarded
    def tick(self) -> None:
        """Tell how things stand, where they stand otherwise than they did."""
        self._show_progress()
        board = self._boards.board(self._sources.lanes.live(0.0), self._states, self._prefills.tasks)
        if board != self._board:
            self._board = board
            self._tell(BoardChanged(board))
        ledger = self._books.ledger
        if ledger != self._told:
            self._told = ledger
            self._tell(LedgerChanged(ledger))

    @_guarded
    def _slots_seen(self, states: tuple[SlotState, ...]) -> None:
        self._states = states
        self._prefills.slots(states)
        self._show_progress()

    def _show_progress(self) -> None:
        self._sources.history.progressed(self._prefills.progress())

    def _body_size(self, record_id: int) -> int | None:
        bodies = self._sources.history.bodies(record_id)
        return len(bodies.normalized) if bodies else None

    def _learn_template(self, model: str | None) -> None:
        self._asked_about = model
        spawn(self._ask_template(model), "learn template")

    async def _ask_template(self, model: str | None) -> None:
        self._tools_at = await tools_at(self._sources.client, model) or self._tools_at

    def _is_router(self) -> bool:
        return self._upstream.model == "router"

    def _wanted(self, record: Record) -> Wanted:
        rules, context = self._sources.rules, self._upstream.ctx
        bodies, tokens = self._sources.history.bodies(record.id), record.prompt_tokens
        if context is None or not tokens or bodies is None or not bodies.normalized:
            return Wanted(rules.current, rules.bypass)
        return Wanted(rules.current, rules.bypass, Room(context, tokens / len(bodies.normalized)))

    def _facts(self, record: Record) -> Facts:
        logged = self._log.of(record.turn.port) if record.turn else self._log.facts
        build = build_number(self._upstream.build_info) or logged.build or logged.at_least
        live = self._sources.lanes.live(time.time() - _LIVE_SECONDS)
        return Facts(
            record,
            holder=self._boards.slots.holder_before(record),
            ms_per_token=self._speed.per_token(record.exchange.model if record.exchange else None),
            preserves=self._upstream.supports_reasoning_preserve,
            slots=self._upstream.slots,
            lanes=sum(lane.requests > 1 for lane in live),
            cache_ram=logged.cache_mib,
            checkpoints=logged.checkpoints,
            hidden=shows_forced(build, logged.verbosity) is False,
            log=self._sources.has_log,
        )

    def _taker(self, record: Record, before: Record) -> Taker | None:
        history = self._sources.history
        siblings = beside(history.prompts(), before, record)
        taken = self._boards.slots.taken_since(record, before, siblings)
        other = None if taken is None else history.get(taken)
        if other is None and before.turn is None and self._upstream.slots == 1:
            # Nobody's log is needed to know in which slot they ran.
            other = between(history.prompts(), before, record)
        if other is None:
            return None
        lane = other.exchange.lane if other.exchange else None
        return Taker(other, self._sources.lanes.label_of(lane) if lane else "")
