"""Log events put together to turns: one task of the server, from slot selection to release."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import msgspec

from proxy_core.llama import events as ev

Key: TypeAlias = tuple[int | None, int]
"""A slot: port of the child server (`None` without a router) and slot id."""


class Turn(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the log tells about one task. Unknown figures are `None`; times are ms, counts are tokens."""

    slot: int
    task: int | None
    port: int | None = None
    stamp: float | None = None
    """Seconds from the server's start to the end of this turn."""
    selected_by: Literal["lcp", "lru", "id"] | None = None
    sim_best: float | None = None
    similarity: float | None = None
    """`similarity` of builds before b6723. It is not `sim_best` and must not share its axis."""
    f_keep: float | None = None
    lcp_n: int | None = None
    """Tokens that the prompt shared with what the slot held when it was selected."""
    prompt_n: int | None = None
    """Tokens evaluated, without the reused ones."""
    prompt_ms: float | None = None
    gen_n: int | None = None
    gen_ms: float | None = None
    total_ms: float | None = None
    end_n: int | None = None
    """Tokens in the slot at its release."""
    cached_n: int | None = None
    cached_source: Literal["logged", "derived"] | None = None
    """`derived` is exact, save with a draft model, where the last draft can add a few tokens."""
    n_tokens: int | None = None
    """Tokens of the whole prompt, where the log says so."""
    forced_full: bool = False
    checkpoint: Literal["restored", "invalidated"] | None = None
    checkpoint_pos: int | None = None
    """Last position of the checkpoint that was restored, or of the last one that was invalidated."""
    truncated: bool | None = None
    cancelled: bool = False
    error: str | None = None
    """Why the server gave the task up."""
    n_ctx_slot: int | None = None

    @property
    def prompt_tokens(self) -> int | None:
        """Tokens of the whole prompt: as logged, or reused plus evaluated."""
        if self.n_tokens is not None:
            return self.n_tokens
        if self.cached_n is None or self.prompt_n is None:
            return None
        return self.cached_n + self.prompt_n


_SELECTION = (ev.SlotCandidate, ev.SlotSelected)
_INTERRUPTION = (ev.Cancelled, ev.TaskFailed)
_NO_TASK = (ev.HostCache, ev.AllIdle)


@dataclass(slots=True)
class _Open:
    """A task that holds its slot."""

    task: int | None
    selected: ev.SlotSelected | None = None
    lcp_n: int | None = None
    facts: ev.PromptFacts | None = None
    cached_n: int | None = None
    prompt: ev.PromptTiming | None = None
    generation: ev.EvalTiming | None = None
    total: ev.TotalTiming | None = None
    checkpoint: ev.Checkpoint | None = None
    forced_full: bool = False
    shifted: bool = False
    cancelled: bool = False
    error: str | None = None


@dataclass(slots=True)
class _Server:
    """What one server process, known by its port, has in hand."""

    open: dict[int, _Open] = field(default_factory=dict)
    chosen: dict[int, tuple[ev.SlotSelected, int | None]] = field(default_factory=dict)
    candidates: dict[int, ev.SlotCandidate] = field(default_factory=dict)
    block: int | None = None
    """Slot of the timing block whose figures come in lines without a prefix."""


class TurnAssembler:
    """Joins events to turns, per server and slot; feed it the events of one log in their order."""

    def __init__(self) -> None:
        self._servers: dict[int | None, _Server] = {}

    def feed(self, event: ev.LogEvent) -> Turn | None:
        """Take one event; the turn that it completes, if it does."""
        if isinstance(event, ev.ServerState):
            # These lines are written while no task runs, so what is still open was cut off by a restart.
            self._servers.pop(event.port, None)
            return None
        if isinstance(event, _NO_TASK):
            return None
        server = self._servers.setdefault(event.port, _Server())
        if isinstance(event, _SELECTION):
            _select(server, event)
        elif isinstance(event, ev.TaskStarted):
            _start(server, event)
        elif isinstance(event, _INTERRUPTION):
            _interrupt(server, event)
        elif isinstance(event, ev.Released):
            return _release(server, event)
        else:
            _note(server, event)
        return None


def _select(server: _Server, event: ev.SlotCandidate | ev.SlotSelected) -> None:
    if event.slot is None:
        return
    if isinstance(event, ev.SlotCandidate):
        server.candidates[event.slot] = event
        return
    # The line carries no id of the task to come: what joins them is the slot and the order.
    candidate = server.candidates.get(event.slot)
    lcp_n = event.lcp_n if candidate is None else candidate.lcp_n
    server.candidates.clear()
    server.chosen[event.slot] = (event, lcp_n)


def _start(server: _Server, event: ev.TaskStarted) -> None:
    if event.slot is None:
        return
    selected, lcp_n = server.chosen.pop(event.slot, (None, None))
    server.open[event.slot] = _Open(event.task, selected, lcp_n)


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
    if turn is None or not _same_task(turn, event):
        return None
    del server.open[event.slot]
    return _finished(turn, event)


def _note(server: _Server, event: ev.LogEvent) -> None:
    """Write an event into the open turn that it belongs to."""
    if isinstance(event, ev.TimingHeader):
        server.block = event.slot
    turn = _owner(server, event)
    if turn is None:
        return
    match event:
        case ev.PromptFacts():
            turn.facts = event
        case ev.CachedPrefix() if turn.cached_n is None:
            turn.cached_n = event.n_past
        case ev.PartialCache() if turn.lcp_n is None:
            turn.lcp_n = event.lcp_n
        case ev.PromptTiming():
            turn.prompt = event
        case ev.EvalTiming():
            turn.generation = event
        case ev.TotalTiming():
            turn.total = event
            server.block = None
        case ev.ForcedFull():
            turn.forced_full = True
            turn.cached_n = 0
        case ev.Checkpoint(what="restored"):
            turn.checkpoint = event
        case ev.Checkpoint(what="invalidated") if (
            turn.checkpoint is None or turn.checkpoint.what != "restored"
        ):
            turn.checkpoint = event
        case ev.ContextShift():
            turn.shifted = True
        case _:
            pass


def _owner(server: _Server, event: ev.LogEvent) -> _Open | None:
    """The open turn that an event is about; a log that is read from its middle opens turns here."""
    if event.slot is not None:
        turn = server.open.get(event.slot)
        if turn is not None and _same_task(turn, event):
            return turn
        if event.task is None or event.task < 0:
            return None
        server.open[event.slot] = _Open(event.task)
        return server.open[event.slot]
    if server.block is not None:
        return server.open.get(server.block)
    return next(iter(server.open.values())) if len(server.open) == 1 else None


def _same_task(turn: _Open, event: ev.LogEvent) -> bool:
    """Builds of 2023 name the task only where it starts."""
    return event.task is None or turn.task is None or turn.task == event.task


def _finished(turn: _Open, event: ev.Released) -> Turn:
    selected, facts, checkpoint = turn.selected, turn.facts, turn.checkpoint
    cached_n, source = _cached(turn, event)
    return Turn(
        port=event.port,
        slot=event.slot or 0,
        task=turn.task,
        stamp=event.stamp,
        selected_by=selected.how if selected else None,
        sim_best=selected.sim_best if selected else None,
        similarity=selected.similarity if selected else None,
        f_keep=selected.f_keep if selected else None,
        lcp_n=turn.lcp_n,
        prompt_n=turn.prompt.tokens if turn.prompt else None,
        prompt_ms=turn.prompt.ms if turn.prompt else None,
        gen_n=turn.generation.tokens if turn.generation else None,
        gen_ms=turn.generation.ms if turn.generation else None,
        total_ms=turn.total.ms if turn.total else None,
        end_n=event.n_tokens,
        cached_n=cached_n,
        cached_source=source,
        n_tokens=facts.n_tokens if facts else None,
        forced_full=turn.forced_full,
        checkpoint=_used(checkpoint),
        checkpoint_pos=checkpoint.pos if checkpoint else None,
        truncated=event.truncated,
        cancelled=turn.cancelled,
        error=turn.error,
        n_ctx_slot=facts.n_ctx_slot if facts else None,
    )


def _used(checkpoint: ev.Checkpoint | None) -> Literal["restored", "invalidated"] | None:
    if checkpoint is None:
        return None
    return "restored" if checkpoint.what == "restored" else "invalidated"


def _cached(turn: _Open, event: ev.Released) -> tuple[int | None, Literal["logged", "derived"] | None]:
    """Reused tokens: as logged, or from the balance of the slot.

    At its release a slot holds what was reused, evaluated and generated, but for the last generated token,
    which was never fed back (measured on b11549). A context shift drops tokens: no balance then.
    """
    if turn.cached_n is not None:
        return turn.cached_n, "logged"
    if turn.prompt is None or turn.generation is None or event.n_tokens is None or turn.shifted:
        return None, None
    reused = event.n_tokens - turn.prompt.tokens - turn.generation.tokens + 1
    return (reused, "derived") if reused >= 0 else (None, None)
