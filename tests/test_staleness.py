"""Rules that find nothing for long."""

from __future__ import annotations

from dataclasses import replace

from proxy_core.rules.actions import Strip
from proxy_core.staleness import ENOUGH, Staleness
from tests.rules.talk import rule

OWN = rule(Strip(), id="own")
RULES = [OWN, replace(OWN, id="rare", rare=True), replace(OWN, id="general", client="any")]


def silent(staleness: Staleness, times: int) -> None:
    for _ in range(times):
        staleness.saw(RULES, frozenset())


def test_a_rule_is_stale_after_enough_requests_without_a_match() -> None:
    staleness = Staleness()
    silent(staleness, ENOUGH - 1)
    assert staleness.stale == frozenset()
    silent(staleness, 1)
    assert staleness.stale == {"own"}, "rare rules, and those for any client, have nothing to be silent about"


def test_a_match_or_a_switch_makes_it_fresh_again() -> None:
    staleness = Staleness()
    silent(staleness, ENOUGH)
    staleness.saw(RULES, frozenset({"own"}))
    assert staleness.stale == frozenset()
    silent(staleness, ENOUGH)
    staleness.forget("own")
    assert staleness.stale == frozenset()


def test_requests_for_which_it_does_not_run_do_not_count() -> None:
    staleness = Staleness()
    for _ in range(ENOUGH):
        staleness.saw([], frozenset())
    assert staleness.stale == frozenset()
