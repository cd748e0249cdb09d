"""Who held which slot of llama-server, and when: told from the turns that its log shows."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Container
from typing import NamedTuple, TypeAlias

from proxy_core.exchange import Record
from proxy_core.llama.turns import Turn

Place: TypeAlias = tuple[int | None, int]
"""A slot: port of the child server (None without a router) and slot id."""

_MOST_PLACES = 128
"""Slots that are remembered; a router's children come and go, each on another port."""

_MOST_TURNS = 256
"""Turns that are remembered of each slot."""

_MOST_RECORDS = 4096
"""Records whose place is remembered."""


class Moment(NamedTuple):
    """When a turn was, so far as two turns of one server can be ordered.

    A server numbers its tasks in the order in which requests come in. Only builds of 2023 name none; there
    the time of the end decides.
    """

    epoch: int
    task: int
    stamp: float
    record: int


class Held(NamedTuple):
    """A turn that ran in a slot."""

    when: Moment
    record: int
    lane: str | None
    """None for a request that did not come through kvconsole, or whose prompt no rule reads."""
    task: int | None
    tokens: int | None
    """Tokens that it left in the slot."""


class SlotBook:
    """Takes records as they change, in any order, and tells who held a slot before, or took it since."""

    def __init__(self) -> None:
        self._places: OrderedDict[Place, list[Held]] = OrderedDict()
        self._of_record: OrderedDict[int, tuple[Place, Held]] = OrderedDict()
        self._epochs: dict[int | None, int] = {}

    def take(self, record: Record) -> bool:
        """A record is new or has other figures; gives whether that told something about a slot."""
        turn = record.turn
        if turn is None:
            return False
        place, held = (turn.port, turn.slot), _held(record, turn)
        known = self._of_record.get(record.id)
        if known == (place, held):
            return False
        if known is not None:
            self._remove(*known)
        self._of_record[record.id] = (place, held)
        if len(self._of_record) > _MOST_RECORDS:
            self._of_record.popitem(last=False)
        turns = self._places.setdefault(place, [])
        self._places.move_to_end(place)
        turns.insert(_index(turns, held), held)
        if len(turns) > _MOST_TURNS:
            del turns[0]
        if len(self._places) > _MOST_PLACES:
            self._places.popitem(last=False)
        self._epochs[turn.port] = max(turn.epoch, self._epochs.get(turn.port, 0))
        return True

    def holder_before(self, record: Record) -> int | None:
        """Id of the record whose turn was in the slot right before this one's; None when nobody's was, as
        after a restart, or when the log did not tell."""
        known = self._of_record.get(record.id)
        if known is None:
            return None
        place, held = known
        turns = self._places.get(place, [])
        at = _index(turns, held) - 1
        if at < 0 or turns[at].when.epoch != held.when.epoch:
            return None
        expected = record.turn.held_task if record.turn else None
        before = turns[at]
        return before.record if expected in (None, before.task) else None

    def taken_since(self, record: Record, before: Record, beside: Container[int] = ()) -> int | None:
        """Id of the first record of another lane that ran in a turn's slot after that turn.

        Args:
            record: What asks; turns after its own do not count.
            before: The turn, of a record of the same lane.
            beside: Records of that lane that were answered at the same time as `record`; they count as well.

        Returns:
            None when the slot was left alone, or when the log did not tell.
        """
        known = self._of_record.get(before.id)
        if known is None:
            return None
        place, held = known
        end = self._moment(record, place)
        turns = self._places.get(place, [])
        for other in turns[_index(turns, held) + 1 :]:
            # As long as nobody knows when its own turn was, the order of requests has to do.
            later = other.record > record.id if end is None else other.when >= end
            if later or other.when.epoch != held.when.epoch:
                return None
            if other.lane is None or other.lane != held.lane or other.record in beside:
                return other.record
        return None

    def latest(self) -> dict[Place, Held]:
        """The latest turn of each slot, of servers as they run now: a restart empties all slots of one."""
        newest = ((place, turns[-1]) for place, turns in self._places.items() if turns)
        return {place: held for place, held in newest if held.when.epoch == self._epochs[place[0]]}

    def place_of(self, record: int) -> Place | None:
        """The slot that a record's turn ran in."""
        known = self._of_record.get(record)
        return known[0] if known else None

    def _moment(self, record: Record, place: Place) -> Moment | None:
        """When a record's turn was, if it can be compared with the turns of a slot."""
        known = self._of_record.get(record.id)
        return known[1].when if known is not None and known[0][0] == place[0] else None

    def _remove(self, place: Place, held: Held) -> None:
        turns = self._places.get(place, [])
        if held in turns:
            turns.remove(held)


def _held(record: Record, turn: Turn) -> Held:
    lane = record.exchange.lane if record.exchange else None
    task = -1 if turn.task is None else turn.task
    when = Moment(turn.epoch, task, turn.stamp or 0.0, record.id)
    return Held(when, record.id, lane, turn.task, turn.end_n)


def _index(turns: list[Held], held: Held) -> int:
    """Where a turn stands among those of its slot, or would stand."""
    return bisect_left(turns, held.when, key=lambda known: known.when)
