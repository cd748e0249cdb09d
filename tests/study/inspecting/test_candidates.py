from __future__ import annotations

import msgspec
import pytest

from proxy_core.rules import RuleSet, shipped_rules
from tests.clients.registry import CASES
from tests.study.inspecting.inspected import BOATS, NO_RULES, inspected, talk, tried, with_bodies
from tests.study.test_steps import RULES, captured

_KNOWN = {
    "openclaw-a-clock": ("clock", "openclaw.clock"),
    "openclaw-b": ("number", "openclaw.flags"),
    "openclaw-c": ("uuid", "openclaw.message-id"),
    "openclaw-c-responses": ("uuid", "openclaw.message-id"),
    "openclaw-c-messages": ("uuid", "openclaw.message-id"),
    "openclaw-g": ("counter", "openclaw.turn-context"),
    "openclaw-j": ("date", "openclaw.date"),
    "claude-code-old": ("hex id", "claude-code.billing-header"),
    "claude-code-run-on": ("hex id", "claude-code.billing-header"),
    "claude-code-git": ("lines", "claude-code.git-status"),
    "opencode": ("date", "opencode.date"),
    "opencode-omo": ("clock", "opencode.omo-clock"),
    "opencode-memory": ("ISO time", "opencode.memory-clock"),
    "hermes": ("counter", "hermes.memory"),
    "goose": ("ISO time", "goose.clock"),
    "qwen-code": ("date", "qwen-code.date"),
    "codex": ("date", "codex.date"),
    "open-webui": ("clock", "any.clock"),
    "librechat": ("ISO time", "librechat.search-clock"),
    "home-assistant": ("clock", "home-assistant.clock"),
    "n8n": ("ISO time", "n8n.clock"),
    "zed": ("date", "zed.date"),
    "pi-2025": ("clock", "pi.clock"),
    "aider": ("date", "aider.date"),
    "continue": ("date", "continue.date"),
    "unknown-iso": ("ISO time", "any.clock"),
    "unknown-long": ("clock", "any.clock"),
}


@pytest.mark.parametrize("case", _KNOWN)
def test_rules_name_themselves_for_what_they_were_written_for(case: str) -> None:
    shape, rule = _KNOWN[case]
    found = inspected(captured(case))
    named = [(one.shape, [(known.id, known.on) for known in one.rules]) for one in found.candidates]
    assert (shape, [(rule, True)]) in named
    assert all(one.rules for one in found.candidates)


def test_a_rule_that_is_off_is_named_with_its_level() -> None:
    (one,) = inspected(captured("unknown-id")).candidates
    assert one.shape == "uuid"
    assert one.rules == (("any.ids", "careful", False),)
    careful = RuleSet.of(tuple(shipped_rules()), {}, "careful")
    (one,) = inspected(captured("unknown-id"), careful).candidates
    assert one.rules == (("any.ids", "careful", True),)


def test_tools_in_another_order_are_known_to_the_rule_that_orders_them() -> None:
    found = inspected(captured("shuffled-tools"))
    assert {(one.part, one.key.context) for one in found.candidates} == {
        ("tools", "order"),
        ("tools", "order of keys"),
    }
    assert {rule for one in found.candidates for rule in one.rules} == {("any.tools", "safe", True)}


@pytest.mark.parametrize("case", ["edited", "pruned-soft", "pruned-hard", "compacted", "dropped-reasoning"])
@pytest.mark.parametrize("rules", [RULES, NO_RULES], ids=["rules", "none"])
def test_what_a_person_or_a_model_wrote_is_no_candidate(case: str, rules: RuleSet) -> None:
    assert inspected(captured(case), rules).candidates == []


@pytest.mark.parametrize(
    "case", ["openclaw-a", "openclaw-e", "openclaw-f", "roo-code", "respelled-arguments"]
)
def test_what_comes_again_as_it_was_is_no_candidate(case: str) -> None:
    assert inspected(captured(case), NO_RULES).candidates == []


def test_a_pasted_value_that_stays_is_no_candidate() -> None:
    pasted = "Ticket 0b5e7f30-6f2c-4d1e-9c1a-7d3c2b1a0f00 of 2026-02-18T20:48:11Z"
    found = inspected(talk(lambda turn: f"You help.\n{pasted}\nrun: {turn:08x}\n{BOATS}{pasted}"), NO_RULES)
    (one,) = found.candidates
    assert one.line == 3
    assert one.values[:2] == ["00000000", "00000001"]


def test_where_a_candidate_stands_and_what_it_costs() -> None:
    found = inspected(talk(lambda turn: f"You help.\n{BOATS}\n## Run\nid: 8f3a{turn}b2c\nEnd."), NO_RULES)
    (one,) = found.candidates
    assert (one.part, one.section, one.line) == ("system", "Run", 44)
    assert one.character == len(f"You help.\n{BOATS}\n## Run\nid: ")
    assert (one.times, found.turns(one), one.leading) == (5, 5, 5)
    assert 0.8 < one.far < 1
    assert one.behind < 60
    assert one.cost == found.conversations["c1"].again_raw > 0
    assert one.request == "talk.jsonl#2"


def test_what_changes_behind_another_change_is_told_but_costs_nothing() -> None:
    requests = talk(lambda turn: f"id: 8f3a{turn}b2c\n{BOATS}\ncount: {turn * 7} letters\n{BOATS}")
    first, second = sorted(inspected(requests, NO_RULES).candidates, key=lambda one: one.line)
    assert (first.leading, second.leading) == (5, 0)
    assert (second.shape, second.cost, second.times) == ("counter", 0, 5)


def test_conversations_of_one_client_have_their_candidates_together() -> None:
    (one,) = (one for one in inspected(captured("two-sessions")).candidates if one.shape == "counter")
    assert len(one.lanes) == 2
    assert one.times == 6


def test_only_so_many_places_are_followed() -> None:
    def system(turn: int) -> str:
        return "\n".join(
            f"line {'abcdefghij'[at % 10] * (1 + at // 10)}: {turn * 31 + at}" for at in range(150)
        )

    found = inspected(talk(system, 3), NO_RULES)
    assert len(found.candidates) == 100
    assert found.more == 100


def test_every_case_can_be_inspected() -> None:
    for case in CASES:
        found = inspected(captured(case))
        assert len(found.requests) == len(list(CASES[case].requests(True)))


def _with_tool(turn: int, body: bytes, **tool: object) -> bytes:
    return body[:-1] + b',"tools":' + msgspec.json.encode([{"type": "function", "function": tool}]) + b"}"


def test_a_description_that_changes_is_known_to_the_rule_that_keeps_it() -> None:
    requests = with_bodies(
        talk(lambda turn: BOATS),
        lambda turn, body: _with_tool(turn, body, name="say", description=f"Say it. Seen {turn * 3} times."),
    )
    (one,) = inspected(requests).candidates
    assert (one.part, one.shape, one.rules) == (
        "tool say",
        "counter",
        (("any.tool-descriptions", "careful", False),),
    )


def test_parameters_that_change_are_told_and_left_to_the_client() -> None:
    requests = with_bodies(
        talk(lambda turn: BOATS),
        lambda turn, body: _with_tool(turn, body, name="say", parameters={"title": f"8f3a{turn}b2c"}),
    )
    found = tried(requests)
    assert found.tried == ()
    ((one, why),) = found.refused
    assert one.part == "tool say"
    assert "let the client send the same tools" in why
