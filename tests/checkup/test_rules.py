"""Do the rules work?"""

from __future__ import annotations

from proxy_core.checkup.checks import rules
from proxy_core.checkup.setup import RuleSeen
from tests.checkup.kit import only, proxy, setup, told


def test_files() -> None:
    assert only(rules.check_files, setup()).level == "ok"
    broken = setup(rules_problem="mine.toml, line 3: no such action.", proxy=None)
    found = only(rules.check_files, broken)
    assert (found.level, "line 3" in found.saw) == ("problem", True)
    assert "None of your own" in found.saw
    # Rules are swapped whole or not at all.
    running = only(rules.check_files, setup(rules_problem="mine.toml: no.", proxy=proxy()))
    assert "goes on with those that it read before" in running.saw


def test_on() -> None:
    both = (RuleSeen("a", on=True), RuleSeen("b"))
    found = only(rules.check_on, setup(proxy=proxy(rules=both)))
    assert (found.level, found.saw) == ("ok", "1 of 2 rules are on.")
    assert only(rules.check_on, setup(proxy=proxy(rules=both[1:]))).level == "hint"
    assert told(rules.check_on, setup(proxy=None)) == []


def test_bypassed() -> None:
    passes = only(rules.check_on, setup(proxy=proxy(bypass=True, rules=(RuleSeen("a", on=True),))))
    assert (passes.level, "untouched" in passes.saw) == ("hint", True)
    assert only(rules.check_on, setup({"rules": False}, proxy=None)).level == "hint"
    # What counts is the kvconsole that runs, not what the next one would do.
    assert (
        only(rules.check_on, setup({"rules": False}, proxy=proxy(rules=(RuleSeen("a", on=True),)))).level
        == "ok"
    )


def test_stale() -> None:
    silent = RuleSeen("openclaw.timestamp", on=True, stale=True)
    found = only(rules.check_stale, setup(proxy=proxy(rules=(silent, RuleSeen("b", on=True, stale=False)))))
    assert (found.level, "openclaw.timestamp" in found.saw) == ("hint", True)
    off = RuleSeen("openclaw.timestamp", on=False, stale=True)
    assert only(rules.check_stale, setup(proxy=proxy(rules=(off,)))).level == "ok"


def test_nobody_knows_what_is_stale() -> None:
    assert only(rules.check_stale, setup(proxy=None)).level == "unknown"
    older = proxy(rules=(RuleSeen("a", on=True, stale=None),))
    assert only(rules.check_stale, setup(proxy=older)).level == "unknown"
