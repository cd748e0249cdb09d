from __future__ import annotations

from typing import Literal, get_args

from hypothesis import given
from hypothesis import strategies as st

from proxy_core.llama import events as ev
from proxy_core.llama.held import Held

What = Literal["evicted", "skipped", "found", "failed", "cleared"]


def chosen(slot: int) -> ev.SlotSelected:
    return ev.SlotSelected(None, slot, -1, None, how="lcp", threshold=0.1)


def cache(
    what: What, slot: int | None = None, tokens: int | None = None, mib: float | None = None
) -> ev.HostCache:
    return ev.HostCache(None, slot, None, None, what=what, tokens=tokens, mib=mib)


def test_a_slot_nobody_told_of() -> None:
    assert Held(empty=False).taken(3).held_n is None
    assert Held(empty=True).taken(3).held_n == 0


def test_what_was_left_is_held() -> None:
    held = Held(empty=True)
    held.left(0, 7, 900)
    held.selected(chosen(0))
    taken = held.taken(0)
    assert (taken.held_task, taken.held_n, taken.threshold) == (7, 900, 0.1)
    assert taken.selected is not None


def test_a_choice_counts_once() -> None:
    held = Held(empty=True)
    held.selected(chosen(0))
    assert held.taken(0).selected is not None
    assert held.taken(0).selected is None


def test_a_search_is_about_the_slot_that_was_chosen_last() -> None:
    held = Held(empty=True)
    held.selected(chosen(0))
    held.selected(chosen(1))
    held.cached(cache("found"), busy=False)
    assert (held.taken(0).found, held.taken(1).found) == (False, True)


def test_a_slot_that_works_is_not_cleared_for_the_next_one() -> None:
    held = Held(empty=True)
    held.left(0, 7, 900)
    held.cached(cache("cleared", slot=0, tokens=900), busy=True)
    assert not held.taken(0).cleared


EVENTS = st.one_of(
    st.builds(chosen, st.integers(0, 2)),
    st.builds(
        cache,
        st.sampled_from(get_args(What)),
        st.none() | st.integers(0, 2),
        st.none() | st.integers(0, 9),
        st.none() | st.just(1.5),
    ),
    st.integers(0, 2),
)


@given(st.lists(EVENTS, max_size=60))
def test_evictions_of_a_slot_add_up_to_those_of_the_server(events: list[ev.LogEvent | int]) -> None:
    held, lost = Held(empty=True), 0
    before: dict[int, int] = {}
    for number, event in enumerate(events):
        if isinstance(event, int):
            taken = held.taken(event)
            assert taken.evicted_n == lost
            assert taken.evictions == lost - before.get(event, 0)
            held.left(event, number, 10)
            before[event] = lost
        elif isinstance(event, ev.SlotSelected):
            held.selected(event)
        elif isinstance(event, ev.HostCache):
            lost += event.what == "evicted" or (event.what == "skipped" and event.mib is not None)
            held.cached(event, busy=False)
