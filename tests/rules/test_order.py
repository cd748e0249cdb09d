"""`order`: tools keep their order and their spelling."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy_core.rules.actions import Order
from tests.rules.talk import Talk, rule, user


def test_the_first_order_stays_and_new_ones_stand_behind() -> None:
    talk = Talk(rule(Order()))
    assert talk.names("b", "a") == ["b", "a"]
    assert talk.names("a", "c", "b") == ["b", "a", "c"]
    assert talk.names("c", "a") == ["a", "c"]
    assert talk.names("a", "b", "c") == ["b", "a", "c"]


def test_by_name_the_order_needs_no_memory() -> None:
    assert Talk(rule(Order(by="name"))).names("b", "c", "a") == ["a", "b", "c"]


def test_vanished_tools_are_kept_only_when_that_is_wanted() -> None:
    talk = Talk(rule(Order(vanished="keep")))
    talk.names("a", "b", "c")
    assert talk.names("c", "a") == ["a", "b", "c"]
    assert talk.names() == [], "a request without tools means it"


def tool(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    function = {"name": name, "description": description, "parameters": schema}
    return {"type": "function", "function": function}


def test_a_tool_that_means_the_same_is_spelled_the_same() -> None:
    talk = Talk(rule(Order()))
    first = tool("a", "does", {"type": "object", "required": ["x"]})
    talk.send(user("hi"), tools=[first])
    turned = {"function": dict(reversed(first["function"].items())), "type": "function"}
    talk.send(user("hi"), tools=[turned])
    assert json.dumps(first, separators=(",", ":")).encode() in talk.last.body
    other = tool("a", "does more", {"type": "object", "required": ["x"]})
    assert talk.send_body({"messages": [], "tools": [other]})["tools"] == [other]


def test_the_first_description_stays_where_the_schema_is_the_same() -> None:
    talk = Talk(rule(Order(descriptions="first-seen")))
    first, schema = tool("a", "on Telegram", {"type": "object"}), {"type": "array"}
    talk.send(user("hi"), tools=[first])
    assert talk.send_body({"messages": [], "tools": [tool("a", "on WhatsApp", {"type": "object"})]})[
        "tools"
    ] == [first]
    assert talk.send_body({"messages": [], "tools": [tool("a", "x", schema)]})["tools"] == [
        tool("a", "x", schema)
    ]


def test_keys_can_be_sorted() -> None:
    talk = Talk(rule(Order(keys="sorted")))
    talk.send(user("hi"), tools=[{"type": "function", "function": {"name": "b", "description": "a"}}])
    assert b'{"function":{"description":"a","name":"b"},"type":"function"}' in talk.last.body


def test_lists_that_cannot_be_told_apart_are_left_alone() -> None:
    talk = Talk(rule(Order(by="name")))
    assert talk.names("b", "a", "b") == ["b", "a", "b"]
    assert talk.names("b", "") == ["b", ""]


@given(st.lists(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1), min_size=1, max_size=6))
def test_each_request_has_the_tools_that_were_sent_in_the_order_of_the_first(lists: list[list[str]]) -> None:
    talk = Talk(rule(Order()))
    seen: list[str] = []
    for names in lists:
        sent = talk.names(*names)
        seen += [name for name in names if name not in seen]
        assert sent == [name for name in seen if name in names]


def test_true_is_not_one() -> None:
    talk = Talk(rule(Order()))
    number, boolean = tool("a", "d", {"default": 1}), tool("a", "d", {"default": True})
    talk.send(user("hi"), tools=[number])
    assert talk.send_body({"messages": [], "tools": [boolean]})["tools"] == [boolean]


def test_many_tools_are_ordered_in_time() -> None:
    talk = Talk(rule(Order()))
    names = [f"t{number}" for number in range(3000)]
    talk.names(*names)
    assert talk.names(*reversed(names)) == names
