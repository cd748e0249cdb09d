"""The lines of the rules pane: grouped, as wide as asked, and nothing in them but text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from console.widgets.rule_lines import Heading, More, RuleState, entries, heading_line, more_line, rule_line
from console.widgets.rule_words import standing, words
from proxy_core.rules import Rule, RuleSet
from proxy_core.rules.rule import LEVELS, Level
from tests.screens.few_rules import FEW_RULES

ON = RuleState(on=True, hits=0, stale=False, idle=False)

states = st.builds(RuleState, st.booleans(), st.integers(0, 10**7), st.booleans(), st.booleans())
names = st.text(min_size=1, max_size=90)


def ids(rules: Sequence[Rule], seen: Sequence[str], *, unfolded: bool = False) -> list[str]:
    return [entry.id for entry in entries(rules, seen, unfolded=unfolded)]


def rule(rule_id: str) -> Rule:
    return next(known for known in FEW_RULES if known.id == rule_id)


def test_seen_clients_come_first_then_any_then_the_fold() -> None:
    assert ids(FEW_RULES, ["zed", "curl", "openclaw"]) == [
        "client zed",
        "zed.date",
        "client openclaw",
        "openclaw.message-id",
        "openclaw.timestamp",
        "openclaw.memory",
        "client any",
        "any.clock",
        "any.tools",
        "any.reasoning",
        "any.vanished-tools",
        "more clients",
    ]


def test_unfolded_every_rule_stands_once_below_its_client() -> None:
    listed = entries(FEW_RULES, ["openclaw"], unfolded=True)
    assert sorted(e.id for e in listed if isinstance(e, Rule)) == sorted(known.id for known in FEW_RULES)
    client = ""
    for entry in listed:
        match entry:
            case Heading():
                client = entry.client
            case Rule():
                assert entry.client == client
            case More():
                assert entry.unfolded


def test_no_fold_where_every_client_is_here() -> None:
    here = [known for known in FEW_RULES if known.client in ("any", "zed")]
    assert not any(isinstance(entry, More) for entry in entries(here, ["zed"], unfolded=False))
    assert entries([], ["zed"], unfolded=False) == []


def test_the_fold_counts_what_it_hides() -> None:
    *_, more = entries(FEW_RULES, ["openclaw", "zed"], unfolded=False)
    assert isinstance(more, More)
    assert more.text == "▸ 2 more clients, 2 rules"
    assert more_line(more, 40).plain == "▸ 2 more clients, 2 rules    space shows"
    *_, more = entries(FEW_RULES, ["openclaw", "zed", "codex"], unfolded=False)
    assert isinstance(more, More)
    assert more.text == "▸ 1 more client, 1 rule"
    said = words(more, ON, RuleSet(FEW_RULES), None).plain
    assert "aider 1" in said
    assert "codex" not in said


@given(names, names, names, st.sampled_from(LEVELS), states, st.integers(24, 160))
def test_a_line_is_as_wide_as_asked(
    rule_id: str, client: str, title: str, level: Level, state: RuleState, width: int
) -> None:
    odd = replace(rule("any.tools"), id=rule_id, client=client, title=title, level=level)
    line = rule_line(odd, state, width).plain
    assert cell_len(line) == width
    assert "\n" not in line
    heading = heading_line(Heading(client, (odd,)), {rule_id} if state.on else (), width).plain
    assert cell_len(heading) == width
    assert cell_len(more_line(More((Heading(client, (odd,)),), False), width).plain) <= width


@pytest.mark.parametrize("width", [40, 120])
def test_a_line_tells_switch_name_level_hits_and_staleness_without_colour(width: int) -> None:
    line = rule_line(rule("openclaw.memory"), RuleState(True, 1204, True, False), width).plain
    assert line.startswith("■ memory ! stale")
    assert " ◈ careful " in line
    assert line.endswith(" 1 204")
    off = rule_line(rule("openclaw.memory"), RuleState(False, 0, False, False), width).plain
    assert off.startswith("□ memory ")
    assert "stale" not in off
    assert off.endswith(" –")
    assert ("OpenClaw memory" in line) == (width == 120)


def test_a_rule_without_its_client_in_its_id_keeps_its_name() -> None:
    mine = replace(rule("any.tools"), id="mine.hello")
    assert rule_line(mine, ON, 40).plain.startswith("■ mine.hello ")


@pytest.mark.parametrize(
    ("rule_id", "level", "toggles", "said"),
    [
        ("any.clock", "safe", {}, "on"),
        ("any.clock", "aggressive", {"any.clock": False}, "switched off by you"),
        ("any.reasoning", "safe", {}, "off at this level"),
        ("any.reasoning", "safe", {"any.reasoning": True}, "switched on by you"),
        ("any.reasoning", "aggressive", {}, "on"),
        ("any.vanished-tools", "careful", {}, "off at this level"),
    ],
)
def test_whose_doing_it_is(rule_id: str, level: Level, toggles: dict[str, bool], said: str) -> None:
    rules = RuleSet.of(FEW_RULES, toggles, level)
    assert standing(rule(rule_id), rules) == said


def test_a_rule_that_is_off_by_itself() -> None:
    shy = replace(rule("any.clock"), on=False)
    assert standing(shy, RuleSet.of((shy,), {})) == "off until you switch it on"


def test_words_tell_what_it_does_and_costs_and_the_trouble_first() -> None:
    known = rule("openclaw.timestamp")
    state = RuleState(True, 1, True, False)
    said = words(known, state, RuleSet.of(FEW_RULES, {}), "mine.toml: broken [/b] \x1b").plain
    assert said.startswith("! mine.toml: broken [/b] ␛\nThe rules from before stay in force.\n\n")
    for part in (known.title, known.does, known.cost, known.source, known.id, "◇ safe · on · 1 hit", "Stale"):
        assert part in said
    assert words(None, ON, RuleSet(), None).plain == ""
