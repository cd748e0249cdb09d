from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.verbs.inspect.as_json import as_tree
from console.verbs.inspect.report import report
from proxy_core.captures.captured import Answered
from proxy_core.rules import RuleSet, shipped_rules
from proxy_core.study.inspecting.inspection import inspect
from proxy_core.study.inspecting.trial import Suggested
from proxy_core.study.steps import steps
from tests.study.inspecting.inspected import BOATS, NO_RULES, inspected, talk, with_bodies
from tests.study.test_steps import RULES, captured


def test_each_request_is_told() -> None:
    found = inspected(captured("openclaw-c"))
    first, second, third, *_ = found.requests
    assert (first.id, first.client, first.api, first.lane) == ("capture.jsonl#1", "openclaw", "chat", "c1")
    assert (first.raw, first.normalized, first.follows) == (None, None, None)
    assert second.follows == first.id
    assert second.raw is not None
    assert second.raw < 0.5
    assert (second.normalized, third.raw) == (1.0, 1.0)
    assert second.items is not None
    assert (second.items.user, second.items.tools) == (2, 7)
    assert second.size == len(captured("openclaw-c")[1].body)
    assert second.stream


def test_a_journalled_request_is_called_by_its_id() -> None:
    one = captured("openclaw-c")[0]
    one = msgspec.structs.replace(one, place=one.place._replace(number=None), id="3f9a12c4-7")
    (request,) = inspected([one]).requests
    assert request.id == "3f9a12c4-7"


def test_what_changed_in_a_conversation_and_what_it_cost() -> None:
    told = inspected(captured("openclaw-c")).conversations["c1"]
    (changed,) = told.changed_raw.values()
    assert changed.part == 'system, "Inbound Context (trusted metadata)"'
    assert (changed.times, changed.first, told.turns, told.requests) == (3, 3, 6, 7)
    assert changed.cost == told.again_raw > 10_000
    assert told.again == 0
    assert told.changed == {}
    assert (told.raw.share or 1) < 0.7
    assert told.normalized.share == 1


def test_parts_that_change_behind_the_first_one_are_counted_without_costs() -> None:
    told = inspected(captured("opencode-omo")).conversations["c1"]
    clock, date = (told.changed_raw[f'system, "{name}"'] for name in ("omo-env", "env"))
    assert (clock.times, clock.first) == (6, 5)
    assert (date.times, date.first) == (1, 1)
    assert clock.cost + date.cost == told.again_raw


@pytest.mark.parametrize(
    ("case", "part", "rule"),
    [
        ("openclaw-i", "message rewritten", "openclaw.carrier"),
        ("claude-code-reminders", "message rewritten", "claude-code.reminders"),
        ("pruned-hard", "history pruned", "openclaw.tool-output"),
        ("compacted", "history pruned", "openclaw.tool-output"),
        ("dropped-reasoning", "reasoning dropped", "any.reasoning"),
    ],
)
def test_changes_of_the_history_name_the_rule_that_keeps_it(case: str, part: str, rule: str) -> None:
    changed = inspected(captured(case)).conversations["c1"].changed_raw[part]
    assert [known.id for known in changed.rules] == [rule]


def test_rules_that_only_make_a_prompt_longer_are_not_named_for_its_history() -> None:
    requests = talk(lambda turn: f"You help.\nCurrent time: 2026-03-04T20:4{min(turn, 2)}:11+00:00\n{BOATS}")
    requests = with_bodies(
        requests, lambda turn, body: body.replace(b"Question 3?", b"Other words.") if turn == 5 else body
    )
    found = inspected(requests)
    last = found.requests[-1]
    assert (last.raw or 1) < (last.normalized or 0) < 1
    assert found.conversations[str(last.lane)].changed_raw["message rewritten"].rules == ()


def test_tools_in_another_order() -> None:
    told = inspected(captured("shuffled-tools")).conversations["c1"]
    assert {one.part: one.first for one in told.changed_raw.values()} == {
        "tools: order": 5,
        "tools: order of keys": 1,
    }


def test_the_level_decides_what_the_rules_keep() -> None:
    aggressive = RuleSet.of(tuple(shipped_rules()), {}, "aggressive")
    safe = inspected(captured("unknown-id")).conversations["c1"]
    all_on = inspected(captured("unknown-id"), aggressive).conversations["c1"]
    assert safe.raw == all_on.raw
    assert (safe.normalized.share or 1) < 0.6
    assert (all_on.normalized.share or 0) > 0.97


def test_one_conversation_alone() -> None:
    found = inspect(steps(captured("two-sessions"), RULES), RULES, "c2")
    assert set(found.conversations) == {"c2"}
    assert len(found.requests) == 7
    assert all(one.lanes == {"c2"} for one in found.candidates)


def test_a_prompt_that_only_ends_earlier_has_nothing_to_read_again() -> None:
    requests = talk(lambda turn: f"You help.\n{BOATS}")
    found = inspected([*requests, requests[2]])
    again = found.requests[-1]
    assert again.follows is not None
    assert (again.raw, again.normalized) == (1.0, 1.0)
    told = found.conversations["c1"]
    assert (told.raw.share, told.normalized.share, told.again_raw, told.again) == (1.0, 1.0, 0, 0)


def test_a_request_that_failed_counts_for_nothing() -> None:
    requests = talk(lambda turn: f"id: 8f3a{turn}b2c\n{BOATS}", 3)
    requests[2] = msgspec.structs.replace(requests[2], answer=Answered(503))
    found = inspected(requests, NO_RULES)
    assert found.requests[2].status == 503
    told = found.conversations["c1"]
    assert (told.requests, told.turns) == (3, 1)
    assert found.candidates[0].times == 1


def test_what_cannot_be_read_is_listed_with_the_reason() -> None:
    one = captured("openclaw-c")[0]
    found = inspected([msgspec.structs.replace(one, body=b'{"messages": [')])
    (request,) = found.requests
    assert (request.lane, request.items, request.sizes, request.raw) == (None, None, None, None)
    assert request.note is not None
    assert found.conversations == {}
    assert inspected([]).requests == []


_PART = st.one_of(
    st.text(max_size=20),
    st.none(),
    st.integers(),
    st.fixed_dictionaries({"type": st.sampled_from(["text", "image_url", "tool_result", 7])}),
    st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=20) | st.none()}),
)
_MESSAGE = st.one_of(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "user", "assistant", "tool", "odd", None]),
            "content": _PART | st.lists(_PART, max_size=3),
        }
    ),
    _PART,
)
_TOOLS = st.lists(
    st.fixed_dictionaries({"function": st.fixed_dictionaries({"name": st.text(max_size=3) | st.none()})}),
    max_size=3,
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(_MESSAGE, max_size=4), _TOOLS | st.text(max_size=3)), max_size=5))
def test_nothing_that_a_client_may_send_stops_it(bodies: list[tuple[object, object]]) -> None:
    """All of them in one conversation, as the journal says."""
    model = captured("openclaw-c")[0]
    requests = [
        msgspec.structs.replace(
            model, lane="one", body=msgspec.json.encode({"messages": messages, "tools": tools})
        )
        for messages, tools in bodies
    ]
    found = inspected(requests)
    assert len(found.requests) == len(bodies)
    assert json.loads(json.dumps(as_tree(found, Suggested(), RULES)))["level"] == "safe"
    assert list(report(found, Suggested(), ["a"], 80, writes=False))
