"""What rules that are off would have kept."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.clients import recognize
from proxy_core.diagnosis.divergence import diverge
from proxy_core.diagnosis.outline import outline
from proxy_core.diagnosis.whatif import Option, Wanted, moved_by, what_if
from proxy_core.prompt import Change, Prompt, parse
from proxy_core.prompt.message import forget_messages
from proxy_core.routes import route
from proxy_core.rules import RuleSet, shipped_rules
from proxy_core.rules.actions import Strip
from proxy_core.rules.recall import Room
from tests.clients.registry import CASES
from tests.rules.talk import CLIENT, assistant, look, rule, system, user

RULES = tuple(shipped_rules())
OFF = RuleSet(RULES)
SAFE = RuleSet.of(RULES, {}, "safe")


def options(
    name: str, rules: RuleSet = OFF, *, bypass: bool = False, room: Room | None = None
) -> list[list[Option]]:
    """What each request of a case's main conversation could have kept of the one before."""
    sent = [one for one in CASES[name].requests(True) if one.lane == "main"]
    found: list[list[Option]] = []
    for before, now in itertools.pairwise(sent):
        api = route("POST", now.path.partition("?")[0]).api
        assert api is not None
        previous, current = parse(api, before.body), parse(api, now.body)
        client = recognize({key.lower(): value for key, value in now.headers.items()}, current)
        shared = diverge(outline(previous), outline(current)).shared
        found.append(what_if(Wanted(rules, bypass, room), client, previous, current, shared))
    return [some for some in found if some]


def talk(text: str, *, noise: str = "", more: str = "") -> Prompt:
    """A conversation with a marker in its system text, and another in its question."""
    middle = "".join(f"Rule {number} of the house is to be kept.\n" for number in range(60))
    messages = [system(f"{text}\n{middle}"), user(f"{noise}hi"), assistant("yes"), user(f"and{more}")]
    return parse("chat", json.dumps({"messages": messages}).encode())


ID = rule(Strip(), look(r"\[id \d+\]"), id="own.id")
NOISE = rule(Strip(), look(r"\[at \d+\]", "user"), id="own.noise")


def tried(previous: Prompt, current: Prompt, wanted: Wanted, **more: Any) -> list[Option]:
    shared = diverge(outline(previous), outline(current)).shared
    return what_if(wanted, CLIENT, previous, current, shared, **more)


def test_the_rule_that_would_have_kept_most_comes_first() -> None:
    found = options("openclaw-c")
    assert found
    assert {some[0].rules for some in found} == {("openclaw.message-id",)}
    first = found[0][0]
    assert first.level is None, "its level is reached: somebody switched it off"
    assert first.gain > 0.5 * first.size
    assert first.gain < first.shared <= first.size


def test_where_all_that_helps_is_on_there_is_nothing_to_win() -> None:
    assert options("openclaw-c", SAFE) == []


def test_a_rule_of_a_higher_level_is_named_with_that_level() -> None:
    found = options("unknown-id", SAFE)
    assert found
    assert {(some[0].rules, some[0].level) for some in found} == {(("any.ids",), "careful")}


def test_of_two_that_gain_alike_the_milder_is_named() -> None:
    assert all([some.rules for some in found] == [("any.tools",)] for found in options("shuffled-tools"))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("dropped-reasoning", "any.reasoning"),
        ("pruned-hard", "openclaw.tool-output"),
        ("claude-code-run-on", "claude-code.billing-header"),
        ("openclaw-g-messages", "openclaw.turn-context"),
        ("openclaw-c-responses", "openclaw.message-id"),
        ("clock", "any.clock"),
    ],
)
def test_each_kind_of_rule_is_found(name: str, wanted: str) -> None:
    found = options(name, room=Room(65536, 0.3))
    assert found
    assert all((wanted,) == some[0].rules for some in found)


def test_rules_are_put_together_where_one_alone_does_not_do() -> None:
    [first, *_] = options("opencode-plan")
    assert set(first[0].rules) == {"opencode.date", "opencode.reminders"}
    assert [some.rules for some in first[1:]] == [("opencode.date",)], "the one that gains something alone"


def test_no_more_rules_are_put_together_than_it_takes() -> None:
    [first] = tried(
        talk("[id 1]", noise="[at 1]", more=" then" * 400),
        talk("[id 2]", noise="[at 2]", more=" then" * 400),
        Wanted(RuleSet((ID, NOISE, replace(ID, id="own.other", looks=(look("nothing"),))))),
    )[:1]
    assert set(first.rules) == {"own.id", "own.noise"}


def test_while_rules_are_bypassed_those_that_are_on_are_the_option() -> None:
    found = options("openclaw-c", SAFE, bypass=True)
    assert found
    assert all([some.rules for some in each] == [()] for each in found)
    assert all(some[0].gain > 0.5 * some[0].size for some in found)
    assert options("openclaw-c", OFF, bypass=True) == []


def test_a_rule_that_is_off_by_itself_takes_a_persons_hand() -> None:
    rules = RuleSet((replace(ID, on=False, level="careful"),))
    [option] = tried(talk("[id 1]"), talk("[id 2]"), Wanted(rules))
    assert (option.rules, option.level) == (("own.id",), None)
    [option] = tried(talk("[id 1]"), talk("[id 2]"), Wanted(RuleSet((replace(ID, level="careful"),))))
    assert (option.rules, option.level) == (("own.id",), "careful")


def test_rules_of_other_clients_are_not_tried() -> None:
    rules = RuleSet((replace(ID, client="somebody"),))
    assert tried(talk("[id 1]"), talk("[id 2]"), Wanted(rules)) == []


def test_requests_of_two_apis_are_compared_as_well() -> None:
    previous = parse("messages", talk("[id 1]").body.replace(b'"role": "system"', b'"role": "user"'))
    assert tried(previous, talk("[id 2]"), Wanted(RuleSet((ID,)))) == []


def test_equal_prompts_leave_nothing_to_win() -> None:
    assert tried(talk("[id 1]"), talk("[id 1]"), Wanted(RuleSet((ID,)))) == []


class Broken:
    """A text action that raises."""

    def apply(self, text: bytes, matches: Sequence[Change]) -> Sequence[Change]:
        raise RuntimeError("broken")


def test_a_rule_that_fails_is_no_option() -> None:
    rules = RuleSet((rule(Broken(), look(r"\[id \d+\]"), id="own.broken"), ID))
    [option] = tried(talk("[id 1]"), talk("[id 2]"), Wanted(rules))
    assert option.rules == ("own.id",)


def test_when_the_time_is_up_what_is_known_is_given() -> None:
    previous, current = talk("[id 1]", noise="[at 1]"), talk("[id 2]", noise="[at 2]")
    wanted = Wanted(RuleSet((ID, NOISE)))
    [option] = tried(previous, current, wanted, expired=lambda: True)
    assert set(option.rules) == {"own.id", "own.noise"}
    calls = iter([False, True, True, True, True, True])
    some = tried(previous, current, wanted, expired=lambda: next(calls))
    assert ("own.id",) in [option.rules for option in some]


def test_trying_leaves_no_trace_on_what_requests_remember() -> None:
    forget_messages()
    previous, current = talk("[id 1]"), talk("[id 2]")
    messages = {id(m): m for prompt in (previous, current) for m in prompt.messages}
    SAFE.apply(current, None)
    seen: Callable[[], object] = lambda: {key: dict(m.remembered) for key, m in messages.items()}  # noqa: E731
    outline(previous), outline(current)
    before = seen()
    tried(previous, current, Wanted(RuleSet((ID, NOISE))))
    assert seen() == before


@pytest.mark.parametrize(
    ("then", "now", "moved"),
    [
        ((), (), ()),
        (("a", "b"), ("a", "b"), ()),
        (("a", "b"), ("b", "c"), ("a", "c")),
        (("b", "a"), (), ("b", "a")),
    ],
)
def test_rules_that_ran_for_one_of_both_moved(
    then: tuple[str, ...], now: tuple[str, ...], moved: tuple[str, ...]
) -> None:
    assert moved_by(then, now) == moved


_texts = st.text(st.sampled_from("ab[id 12]\n"), max_size=30)


@given(_texts, _texts, _texts, _texts, st.booleans())
def test_options_are_ordered_and_true_whatever_is_sent(
    one: str, other: str, noise: str, more: str, bypass: bool
) -> None:
    previous, current = talk(one, noise=noise), talk(other, noise=more, more=one)
    wanted = Wanted(RuleSet((ID, NOISE), frozenset({"own.noise"})), bypass)
    shared = diverge(outline(previous), outline(current)).shared
    found = what_if(wanted, CLIENT, previous, current, shared)
    assert found == what_if(wanted, CLIENT, previous, current, shared)
    for option in found:
        assert option.gain >= 0.01 * option.size
        assert shared <= option.shared - option.gain < option.shared <= option.size
