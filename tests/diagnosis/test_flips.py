"""Which switched rules explain where two prompts part."""

from __future__ import annotations

from dataclasses import replace

from proxy_core.diagnosis.flips import flips
from proxy_core.exchange import Exchange
from proxy_core.rules import Edit
from proxy_core.verdict import Divergence

PLAIN = Exchange("POST", "/v1/chat/completions", "chat", "chat", True, rules=("a", "b"))
IN_SYSTEM = Divergence("changed", "system", "system", message=None)
IN_FOURTH = Divergence("rewritten", "message", "message 4 (user)", message=3)


def ran(*rules: str, edits: tuple[Edit, ...] = ()) -> Exchange:
    return replace(PLAIN, rules=rules, edits=edits)


def test_the_same_rules_explain_nothing() -> None:
    assert flips(ran("a", edits=(Edit("a", None, "x", ""),)), ran("a"), IN_SYSTEM) == ()


def test_a_rule_that_was_on_or_is_on_now_and_changed_something_before_the_difference() -> None:
    edits = (Edit("a", None, "x", ""), Edit("b", 3, "y", ""))
    assert flips(ran("a", "b", edits=edits), ran("b"), IN_SYSTEM) == ("a",)
    assert flips(ran("b"), ran("a", "b", edits=edits), IN_SYSTEM) == ("a",)
    assert flips(ran(), ran("a", "b", edits=edits), IN_FOURTH) == ("a", "b")


def test_a_rule_that_changed_only_what_comes_later_explains_nothing() -> None:
    assert flips(ran(), ran("b", edits=(Edit("b", 3, "y", ""),)), IN_SYSTEM) == ()
    assert flips(ran(), ran("b"), IN_SYSTEM) == ()
