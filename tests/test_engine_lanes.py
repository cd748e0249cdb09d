"""Conversations, levels and what the model said, through a whole engine."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from proxy_core import paths
from proxy_core.events import RulesChanged
from proxy_core.staleness import ENOUGH
from proxy_core.state import load_state
from tests.fake_upstream import FakeUpstream
from tests.rules.talk import Message, assistant, system, user
from tests.running import OPENCLAW, Running, asked, running_engine

ANSWER: Message = {"choices": [{"index": 0, "message": {"content": "yes", "reasoning_content": "I think."}}]}


def chat(run: Running, fake: FakeUpstream, *messages: Message, **body: Any) -> Message:
    """Send a request; gives what the upstream read."""
    raw = json.dumps({"messages": list(messages), **body}).encode()
    with asked(run, "POST", "/v1/chat/completions", raw, OPENCLAW) as client:
        call = fake.next()
        call.answer(json.dumps(ANSWER).encode())
        client.getresponse().read()
    read: Message = json.loads(call.body)
    return read


def names(body: Message) -> list[str]:
    return [tool["function"]["name"] for tool in body["tools"]]


def declared(letters: str) -> list[Message]:
    return [{"type": "function", "function": {"name": letter}} for letter in letters]


def test_what_a_conversation_remembers_outlives_a_restart(fake: FakeUpstream) -> None:
    with running_engine(fake.url) as run:
        assert names(chat(run, fake, user("hi"), tools=declared("ba"))) == ["b", "a"]
        [record] = run.wait_ended(1)
        assert record.exchange is not None
        lane = record.exchange.lane
    assert paths.lanes_file().stat().st_mode & 0o777 == 0o600
    with running_engine(fake.url) as run:
        later = (user("hi"), assistant("yes"), user("more"))
        assert names(chat(run, fake, *later, tools=declared("ab"))) == ["b", "a"]
        [record] = run.wait_ended(1)
        assert record.exchange is not None
        assert record.exchange.lane == lane


def test_a_conversation_can_be_forgotten(run: Running, fake: FakeUpstream) -> None:
    chat(run, fake, user("hi"), tools=declared("ba"))
    url = f"{run.url}/kvconsole/lanes"
    [lane] = httpx.get(url).json()
    assert (lane["client"], lane["messages"]) == ("openclaw", 2), "the question and its answer"
    assert httpx.post(f"{url}/forget", json={"lane": lane["id"]}).json() == {"forgotten": 1}
    assert httpx.get(url).json() == []
    assert names(chat(run, fake, user("hi"), tools=declared("ab"))) == ["a", "b"]


def test_reasoning_comes_back_from_the_careful_level_on(run: Running, fake: FakeUpstream) -> None:
    turns = (user("hi"), assistant("yes"), user("more"))
    chat(run, fake, *turns[:1])
    assert chat(run, fake, *turns)["messages"][1] == assistant("yes")
    run.engine.set_level("careful")
    run.wait_for(lambda: run.of(RulesChanged)[-1].rules.level == "careful", "the level")
    chat(run, fake, user("ho"))
    assert chat(run, fake, user("ho"), *turns[1:])["messages"][1]["reasoning_content"] == "I think."


def test_a_level_survives_a_restart_and_marks_the_next_turn(fake: FakeUpstream) -> None:
    with running_engine(fake.url) as run:
        run.engine.set_level("aggressive")
        run.wait_for(lambda: run.of(RulesChanged)[-1].rules.level == "aggressive", "the level")
        chat(run, fake, user("hi"))
        assert run.wait_ended(1)[0].flipped == "level aggressive"
    state, _ = load_state(paths.state_file())
    assert state.level == "aggressive"
    with running_engine(fake.url) as run:
        assert run.of(RulesChanged)[0].rules.level == "aggressive"


def test_a_switch_can_wait_for_new_conversations(run: Running, fake: FakeUpstream) -> None:
    first = (user("hi"), assistant("yes"), user("more"), assistant("so"), user("and"))
    chat(run, fake, *first[:1], tools=declared("ba"))
    run.engine.set_flips("new-lanes")
    run.engine.set_rule("any.tools", False)
    run.wait_for(lambda: "any.tools" not in run.of(RulesChanged)[-1].rules.enabled, "the switch")
    assert run.notices("Rules")[-1].message == "1 conversation keeps the rules it began with."
    assert names(chat(run, fake, *first[:3], tools=declared("ab"))) == ["b", "a"]
    assert names(chat(run, fake, user("else"), tools=declared("ba"))) == ["b", "a"]
    other = (user("else"), assistant("yes"), user("more"))
    assert names(chat(run, fake, *other, tools=declared("ab"))) == ["a", "b"], "the rule is off here"
    run.engine.set_flips("now")
    run.wait_for(lambda: run.of(RulesChanged)[-1].flips == "now", "the other way")
    assert names(chat(run, fake, *first, tools=declared("ab"))) == ["a", "b"]


def test_a_rule_that_finds_nothing_for_long_is_called_stale(run: Running, fake: FakeUpstream) -> None:
    for number in range(ENOUGH):
        chat(run, fake, system("You help."), user(f"hi {number}"))
    run.wait_for(lambda: "openclaw.message-id" in run.of(RulesChanged)[-1].stale, "the mark")
    assert "any.tools" not in run.of(RulesChanged)[-1].stale


def test_a_conversation_is_found_for_requests_of_any_size(run: Running, fake: FakeUpstream) -> None:
    long = "x" * 300_000
    chat(run, fake, user(long), tools=declared("ba"))
    later = (user(long), assistant("yes"), user("more"))
    assert names(chat(run, fake, *later, tools=declared("ab"))) == ["b", "a"]
    lanes = {record.exchange.lane for record in run.wait_ended(2) if record.exchange}
    assert len(lanes) == 1


def test_a_count_of_tokens_sees_what_the_request_would_and_leaves_no_trace(
    run: Running, fake: FakeUpstream
) -> None:
    raw = json.dumps({"messages": [user("hi")], "tools": declared("ba")}).encode()
    with asked(run, "POST", "/v1/messages/count_tokens", raw, OPENCLAW) as client:
        fake.next().answer(b"{}")
        client.getresponse().read()
    assert httpx.get(f"{run.url}/kvconsole/lanes").json() == []


def streamed(*events: dict[str, Any], done: bool = True) -> bytes:
    data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    return data + (b"data: [DONE]\n\n" if done else b"")


@pytest.mark.parametrize("whole", [True, False])
def test_a_streamed_answer_is_known_when_its_last_event_came(
    run: Running, fake: FakeUpstream, whole: bool
) -> None:
    raw = json.dumps({"messages": [user("hi")], "stream": True}).encode()
    with asked(run, "POST", "/v1/chat/completions", raw, OPENCLAW) as client:
        call = fake.next()
        call.start("text/event-stream")
        call.chunk(streamed({"choices": [{"index": 0, "delta": {"content": "yes"}}]}, done=whole))
        answer = client.getresponse()
        while b"yes" not in answer.readline():
            pass
        # The client closes before the upstream does, as many do when they have read the last event.
        if whole:
            while b"[DONE]" not in answer.readline():
                pass
        client.close()
        run.wait_ended(1)
        call.close()
    [lane] = httpx.get(f"{run.url}/kvconsole/lanes").json()
    assert lane["messages"] == (2 if whole else 1)
