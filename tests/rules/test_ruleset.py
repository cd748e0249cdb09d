"""What a rule set makes of a request: order, overlaps, failures, time, and nothing else touched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from proxy_core.prompt import Change, parse
from proxy_core.rules import RuleSet
from proxy_core.rules.actions import DropBlock, Order, Relocate, Strip
from proxy_core.rules.look import Look
from proxy_core.rules.pack import read_pack
from proxy_core.rules.patterns import pattern
from proxy_core.rules.rule import LEVELS, Level, Rule
from tests.rules.talk import CLIENT, Talk, assistant, look, output, rule, system, user


def named(id: str, source: str, client: str = CLIENT) -> Rule:
    made = rule(Strip(), look(source, "user"), id=id)
    return Rule(id, "t", client, made.apis, "safe", "d", "c", made.looks, made.action)


def test_where_two_rules_want_the_same_bytes_the_first_has_them() -> None:
    talk = Talk(named("one", "ab"), named("two", "abc"))
    assert talk.send(user("abcd")) == [user("cd")]
    assert [edit.rule for edit in talk.last.edits] == ["one"]
    assert talk.last.matched == {"one", "two"}, "both found their place"


def test_rules_for_the_client_go_before_those_for_any() -> None:
    talk = Talk(named("general", "ab", "any"), named("special", "abc"))
    assert talk.send(user("abcd")) == [user("d")]


def test_a_rule_runs_only_for_its_client() -> None:
    body = json.dumps({"messages": [user("abcd")]}).encode()
    rules = RuleSet((named("one", "ab"),), frozenset({"one"}))
    for client in (None, "another"):
        result = rules.apply(parse("chat", body), client)
        assert result.body is body
        assert result.matched == frozenset()


class Failing(Strip, frozen=True):
    def apply(self, text: bytes, matches: Sequence[Change]) -> Sequence[Change]:
        raise ZeroDivisionError("by the rule")


class FailingLane(Relocate, frozen=True):
    def work(self, *_args: Any) -> Any:
        raise ZeroDivisionError("by the rule")


@pytest.mark.parametrize("action", [Failing(), FailingLane()])
def test_a_rule_that_fails_is_left_out_and_named(action: Strip | Relocate) -> None:
    broken, fine = rule(action, look("a", "user"), id="broken"), named("fine", "a")
    rules = RuleSet((broken, fine), frozenset({"broken", "fine"}))
    result = rules.apply(parse("chat", json.dumps({"messages": [user("abc")]}).encode()), CLIENT)
    assert json.loads(result.body)["messages"] == [user("bc")]
    [failure] = result.failures
    assert failure.startswith("rule broken failed and was left out of this request: ZeroDivisionError")


@pytest.mark.parametrize("action", [Strip(), Relocate(), Order()])
def test_a_rule_past_its_time_is_left_out_and_named(
    action: Strip | Relocate | Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy_core.rules.timing._SECONDS_PER_MB", -1.0)
    slow = rule(action, look("a", "user"), id="slow")
    tools = [{"function": {"name": "b"}}, {"function": {"name": "a"}}]
    body = json.dumps({"messages": [user("abc")], "tools": tools}).encode()
    result = RuleSet((slow,), frozenset({"slow"})).apply(parse("chat", body), CLIENT)
    assert (result.body, result.writes, result.matched) == (body, {}, frozenset())
    [failure] = result.failures
    assert "rule slow took " in failure
    monkeypatch.undo()
    again = RuleSet((slow,), frozenset({"slow"})).apply(parse("chat", body), CLIENT)
    assert again.failures == (), "what was left out is not remembered"
    assert again.matched == {"slow"}


NOTE = Look(frozenset({"user", "tool"}), at="whole", pattern=pattern("<note>.*</note>"))


def test_a_message_that_was_nothing_but_a_block_goes_whole() -> None:
    talk = Talk(rule(DropBlock(), NOTE))
    assert talk.send(user("hi"), user("<note>x</note>"), assistant("yes")) == [user("hi"), assistant("yes")]
    kept = talk.send(user("hi"), assistant(None, ("c", "{}")), output("c", "<note>x</note>"))
    assert kept[2] == output("c", ""), "the call needs its answer"


def test_a_message_that_holds_more_or_ends_the_prompt_stays() -> None:
    talk = Talk(rule(DropBlock(), NOTE))
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    seen = {"role": "user", "content": [{"type": "text", "text": "<note>x</note>"}, image]}
    assert talk.send(seen, assistant("yes"))[0]["content"] == [{"type": "text", "text": ""}, image]
    assert talk.send(user("hi"), assistant("yes"), user("<note>x</note>"))[2] == user("")
    assert talk.send(user("<note>x</note>")) == [user("")]


def test_untouched_messages_keep_every_byte() -> None:
    odd = (
        b'{"messages" : [ {"role":"user","content":"ab\\u0063"} ,\n'
        b'{"content":"1\\/2","role":"user"}],"n":1.0 }'
    )
    rules = RuleSet((named("one", "ab"),), frozenset({"one"}))
    assert rules.apply(parse("chat", odd), CLIENT).body == odd.replace(b"ab", b"")


def test_the_same_history_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    found = Look.find

    def find(self: Look, text: bytes) -> list[Change]:
        seen.append(text)
        return found(self, text)

    monkeypatch.setattr(Look, "find", find)
    talk = Talk(named("one", "ab"))
    talk.send(system("s"), user("ab once"))
    talk.send(system("s"), user("ab once"), assistant("x"), user("ab twice"))
    assert seen == [b"ab once", b"ab twice"]


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_includes_the_milder_ones_and_a_person_has_the_last_word(level: Level) -> None:
    rules = tuple(
        Rule(own, "t", CLIENT, frozenset(), own, "d", "c", (), Strip(), on=own != "careful") for own in LEVELS
    )
    reached = set(LEVELS[: LEVELS.index(level) + 1])
    assert RuleSet.of(rules, {}, level).enabled == reached - {"careful"}
    toggled = RuleSet.of(rules, {"careful": True, "safe": False}, level)
    assert toggled.enabled == (reached | {"careful"}) - {"safe"}
    assert toggled.toggled("safe", True).level == level


PACK = """
[[rule]]
id = "own.{id}"
title = "One line"
client = "openclaw"
apis = ["chat"]
level = "safe"
does = "{does}."
cost = "Nothing."
action = "strip"
[[rule.look]]
in = ["user"]
pattern = "x"
"""


def test_a_version_tells_which_rules_run_and_what_they_say() -> None:
    def version(*packs: str, off: str = "") -> str:
        rules = tuple(rule for pack in packs for rule in read_pack("own.toml", pack.encode()))
        return RuleSet.of(rules, {off: False}).version

    one, two = (PACK.format(id=name, does="It goes") for name in ("one", "two"))
    assert version(one, two) == version(two, one), "their order changes nothing here"
    assert (
        len({version(one), version(two), version(one, two), version(PACK.format(id="one", does="So"))}) == 4
    )
    assert version(one, two, off="own.two") == version(one), "a rule that is off does not count"
