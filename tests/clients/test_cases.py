"""What the cases themselves must be: the same each time, moving, and seen as the client that they are of."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise

import pytest

from proxy_core.diff.marks import common_start
from tests.clients.reading import Part, answered, divergence, read, text
from tests.clients.registry import CASES
from tests.clients.scoring import recognized
from tests.clients.story import Model, Person, asks
from tests.clients.wire import speech

_LENGTHS = pytest.mark.parametrize("short", [True, False], ids=["short", "full"])


@_LENGTHS
def test_time_moves_by_seconds_inside_a_turn_and_by_minutes_between_turns(short: bool) -> None:
    played = list(asks(short))
    for earlier, later in pairwise(played):
        gap = later.at - earlier.at
        same = earlier.turn == later.turn
        assert timedelta(seconds=1) < gap < timedelta(minutes=1) if same else gap > timedelta(minutes=2)
    assert len({ask.at.date() for ask in played}) == 2
    assert played[0].at.date() != played[-1].at.date()


@_LENGTHS
def test_there_are_turns_and_tool_loops_and_a_request_for_each_answer(short: bool) -> None:
    played = list(asks(short))
    assert {ask.turn for ask in played} == set(range(1, 5 if short else 8))
    assert max(ask.step for ask in played) == (2 if short else 3)
    for earlier, later in pairwise(played):
        assert later.said[: len(earlier.said)] == earlier.said
        assert later.said[len(earlier.said)] == earlier.answer
    assert all(isinstance(ask.said[-1], Person) == (ask.step == 0) for ask in played)
    assert all(isinstance(ask.answer, Model) for ask in played)


@_LENGTHS
@pytest.mark.parametrize("name", CASES)
def test_a_case_is_the_same_each_time_and_each_lane_goes_on(name: str, short: bool) -> None:
    played = list(CASES[name].requests(short))
    assert played == list(CASES[name].requests(short))
    assert [sent.turn for sent in played] == sorted(sent.turn for sent in played)
    assert [sent.turn for sent in played if sent.lane == "main"][-1] == (4 if short else 7)
    assert all(json.loads(sent.body)["stream"] is True for sent in played)
    for sent in played:
        assert (
            json.dumps(json.loads(sent.body), separators=(",", ":"), ensure_ascii=False).encode() == sent.body
        )


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_seen_as_its_client(name: str) -> None:
    assert {recognized(sent) for sent in CASES[name].requests(True)} == {CASES[name].client}


def test_a_prompt_is_read_in_the_templates_order_whatever_the_api() -> None:
    chat = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        ],
        "tools": [{"a": 1}],
    }
    messages = {
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [{"a": 1}],
    }
    responses = {
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
        "tools": [{"a": 1}],
    }
    found = [
        read("/v1/chat/completions", json.dumps(chat).encode()),
        read("/v1/messages", json.dumps(messages).encode()),
        read("/v1/responses", json.dumps(responses).encode()),
    ]
    assert found[0] == found[1] == found[2]
    assert [part.label for part in found[0]] == ["system", "tools", "message 0 (user)"]
    assert text(found[0]).index("Be brief.") < text(found[0]).index('{"a": 1}') < text(found[0]).index("Hi")


def test_an_answer_is_read_again_as_it_was_spoken() -> None:
    """What a slot holds after an answer is how the next prompt begins, if its client leaves all as it was."""
    ask, following = list(asks(True))[1:3]
    call = speech(ask.answer).call
    assert call is not None
    messages = [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": ask.answer.text,
            "reasoning_content": ask.answer.reasoning,
            "tool_calls": [{"function": {"name": "exec", "arguments": call[2]}}],
        },
    ]
    asked = read("/v1/chat/completions", json.dumps({"messages": messages[:1]}).encode())
    again = read("/v1/chat/completions", json.dumps({"messages": messages}).encode())
    assert following.step == 1
    assert text(again).startswith(answered(asked, speech(ask.answer, reasoning=True)))


@pytest.mark.parametrize(
    ("one", "other", "length"),
    [("", "", 0), ("abc", "abc", 3), ("abc", "abd", 2), ("abc", "ab", 2), ("x", "y", 0)],
)
def test_a_common_prefix(one: str, other: str, length: int) -> None:
    assert common_start(one, other) == common_start(other, one) == length


def test_a_divergence_names_its_part() -> None:
    parts = [Part("system", "You are."), Part("message 0 (user)", "Now: 12:05")]
    assert divergence("You are.Now: 12:0", parts) is None
    assert divergence("You are.Now: 12:31", parts) == ("message 0 (user)", "You are.Now: 12:", "31", "05")
