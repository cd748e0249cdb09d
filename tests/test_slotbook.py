"""Who held which slot before, and who took it since."""

from __future__ import annotations

import random
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.exchange import Exchange, Record
from proxy_core.llama.turns import Turn
from proxy_core.slotbook import SlotBook

CHAT = Exchange("POST", "/v1/chat/completions", api="chat", label="chat", prompts=True, status="done")


def ran(
    key: int,
    lane: str | None = "a",
    slot: int = 0,
    *,
    task: int | None = None,
    epoch: int = 0,
    port: int | None = None,
    held: int | None = None,
) -> Record:
    """A record whose turn ran in a slot; its task is numbered like it unless told."""
    turn = Turn(
        slot=slot, task=key if task is None else task, epoch=epoch, port=port, held_task=held, end_n=9
    )
    return Record(key, 0.0, None if lane is None else replace(CHAT, lane=lane), turn)


def book(*records: Record) -> SlotBook:
    found = SlotBook()
    for record in records:
        found.take(record)
    return found


def test_the_turn_before_in_the_same_slot_held_it() -> None:
    first, other, second = ran(1), ran(2, slot=1), ran(3, "b")
    slots = book(first, other, second)
    assert slots.holder_before(second) == 1
    assert slots.holder_before(other) is None
    assert slots.holder_before(first) is None


def test_a_restart_leaves_nobody_in_a_slot() -> None:
    first, second = ran(1, task=50), ran(2, task=3, epoch=1)
    slots = book(first, second)
    assert slots.holder_before(second) is None
    assert slots.latest() == {(None, 0): slots.latest()[None, 0]}
    assert slots.latest()[None, 0].record == 2


def test_a_restart_empties_the_slots_that_were_not_used_since() -> None:
    slots = book(ran(1), ran(2, slot=1), ran(3, task=0, epoch=1))
    assert {place: held.record for place, held in slots.latest().items()} == {(None, 0): 3}


def test_a_router_has_servers_of_their_own() -> None:
    one, other = ran(1, port=5001), ran(2, "b", port=5002, epoch=1)
    slots = book(one, other)
    assert slots.holder_before(other) is None
    assert set(slots.latest()) == {(5001, 0), (5002, 0)}, "a child that starts restarts no other"


def test_what_the_log_says_of_the_slot_has_the_last_word() -> None:
    slots = book(ran(1), ran(3, held=1), ran(5, held=4))
    assert slots.holder_before(ran(3, held=1)) == 1
    assert slots.holder_before(ran(5, held=4)) is None, "a turn that was not seen ran in between"


def test_the_first_of_another_lane_took_the_slot() -> None:
    before, now = ran(1), ran(6)
    slots = book(before, ran(2), ran(3, "b"), ran(4, "c"), now)
    assert slots.taken_since(now, ran(2)) == 3
    assert slots.taken_since(now, before) == 3


def test_a_slot_that_only_its_own_lane_used_was_not_taken() -> None:
    slots = book(ran(1), ran(2), ran(3, "b", slot=1))
    assert slots.taken_since(ran(2), ran(1)) is None


def test_a_slot_can_be_taken_by_a_request_beside_of_its_own_lane() -> None:
    now = ran(2, slot=1, task=9)
    slots = book(ran(1), ran(3, task=8), now)
    assert slots.taken_since(now, ran(1)) is None
    assert slots.taken_since(now, ran(1), {3}) == 3


def test_a_client_that_talks_to_the_server_directly_can_take_a_slot() -> None:
    slots = book(ran(1), ran(2, None), ran(3))
    assert slots.taken_since(ran(3), ran(1)) == 2


def test_a_slot_is_taken_also_when_its_lane_goes_on_in_another() -> None:
    now = ran(4, slot=1)
    slots = book(ran(1), ran(2, "b"), now, ran(5, "c"))
    assert slots.taken_since(now, ran(1)) == 2
    assert book(ran(1), now, ran(5, "c")).taken_since(now, ran(1)) is None, "that was later"


def test_for_a_turn_that_nobody_logged_the_requests_before_it_count() -> None:
    assert book(ran(1), ran(2, "b")).taken_since(Record(3, 0.0, CHAT), ran(1)) == 2
    assert book(ran(1), ran(4, "b")).taken_since(Record(3, 0.0, CHAT), ran(1)) is None
    assert book(ran(2, "b")).taken_since(Record(3, 0.0, CHAT), Record(1, 0.0, CHAT)) is None


def test_a_slot_is_not_taken_across_a_restart() -> None:
    slots = book(ran(1), ran(2, "b", epoch=1, task=0), ran(3, epoch=1, task=1))
    assert slots.taken_since(ran(3, epoch=1, task=1), ran(1)) is None


def test_a_record_without_a_turn_tells_nothing() -> None:
    slots = SlotBook()
    assert not slots.take(Record(1, 0.0, CHAT))
    assert slots.take(ran(1))
    assert not slots.take(ran(1))
    assert slots.place_of(1) == (None, 0)
    assert slots.place_of(2) is None


def test_a_record_that_turns_out_to_be_of_another_turn_leaves_its_place() -> None:
    slots = book(ran(1, slot=0), ran(1, slot=1))
    assert set(slots.latest()) == {(None, 1)}


def test_slots_of_the_oldest_builds_are_ordered_by_time() -> None:
    def old(key: int, stamp: float) -> Record:
        return replace(ran(key), turn=Turn(slot=0, task=None, stamp=stamp))

    slots = book(old(9, 1.0), old(3, 2.0))
    assert slots.holder_before(old(3, 2.0)) == 9


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_MOST_PLACES", "_MOST_TURNS", "_MOST_RECORDS"):
        monkeypatch.setattr(f"proxy_core.slotbook.{name}", 4)
    slots = book(*(ran(key, slot=key % 7) for key in range(1, 60)), *(ran(key) for key in range(60, 90)))
    assert len(slots.latest()) == 4
    assert slots.holder_before(ran(89)) == 88
    slots.take(ran(61, "b"))
    assert slots.holder_before(ran(89)) == 88


_records = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 2), st.sampled_from([0, 0, 0, 1])),
    max_size=20,
)


@given(_records, st.randoms(use_true_random=False))
def test_the_order_in_which_turns_are_told_does_not_matter(
    drawn: list[tuple[str | None, int, int]], chance: random.Random
) -> None:
    epoch = 0
    turns: list[Record] = []
    for key, (lane, slot, anew) in enumerate(drawn, 1):
        epoch += anew
        turns.append(ran(key, lane, slot, epoch=epoch))
    shuffled = turns[:]
    chance.shuffle(shuffled)
    one, other = book(*turns), book(*shuffled)
    assert one.latest() == other.latest()
    for turn in turns:
        assert one.holder_before(turn) == other.holder_before(turn)
        assert one.holder_before(turn) == _plainly(turns, turn)
        assert one.taken_since(turn, turns[0]) == other.taken_since(turn, turns[0])


def _plainly(turns: list[Record], turn: Record) -> int | None:
    assert turn.turn is not None
    same = (turn.turn.slot, turn.turn.epoch)
    before = [
        other.id
        for other in turns
        if other.turn and other.id < turn.id and (other.turn.slot, other.turn.epoch) == same
    ]
    return before[-1] if before else None


def test_a_turn_that_becomes_known_better_stays_in_its_place() -> None:
    first, second = ran(1), ran(2)
    assert second.turn is not None
    slots = book(first, second)
    slots.take(replace(second, turn=msgspec.structs.replace(second.turn, end_n=77)))
    assert slots.latest()[None, 0].tokens == 77
    assert slots.holder_before(second) == 1
