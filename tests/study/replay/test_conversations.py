"""Which requests are played."""

from __future__ import annotations

import msgspec
import pytest

from proxy_core.captures.captured import Answered, Captured
from proxy_core.study.replay.conversations import Plan, plan
from proxy_core.study.steps import steps
from tests.study.test_steps import RULES, captured


def _plan(requests: list[Captured], lane: str | None = None, limit: int | None = None) -> Plan:
    return plan(steps(requests, RULES), lane, limit)


def test_a_conversation_keeps_both_bodies_of_its_requests_in_their_order() -> None:
    requests = captured("openclaw-c")
    made = _plan(requests)
    (one,) = made.conversations
    assert (one.lane, one.client, made.requests) == ("c1", "openclaw", len(requests))
    assert [turn.body("raw") for turn in one.turns] == [request.body for request in requests]
    normalized = [step.bodies.normalized for step in steps(requests, RULES)]
    assert [turn.body("normalized") for turn in one.turns] == normalized
    assert normalized != [request.body for request in requests]
    assert [turn.number for turn in one.turns] == list(range(1, len(requests) + 1))
    assert one.turns[1].place == "capture.jsonl:2 (entry 2)"
    assert made.edits["openclaw.message-id"] > 0


def test_a_single_request_is_no_conversation() -> None:
    made = _plan(captured("side-requests"))
    assert [one.lane for one in made.conversations] == ["c1"]
    assert [len(one.turns) for one in made.short] == [1, 1, 1]
    assert made.short[0].turns[0].number not in [turn.number for turn in made.conversations[0].turns]


def test_one_conversation_alone() -> None:
    made = _plan(captured("side-requests"), lane="c2")
    assert not made.conversations
    assert [one.lane for one in made.short] == ["c2"]
    assert made.others == ("c1", "c3", "c4")


@pytest.mark.parametrize(("limit", "played", "beyond"), [(2, 2, 5), (7, 7, 0), (99, 7, 0)])
def test_the_first_requests_of_each(limit: int, played: int, beyond: int) -> None:
    requests = captured("openclaw-c")
    made = _plan(requests, limit=limit)
    assert (made.requests, made.beyond) == (played, beyond)
    assert made.conversations[0].turns[0].number == 1


def test_what_failed_and_what_cannot_be_read_is_counted_and_left_out() -> None:
    requests = captured("openclaw-c")
    requests[1] = msgspec.structs.replace(requests[1], answer=Answered(400))
    requests[3] = msgspec.structs.replace(requests[3], body=b"{")
    requests[4] = msgspec.structs.replace(requests[4], path="/v1/completions", api=None)
    made = _plan(requests)
    assert (made.failed, made.unread) == (1, 2)
    assert made.why is not None
    assert "untouched" in made.why
    assert [turn.number for turn in made.conversations[0].turns] == [1, 3, 6, 7]


def test_nothing_of_nothing() -> None:
    made = _plan([])
    assert made == Plan()
    assert made.requests == 0
