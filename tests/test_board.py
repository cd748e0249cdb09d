"""Slots and lanes as they stand."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest

from proxy_core.board import Board, Boardkeeper, SlotView
from proxy_core.exchange import Exchange, Record, Status
from proxy_core.lanebook import MOST_LANES
from proxy_core.lanes import Lane
from proxy_core.llama.answer import Answer
from proxy_core.llama.turns import Turn
from proxy_core.progress import Progress
from proxy_core.verdict import Diagnosis, Verdict

CHAT = Exchange("POST", "/v1/chat/completions", api="chat", label="chat", prompts=True)


class State(NamedTuple):
    id: int
    busy: bool = False
    task: int | None = None
    n_prompt: int | None = None


def lane(name: str, requests: int = 1, seen: float = 1.0) -> Lane:
    found = Lane(name, "openclaw", "agent:main", b"", (), seen=seen, requests=requests)
    found.label = f"ask {name}"
    return found


def ended(key: int, name: str | None, slot: int | None = 0, cached: int = 0, epoch: int = 0) -> Record:
    """A request of 1,000 prompt tokens that has ended; its task is numbered like it."""
    exchange = replace(
        CHAT,
        lane=name,
        status="done",
        answer=Answer(prompt_tokens=1000, cached_n=cached, prompt_n=1000 - cached),
    )
    turn = None if slot is None else Turn(slot=slot, task=key, epoch=epoch, end_n=1010)
    diagnosis = Diagnosis(Verdict("healthy", f"turn {key}"))
    return Record(key, 0.0, exchange, turn, diagnosis=diagnosis)


def under_way(key: int, name: str, progress: Progress | None = None, status: Status = "waiting") -> Record:
    return Record(key, 0.0, replace(CHAT, lane=name, status=status), progress=progress)


def keeper(*records: Record) -> Boardkeeper:
    found = Boardkeeper()
    for record in records:
        found.take(record)
    return found


def holders(board: Board) -> dict[int, str | None]:
    return {slot.id: slot.lane for slot in board.slots}


def test_it_begins_empty() -> None:
    assert Boardkeeper().board([]) == Board()


def test_a_lane_is_told_before_anything_was_measured() -> None:
    [view] = Boardkeeper().board([lane("a")]).lanes
    assert (view.id, view.client, view.label, view.session) == ("a", "openclaw", "ask a", "agent:main")
    assert (view.slot, view.holds, view.tokens, view.reused, view.verdict) == (None, False, None, None, None)


def test_a_lane_holds_the_slot_until_another_takes_it() -> None:
    kept = keeper(ended(1, "a"), ended(2, "b", slot=1))
    first, second = kept.board([lane("a"), lane("b")]).lanes
    assert (first.slot, first.holds, second.slot, second.holds) == (0, True, 1, True)
    kept.take(ended(3, "b"))
    first, second = kept.board([lane("a"), lane("b")]).lanes
    assert (first.slot, first.holds, second.slot, second.holds) == (0, False, 0, True)
    assert holders(kept.board([])) == {0: "b", 1: "b"}


def test_a_share_counts_from_the_second_request_on_and_each_request_once() -> None:
    kept = keeper(ended(1, "a"), ended(2, "a", cached=100), ended(3, "a", cached=500))
    kept.take(ended(2, "a", cached=900))
    [view] = kept.board([lane("a")]).lanes
    assert view.reused == pytest.approx(0.7)
    [view] = keeper(ended(1, "a")).board([lane("a")]).lanes
    assert view.reused is None


def test_old_requests_of_a_lane_stay_counted_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy_core.lanebook._MOST_RECORDS", 2)
    kept = keeper(*(ended(key, "a", cached=500) for key in range(1, 8)))
    kept.take(ended(2, "a", cached=1000))
    [view] = kept.board([lane("a")]).lanes
    assert view.reused == pytest.approx(0.5)


def test_verdict_and_tokens_are_those_of_the_latest_turn_that_has_some() -> None:
    kept = keeper(ended(1, "a"), ended(2, "a"), under_way(3, "a"), ended(1, "a"))
    [view] = kept.board([lane("a")]).lanes
    assert view.verdict == Verdict("healthy", "turn 2")
    assert view.tokens == 1000


def test_a_turn_of_nobody_here_holds_a_slot_without_a_lane() -> None:
    direct = replace(ended(1, None), exchange=None)
    [slot] = keeper(direct).board([]).slots
    assert slot == SlotView(0, None, None, 1010, False, None, None)


def test_the_server_tells_slots_that_no_turn_ran_in() -> None:
    board = keeper(ended(1, "a")).board([lane("a")], [State(0, task=1, n_prompt=1012), State(1)])
    assert [(slot.id, slot.lane, slot.tokens) for slot in board.slots] == [(0, "a", 1012), (1, None, None)]


@pytest.mark.parametrize("state", [State(0, n_prompt=0), State(0, task=7, n_prompt=40)])
def test_a_slot_that_the_server_emptied_or_gave_away_is_nobodys(state: State) -> None:
    board = keeper(ended(1, "a")).board([lane("a")], [state])
    assert holders(board) == {0: None}
    assert not board.lanes[0].holds


def test_slots_that_the_server_has_no_more_are_left_out() -> None:
    assert holders(keeper(ended(1, "a"), ended(2, "b", slot=3)).board([], [State(0, task=1)])) == {0: "a"}


def test_the_only_request_under_way_runs_in_the_only_busy_slot() -> None:
    running = under_way(2, "b", Progress(400, 1000, 0.4, 12.0, "slots"))
    board = keeper(ended(1, "a"), running).board(
        [lane("a"), lane("b")], [State(0, busy=True, task=2), State(1)]
    )
    assert board.slots[0] == SlotView(0, None, "b", 1010, True, 0.4, 12.0)
    assert [view.holds for view in board.lanes] == [False, False]


def test_of_several_under_way_only_what_is_known_is_told() -> None:
    kept = keeper(ended(1, "a"), under_way(2, "a"), under_way(3, "b"))
    states = [State(0, busy=True, task=2), State(1, busy=True, task=3)]
    assert holders(kept.board([], states)) == {0: None, 1: None}
    assert holders(kept.board([], states, {3: 3})) == {0: None, 1: "b"}
    kept.take(ended(2, "a"))
    assert holders(kept.board([], [State(0, busy=True, task=2), State(1, busy=True, task=3)])) == {
        0: "a",
        1: "b",
    }


def test_a_slot_that_somebody_else_keeps_busy_is_nobodys() -> None:
    assert holders(keeper(ended(1, "a")).board([], [State(0, busy=True, task=9)])) == {0: None}


def test_what_the_server_said_before_the_turn_ended_counts_no_more() -> None:
    kept = keeper(ended(4, "a"))
    for stale in (State(0, busy=True, task=4, n_prompt=300), State(0, busy=False, task=3, n_prompt=300)):
        [slot] = kept.board([], [stale]).slots
        assert slot == SlotView(0, None, "a", 1010, False, None, None)


def test_a_restart_empties_the_slots() -> None:
    board = keeper(ended(1, "a", slot=0), ended(2, "b", slot=1, epoch=1)).board([lane("a"), lane("b")])
    assert holders(board) == {1: "b"}
    assert [view.holds for view in board.lanes] == [False, True]


def test_more_lanes_than_one_can_look_at_are_left_out() -> None:
    kept = keeper(*(ended(key, f"lane {key}") for key in range(1, MOST_LANES + 5)))
    board = kept.board(lane(f"lane {key}") for key in range(MOST_LANES + 4, 0, -1))
    assert len(board.lanes) == MOST_LANES
    assert board.lanes[0].tokens == 1000


def test_requests_without_a_prompt_are_no_lanes_requests() -> None:
    count = replace(ended(2, "a", slot=None, cached=900), id=2)
    assert count.exchange is not None
    counted = replace(count, exchange=replace(count.exchange, prompts=False))
    [view] = keeper(ended(1, "a"), counted).board([lane("a")]).lanes
    assert view.reused is None
