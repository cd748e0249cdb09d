"""Who holds which slot, and how each conversation stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from proxy_core.exchange import Record
from proxy_core.lanebook import MOST_LANES, LaneBook
from proxy_core.lanes import Lane
from proxy_core.slotbook import Held, Place, SlotBook
from proxy_core.verdict import Verdict


@dataclass(frozen=True, slots=True)
class LaneView:
    """A conversation as it stands now; None is unknown."""

    id: str
    client: str | None
    label: str
    """How its first user message begins, so that a person knows it again; may be empty."""
    session: str | None
    slot: int | None
    """The slot that its latest request ran in, as far as the log told."""
    holds: bool
    """Whether that slot still has its prompt."""
    requests: int
    seen: float
    """When it was used last, in seconds since the epoch."""
    tokens: int | None
    """Prompt tokens of its latest request."""
    reused: float | None
    """Reused share over its requests from the second on, 0 to 1."""
    verdict: Verdict | None
    """Of its latest turn."""


@dataclass(frozen=True, slots=True)
class SlotView:
    """A slot of llama-server; None is unknown."""

    id: int
    port: int | None
    """Of the child server, behind a router."""
    lane: str | None
    """The lane whose prompt it has; None where that came from elsewhere, or from nobody."""
    tokens: int | None
    """Tokens in it."""
    busy: bool
    share: float | None
    """While a prompt is evaluated: how much of it is done, 0 to 1."""
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class Board:
    """Lanes, the latest used first, and slots by id."""

    lanes: tuple[LaneView, ...] = ()
    slots: tuple[SlotView, ...] = ()


class SlotFacts(Protocol):
    """What the server itself says of a slot (`GET /slots`)."""

    @property
    def id(self) -> int:
        """The slot."""

    @property
    def busy(self) -> bool:
        """Whether a task runs in it."""

    @property
    def task(self) -> int | None:
        """The task that runs in it, or ran in it last."""

    @property
    def n_prompt(self) -> int | None:
        """Tokens in it; only newer builds tell."""


class Boardkeeper:
    """Keeps who holds which slot, and how each lane stands, from the records as they change."""

    def __init__(self) -> None:
        self.slots = SlotBook()
        self._lanes = LaneBook()
        self._open: dict[int, Record] = {}
        """Requests under way, in the order of their arrival."""

    def take(self, record: Record) -> None:
        """A record is new or has other figures; one that is taken again replaces itself."""
        self.slots.take(record)
        self._lanes.take(record)
        if record.open and record.prompts:
            self._open[record.id] = record
        else:
            self._open.pop(record.id, None)

    def board(
        self, lanes: Iterable[Lane], states: Sequence[SlotFacts] = (), tasks: Mapping[int, int] | None = None
    ) -> Board:
        """How everything stands now.

        Args:
            lanes: Conversations, the latest used first.
            states: The slots as the server tells them; empty when it does not.
            tasks: Of requests under way whose task is known, the record id by the task.
        """
        slots = self._slot_views(states, tasks or {})
        holding = {(slot.port, slot.id): slot.lane for slot in slots}
        views = (self._lane_view(lane, holding) for lane in islice(lanes, MOST_LANES))
        return Board(tuple(views), slots)

    def _slot_views(self, states: Sequence[SlotFacts], tasks: Mapping[int, int]) -> tuple[SlotView, ...]:
        latest = self.slots.latest()
        known = {(None, state.id) for state in states}
        if known:
            # A server that runs with fewer slots than before has none of the others.
            latest = {place: held for place, held in latest.items() if place in known or place[0] is not None}
        fresh = [state for state in states if not _over(state, latest.get((None, state.id)))]
        told: dict[Place, SlotFacts] = {(None, state.id): state for state in fresh}
        places = sorted({*latest, *known}, key=lambda place: (place[0] or 0, place[1]))
        running = self._running(fresh, tasks)
        return tuple(_slot_view(place, latest.get(place), told.get(place), running) for place in places)

    def _running(self, states: Sequence[SlotFacts], tasks: Mapping[int, int]) -> dict[int, Record]:
        """By slot, the request that runs there, where that is certain."""
        busy = [state for state in states if state.busy]
        named = ((state.id, tasks.get(-1 if state.task is None else state.task)) for state in busy)
        found = {slot: self._open[key] for slot, key in named if key in self._open}
        if not found and len(busy) == len(self._open) == 1:
            return {busy[0].id: next(iter(self._open.values()))}
        return found

    def _lane_view(self, lane: Lane, holding: Mapping[Place, str | None]) -> LaneView:
        standing = self._lanes.get(lane.id)
        place = None if standing.turned is None else self.slots.place_of(standing.turned)
        return LaneView(
            id=lane.id,
            client=lane.client,
            label=lane.label,
            session=lane.session,
            slot=place[1] if place else None,
            holds=place is not None and holding.get(place) == lane.id,
            requests=lane.requests,
            seen=lane.seen,
            tokens=standing.tokens,
            reused=standing.reused,
            verdict=standing.verdict,
        )


def _over(state: SlotFacts, held: Held | None) -> bool:
    """Whether the log is ahead of what the server said of a slot: it is not asked while nothing runs."""
    if held is None or held.task is None or state.task is None:
        return False
    return state.task < held.task or (state.busy and state.task == held.task)


def _slot_view(
    place: Place, held: Held | None, told: SlotFacts | None, running: Mapping[int, Record]
) -> SlotView:
    busy = told is not None and told.busy
    record = running.get(place[1]) if busy else None
    progress = record.progress if record else None
    tokens = held.tokens if held else None
    if told is not None and told.n_prompt is not None:
        tokens = told.n_prompt
    return SlotView(
        id=place[1],
        port=place[0],
        lane=_lane(held, told, record),
        tokens=tokens,
        busy=busy,
        share=progress.share if progress else None,
        seconds_left=progress.seconds_left if progress else None,
    )


def _lane(held: Held | None, told: SlotFacts | None, running: Record | None) -> str | None:
    """Whose prompt a slot has."""
    if running is not None:
        return running.exchange.lane if running.exchange else None
    if held is None:
        return None
    if told is None:
        return held.lane
    # Since the turn that the log showed last, somebody else ran there, or the slot was emptied.
    other = None not in (told.task, held.task) and told.task != held.task
    return None if told.busy or told.n_prompt == 0 or other else held.lane
