from __future__ import annotations

from collections.abc import Iterator

import pytest

from proxy_core.captures import Captured
from proxy_core.clients import CLIENTS
from proxy_core.rules import RuleSet, shipped_rules
from proxy_core.study.inspecting.trial import Suggested, suggested
from tests.study.inspecting.inspected import BOATS, NO_RULES, inspected, talk, tried, with_bodies
from tests.study.test_steps import RULES, captured


def test_drafts_are_tried_with_and_without_each_other() -> None:
    requests = talk(lambda turn: f"id: 8f3a{turn}b2c\n{BOATS}\nletters: {turn * 31} of many\n{BOATS}")
    found = tried(requests, NO_RULES)
    first, second = sorted(found.tried, key=lambda one: one.draft.found.line)
    assert found.base is not None
    assert found.base < 0.05
    assert first.without < 0.05
    assert 0.4 < second.without < 0.6
    assert found.together == pytest.approx(first.reuse) == pytest.approx(second.reuse)
    assert first.reuse > 0.97


def test_a_draft_that_gains_nothing_is_dropped() -> None:
    def system(turn: int) -> str:
        # Behind lines that come and go, nothing that is kept is ever reached.
        files = "one.py\n" * (turn % 2)
        return f"# Files\n{files}boats, 2026\n{BOATS}\nid: 8f3a{turn}b2c\n{BOATS}"

    found = tried(talk(system), NO_RULES)
    assert found.tried == ()
    assert found.together is None
    assert any("tried" in why for _, why in found.refused)


def test_rules_that_are_off_are_tried_as_well() -> None:
    found = tried(captured("unknown-id"))
    assert found.switched == ("any.ids",)
    assert found.base is not None
    assert found.known is not None
    assert found.base < 0.6 < 0.97 < found.known
    assert found.tried == ()


def test_a_draft_is_tried_beside_the_rules_that_are_off() -> None:
    requests = with_bodies(
        captured("unknown-id"),
        lambda at, body: body.replace(b"harbour office.", f"harbour. Berth of the day: {at * 31}".encode()),
    )
    found = tried(requests)
    assert found.switched == ("any.ids",)
    (one,) = found.tried
    assert one.draft.rule.id == "mine.berth-of-the-day"
    assert found.together is not None
    assert found.together > 0.97


@pytest.mark.parametrize("case", ["openclaw-a", "edited", "pruned-hard", "compacted"])
def test_nothing_is_suggested_where_nothing_changed_or_history_did(case: str) -> None:
    for rules in (RULES, NO_RULES, RuleSet.of(tuple(shipped_rules()), {}, "aggressive")):
        found = tried(captured(case), rules)
        assert (found.tried, found.refused, found.base) == ((), (), None)


def test_no_requests_are_played_where_there_is_nothing_to_try() -> None:
    def again() -> Iterator[Captured]:
        raise AssertionError("played again")

    found = inspected(captured("openclaw-c"))
    assert suggested(found, RULES, CLIENTS, again) == Suggested()
