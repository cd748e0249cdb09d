"""Which conversation a request belongs to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy_core.lanes import Lane, Lanes, asked
from proxy_core.lanes.bounds import MOST_LANES
from proxy_core.lanes.store import LaneStore
from proxy_core.llama.generated import Generated, GeneratedCall
from proxy_core.prompt import Api, parse
from proxy_core.rules import RuleSet
from proxy_core.rules.generated import Learned, learned
from tests.rules.talk import assistant, output, system, user

PROMPT = "You help.\n" + "\n".join(f"Rule {number} of the house." for number in range(20))
NOW = 1_800_000_000.0


class House:
    """Lanes, and requests to them."""

    def __init__(self, store: LaneStore) -> None:
        self.lanes = Lanes(store)
        self._now = NOW

    def ask(
        self,
        *messages: dict[str, Any],
        tools: str = "ab",
        client: str | None = "openclaw",
        api: Api = "chat",
        headers: dict[str, str] | None = None,
        answer: Generated | None = None,
        **body: Any,
    ) -> Lane:
        """Take a request in, and perhaps an answer; it leaves a mark with the number of its messages."""
        declared = [{"type": "function", "function": {"name": name}} for name in tools]
        whole = {"messages": list(messages), "tools": declared, **body}
        request = asked(parse(api, json.dumps(whole).encode()), client, headers or {}, None)
        lane = self.lanes.find(request)
        self._now += 1
        self.lanes.commit(lane, request, {("r", str(len(messages))): b"x"}, self._now)
        if answer is not None:
            said = learned(api, answer, request.kept[-1], request.chain[-1], None, details=False)
            self.lanes.learn(lane.id, request, said)
        return lane


@pytest.fixture
def house(store: LaneStore) -> House:
    return House(store)


TALK = (
    system(PROMPT),
    user("list the files"),
    assistant("", ("c1", "{}")),
    output("c1", "a b"),
    assistant("two"),
    user("thanks"),
    assistant("welcome"),
    user("and now"),
)


def test_a_conversation_stays_in_its_lane(house: House) -> None:
    lanes = {house.ask(*TALK[:count]).id for count in (2, 4, 6, 8)}
    assert len(lanes) == 1


def test_a_system_text_that_changes_does_not_end_it(house: House) -> None:
    first = house.ask(*TALK[:6])
    assert house.ask(system(PROMPT + "\nIt is noon."), *TALK[1:8]) is first


def test_another_conversation_with_the_same_first_words_is_another_lane(house: House) -> None:
    first = house.ask(*TALK)
    assert house.ask(*TALK[:2]) is not first
    assert not house.lanes.live(0)[0].memory.keys() & {("r", "8")}


@pytest.mark.parametrize(
    "side",
    [
        {"tools": "a"},
        {"messages": (system("Make a title.\n" * 30), *TALK[1:])},
        {"client": "goose"},
    ],
)
def test_side_requests_have_lanes_of_their_own(house: House, side: dict[str, Any]) -> None:
    main = house.ask(*TALK[:6])
    messages = side.pop("messages", TALK)
    aside = house.ask(*messages, **side)
    assert aside is not main
    assert house.ask(*TALK[:8]) is main, "the conversation goes on where it was"


def test_a_heartbeat_inherits_what_the_conversation_remembers(house: House) -> None:
    house.ask(*TALK[:6])
    beat = house.ask(*TALK[:7], user("HEARTBEAT"), tools="a")
    assert ("r", "6") in beat.memory


def test_a_branch_takes_the_memory_along_and_leaves_the_lane(house: House) -> None:
    main = house.ask(*TALK)
    branch = house.ask(*TALK[:3], output("c1", "other"), assistant("three"), user("why"))
    assert branch is not main
    assert ("r", "8") in branch.memory
    assert house.ask(*TALK, assistant("x"), user("y")) is main


def test_an_edited_last_message_stays_in_the_lane(house: House) -> None:
    main = house.ask(*TALK)
    assert house.ask(*TALK[:7], user("and then")) is main


def test_a_session_key_tells_equal_conversations_apart(house: House) -> None:
    first = house.ask(*TALK[:2], prompt_cache_key="one")
    second = house.ask(*TALK[:2], prompt_cache_key="two")
    assert first is not second
    assert house.ask(*TALK[:4], prompt_cache_key="one") is first
    assert house.ask(*TALK[:4], prompt_cache_key="two") is second


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"session_id": "s"}, {}),
        ({"x-session-id": "s"}, {}),
        ({}, {"metadata": {"user_id": "s"}}),
        ({}, {"conversation_id": "s"}),
    ],
)
def test_session_keys_come_from_many_places(
    house: House, headers: dict[str, str], body: dict[str, Any]
) -> None:
    assert house.ask(*TALK, headers=headers, **body).session == "s"


def test_openclaws_runtime_line_names_the_session(house: House) -> None:
    line = "Runtime: agent=main | session=agent:main:main | host=h"
    assert house.ask(system(f"{PROMPT}\n{line}"), user("hi")).session == "agent:main:main"


@pytest.mark.parametrize("key", [None, "s"])
def test_a_conversation_that_lost_its_beginning_is_known_by_its_end(house: House, key: str | None) -> None:
    body: dict[str, Any] = {"prompt_cache_key": key} if key else {}
    main = house.ask(*TALK, **body)
    assert house.ask(TALK[0], *TALK[3:], assistant("so"), user("next"), **body) is main


def test_odd_session_keys_are_passed_over(house: House) -> None:
    lane = house.ask(*TALK, metadata=[1], prompt_cache_key=7, headers={"x-session-id": ""})
    assert lane.session is None


def test_lanes_outlive_a_restart(store: LaneStore) -> None:
    house = House(store)
    main = house.ask(*TALK[:6], prompt_cache_key="s")
    store.flush()
    again = House(store)
    found = again.ask(*TALK, prompt_cache_key="s")
    assert (found.id, found.session) == (main.id, "s")
    assert ("r", "6") in found.memory


def test_forgotten_lanes_are_gone_for_good(store: LaneStore) -> None:
    house = House(store)
    first, second = house.ask(*TALK), house.ask(user("one"), assistant("two"), user("three"))
    assert house.lanes.forget(first.id) == 1
    store.flush()
    assert [lane.id for lane in House(store).lanes.live(0)] == [second.id]
    assert house.lanes.forget(None) == 1
    assert house.lanes.live(0) == []


def test_side_requests_are_the_first_to_go(house: House) -> None:
    house.ask(*TALK[:2])
    main = house.ask(*TALK[:4])
    for number in range(MOST_LANES + 10):
        house.ask(user(f"title of {number}"))
    live = house.lanes.live(0)
    assert len(live) == MOST_LANES
    assert main in live


def test_the_memory_of_a_lane_is_bounded_and_what_is_bulky_goes_first(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy_core.lanes.lane.MOST_LANE_BYTES", 200)
    lane = house.ask(*TALK)
    lane.remember({("r", "noted"): b"", ("r", "value.0"): b"x", ("r", "note.1"): b"x"})
    small = set(lane.memory)
    for number in range(20):
        lane.remember({("r", f"output.{number:02}"): b"0123456789"})
        assert lane.size <= 200
    assert small < set(lane.memory)
    assert ("r", "output.19") in lane.memory
    assert lane.size == sum(len(a) + len(b) + len(c) for (a, b), c in lane.memory.items())


def test_lanes_keep_the_rules_that_they_began_with_until_all_follow_again(house: House) -> None:
    old, new = RuleSet(), RuleSet(level="careful")
    first = house.ask(*TALK)
    house.lanes.pin(old)
    second = house.ask(user("one"), assistant("two"), user("three"))
    house.lanes.pin(new)
    assert (first.rules, second.rules) == (old, new)
    house.lanes.pin(None)
    assert (first.rules, second.rules) == (None, None)


def test_what_was_learned_of_a_lane_that_is_gone_is_dropped(house: House) -> None:
    lane = house.ask(*TALK)
    house.lanes.measured(lane.id, 0.25)
    assert lane.tokens_per_byte == 0.25
    request = asked(parse("chat", json.dumps({"messages": TALK}).encode()), "openclaw", {}, None)
    house.lanes.learn(lane.id, request, Learned((), {("generated", "a"): b"1"}))
    assert lane.memory["generated", "a"] == b"1"
    house.lanes.forget(None)
    house.lanes.learn(lane.id, request, Learned((), {("generated", "b"): b"1"}))
    assert ("generated", "b") not in lane.memory


def test_a_request_without_messages_is_its_own(house: House) -> None:
    assert house.ask() is not house.ask()


HI = (system(PROMPT), user("hi"))


def test_two_conversations_with_the_same_first_words_are_told_apart_by_the_answer(house: House) -> None:
    alice = house.ask(*HI, answer=Generated("Hello, Alice!"))
    bob = house.ask(*HI, answer=Generated("Hello, Bob!"))
    assert alice is not bob
    assert house.ask(*HI, assistant("Hello, Alice!"), user("who am I?")) is alice
    assert house.ask(*HI, assistant("Hello, Bob!"), user("who am I?")) is bob


def test_the_latest_of_equal_beginnings_goes_on_and_not_one_that_went_elsewhere(house: House) -> None:
    yesterday = house.ask(*HI, answer=Generated("Hello!"))
    assert house.ask(*HI, assistant("Hello!"), user("x"), assistant("y"), user("z")) is yesterday
    today = house.ask(*HI, answer=Generated("Hello!"))
    assert house.ask(*HI, assistant("Hello!"), user("new")) is today


def test_a_beginning_that_was_never_answered_takes_over_no_conversation(house: House) -> None:
    main = house.ask(*TALK)
    aside = house.ask(system(PROMPT + "\nIt is noon."), TALK[1])
    assert aside is not main
    assert house.ask(*TALK[:7], user("and then")) is main
    branch = house.ask(*TALK[:3], output("c1", "other"), assistant("three"), user("why"))
    assert branch is not aside
    assert ("r", "8") in branch.memory


def test_the_same_conversation_held_again_is_not_the_one_of_yesterday(house: House) -> None:
    turns = (*HI, assistant("Hello!"), user("a"), assistant("b"), user("c"), assistant("d"), user("e"))
    yesterday = house.ask(*turns)
    today = house.ask(system(PROMPT + "\nIt is noon."), turns[1], answer=Generated("Hello!"))
    assert today is not yesterday
    assert house.ask(*turns[:4], answer=Generated("b")) is today
    assert house.ask(*turns[:6]) is today


def test_of_several_beginnings_that_were_never_answered_none_goes_on(house: House) -> None:
    at_noon = house.ask(system(PROMPT + "\nIt is noon."), user("hi"))
    assert house.ask(*HI, assistant("Hello!"), user("x")) is at_noon, "there is but one"
    for time in ("one", "two"):
        house.ask(system(f"{PROMPT}\nIt is {time}."), user("hey"))
    assert not house.ask(system(PROMPT), user("hey"), assistant("Hello!"), user("x")).memory.keys() & {
        ("r", "2")
    }


def test_a_first_answer_that_was_edited_stays_in_the_lane_that_the_client_names(house: House) -> None:
    named = house.ask(*HI, prompt_cache_key="one", answer=Generated("Hello!"))
    house.ask(system(PROMPT + "\nIt is noon."), user("hi"))
    later = (assistant("Hello, Bob!"), user("more"))
    assert house.ask(*HI, *later, prompt_cache_key="one") is named


def test_reasoning_that_a_client_takes_out_of_the_text_makes_no_other_answer_of_it(house: House) -> None:
    first = house.ask(*HI, answer=Generated("<think>\nWho?\n</think>\n\nHello!"))
    house.ask(system(PROMPT + "\nIt is noon."), user("hi"))
    assert house.ask(*HI, assistant("Hello!"), user("more")) is first


@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
def test_the_answer_is_known_again_in_every_api(house: House, api: Api) -> None:
    said = Generated("Yes.", calls={0: GeneratedCall("c1", "ls", "{}")})
    shapes: dict[Api, list[dict[str, Any]]] = {
        "chat": [assistant("Yes.", ("c1", "{}"))],
        "responses": [
            {"type": "reasoning", "id": "r"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]},
            {"type": "function_call", "call_id": "c1", "name": "run", "arguments": "{ }"},
        ],
        "messages": [
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Yes."},
                    {"type": "tool_use", "id": "c1", "name": "run", "input": {}},
                ],
            }
        ],
    }
    said.calls[0].name = "run"
    key = "input" if api == "responses" else "messages"
    first: dict[str, Any] = {key: [user("hi")]}
    lane = house.ask(user("hi"), api=api, answer=said, **first)
    before = lane.chain
    assert len(before) == (3 if api == "responses" else 2)
    later = [user("hi"), *shapes[api], user("more")]
    second: dict[str, Any] = {key: later}
    assert house.ask(*later, api=api, **second) is lane
    assert lane.chain[: len(before)] == before


def test_the_same_request_sent_again_before_an_answer_is_no_other_conversation(house: House) -> None:
    assert house.ask(*HI) is house.ask(*HI)
    house.ask(*HI, answer=Generated("Hello!"))
    assert house.ask(*HI) is not house.lanes.live(0)[-1]


def test_a_side_lane_learns_what_the_conversation_said_meanwhile(house: House) -> None:
    house.ask(*TALK[:4])
    beat = house.ask(*TALK[:4], assistant("two"), user("HEARTBEAT"), tools="a")
    house.ask(*TALK[:8])
    again = house.ask(*TALK[:8], assistant("so"), user("HEARTBEAT"), tools="a")
    assert ("r", "8") in again.memory
    assert again is not house.ask(*TALK[:8], assistant("so"), user("next"))
    assert beat.client == again.client


def test_another_conversation_takes_over_how_tools_are_ordered_and_no_more(house: House) -> None:
    first = house.ask(*TALK)
    first.remember({("any.tools", "order"): b"[]", ("x", "value.0"): b"a", ("x", "note.0"): b"b"})
    other = house.ask(user("something else"))
    assert other is not first
    assert set(other.memory) == {("any.tools", "order"), ("r", "1")}


@pytest.mark.parametrize("kept", [True, False])
def test_a_first_answer_that_the_client_rewrote_does_not_cost_the_lane(house: House, kept: bool) -> None:
    first = house.ask(*HI, answer=Generated("Hello!  It is a fine day."))
    other = None if kept else house.ask(*HI, answer=Generated("Good morning."))
    later = house.ask(*HI, assistant("Hello! (edited)"), user("more"))
    assert (later is first) is kept, "of two, nobody can say which"
    assert later is not other
    assert house.ask(*HI, assistant("Hello! (edited)"), user("more"), assistant("x"), user("y")) is later


def test_what_was_forgotten_for_want_of_room_is_gone_from_the_disk_as_well(
    store: LaneStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("lane", "file"):
        monkeypatch.setattr(f"proxy_core.lanes.{module}.MOST_LANE_BYTES", 2000)
    house = House(store)
    for number in range(12):
        lane = house.ask(*TALK)
        request = asked(parse("chat", json.dumps({"messages": TALK}).encode()), "openclaw", {}, None)
        bulky = {("r", f"output.{number}"): b"x" * 400, ("r", f"note.{number}"): b"x"}
        house.lanes.learn(lane.id, request, Learned((), bulky))
    store.flush()
    [row] = store.load(10)
    assert row.memory == lane.memory
    assert {("r", f"note.{number}") for number in range(12)} <= row.memory.keys()
