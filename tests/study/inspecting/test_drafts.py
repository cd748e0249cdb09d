from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from console.rules_verbs.toml_text import table_lines
from proxy_core.captures import Captured
from proxy_core.rules import RuleSet, shipped_rules
from proxy_core.rules.files import read_files
from proxy_core.rules.patterns import pattern
from proxy_core.study.inspecting.drafts import Draft, Refused, draft
from tests.study.inspecting.inspected import BOATS, FOR_CLIENTS, NO_RULES, inspected, talk, tried, with_bodies
from tests.study.test_steps import captured

_NAMES = ("read", "write", "exec", "web", "cron")


def _turned(turn: int) -> list[str]:
    return [*_NAMES[turn % 5 :], *_NAMES[: turn % 5]]


_SYSTEMS: dict[str, tuple[str, Callable[[int], str]]] = {
    "an id in a sentence": ("freeze", lambda turn: f"You help.\nThis is run 8f3a{turn}b2c of many.\n{BOATS}"),
    "a bare id at the beginning": ("freeze", lambda turn: f"0000{turn}abc\nYou help.\n{BOATS}"),
    "a bare id below a line": ("freeze", lambda turn: f"You help.\nTrace:\n  0000{turn}abc\n{BOATS}"),
    "a clock with seconds": (
        "relocate",
        lambda turn: f"You help.\nAt the desk it is 20:4{turn}:11.\n{BOATS}",
    ),
    "two values on a line": (
        "freeze",
        lambda turn: f"You help.\nrun 8f3a{turn}b2c, letter {turn * 3} of 90\n{BOATS}",
    ),
    "a counter": ("freeze", lambda turn: f"You help.\nLetters on the desk: {turn * 31}\n{BOATS}"),
    "an epoch": ("freeze", lambda turn: f"You help.\nnow={1772668000 + turn}\n{BOATS}"),
    "a decimal": ("freeze", lambda turn: f"You help.\nDepth: {19 + turn * 0.7:.1f} m\n{BOATS}"),
    "a Chinese clock": (
        "relocate",
        lambda turn: f"你来帮忙。\n当前时间:2026年3月4日 {turn + 8}时5{turn}分12秒\n{BOATS}",
    ),
    "a path": ("freeze", lambda turn: f"You help.\nWork in /tmp/run-{turn}abc/out now.\n{BOATS}"),
    "words": ("freeze", lambda turn: f"You help.\nMood: {_NAMES[turn % 5]} and calm\n{BOATS}"),
    "a list of lines": (
        "freeze",
        lambda turn: "You help.\nSkills:\n" + "".join(f"- {name}\n" for name in _turned(turn)) + f"\n{BOATS}",
    ),
    "a list on one line": ("freeze", lambda turn: f"You help.\nSkills: {', '.join(_turned(turn))}.\n{BOATS}"),
    "within one long line": (
        "freeze",
        lambda turn: f"{'You help with boats. ' * 40} Trace t-{turn}4abc9 ends. {'And tides. ' * 40}",
    ),
    "the same line twice": (
        "relocate",
        lambda turn: f"You help.\nstamp 20:4{turn}:11\n{BOATS}\nstamp 20:4{turn}:11\nEnd.",
    ),
    "quotes, braces and backslashes": (
        "freeze",
        lambda turn: f"You help.\nit's \\ \"the {{}}\" '''id''' {turn}abc8f3a \"\"\"\n{BOATS}",
    ),
    "carriage returns and tabs": ("freeze", lambda turn: f"You help.\r\nrun:\t8f3a{turn}b2c\r\n{BOATS}"),
    "another alphabet": ("freeze", lambda turn: f"Ты помогаешь.\nЗапрос №{turn + 100}: лодки\n{BOATS}"),
}


def _written(drafts: list[Draft], folder: Path) -> Path:
    file = folder / "mine.toml"
    file.write_text("\n".join(line for one in drafts for line in table_lines("[[rule]]", one.table)))
    return file


@pytest.mark.parametrize("case", _SYSTEMS)
def test_a_draft_makes_the_prompt_come_again(case: str, tmp_path: Path) -> None:
    action, system = _SYSTEMS[case]
    requests = talk(system)
    found = tried(requests, NO_RULES)
    drafts = [one.draft for one in found.tried]
    assert {one.table["action"] for one in drafts} == {action}
    assert found.base is not None
    assert found.together is not None
    assert found.base < 0.9 < 0.97 < found.together
    assert all(one.without < one.reuse for one in found.tried)
    # As it is written, it is read again as the same rule, its examples played.
    rules, problems = read_files([_written(drafts, tmp_path)], shipped_rules())
    assert problems == []
    assert [(rule.id, rule.client, rule.level) for rule in rules] == [
        (one.rule.id, "any", "safe") for one in drafts
    ]
    more = RuleSet(tuple(rules), frozenset(rule.id for rule in rules), "safe")
    again = inspected(requests, more)
    share = again.conversations["c1"].normalized.share
    assert share is not None
    assert share > 0.97
    assert all(one.rules for one in again.candidates)


@pytest.mark.parametrize("case", ["unknown-iso", "unknown-long", "unknown-id", "openclaw-c", "aider", "n8n"])
def test_clients_without_rules_of_their_own_get_a_draft(case: str) -> None:
    requests = captured(case)
    rules = FOR_CLIENTS if case.startswith("unknown") else NO_RULES
    (one,) = tried(requests, rules).tried
    assert one.reuse > 0.97
    assert one.reuse - one.without > 0.1
    client = requests[0].client or inspected(requests).requests[0].client
    wanted = "any" if case.startswith("unknown") else client
    assert one.draft.rule.client == wanted
    assert one.draft.rule.level == "safe"


def test_nothing_that_was_said_is_lost() -> None:
    (one,) = tried(captured("unknown-iso"), FOR_CLIENTS).tried
    example = one.draft.table["example"][0]
    assert example["before"] == "Current time: 2026-03-04T23:51:42+00:00"
    assert example["after"] == "Current time: (see the user's messages)"
    assert example["moved"] == "[Current time: 2026-03-04T23:51+00:00]"
    (one,) = tried(captured("unknown-id"), FOR_CLIENTS).tried
    example = one.draft.table["example"][0]
    assert example["after"] == example["first"]
    assert example["moved"] == f"[{example['before']}]"


def test_a_look_asks_for_the_constant_words_of_the_line() -> None:
    (one,) = tried(talk(_SYSTEMS["an id in a sentence"][1]), NO_RULES).tried
    (look,) = one.draft.table["look"]
    assert look == {
        "in": ["system"],
        "at": "text",
        "message": "first",
        "fenced": False,
        "pattern": "(?m)^This is run ([0-9A-Fa-f]{8}) of many\\.$",
    }
    assert not pattern(look["pattern"]).search(b"Another run 8f3a0b2c of many.")


@pytest.mark.parametrize(
    ("system", "why"),
    [
        (lambda turn: f"{BOATS}{'Guests today.' if turn == 3 else 'No guests.'}\nEnd.", "changed once"),
        (lambda turn: f"{BOATS}# Files\n" + "one.py\n" * turn + f"# More\n{BOATS}", "whole lines"),
    ],
)
def test_what_gets_no_draft_and_why(system: Callable[[int], str], why: str) -> None:
    found = inspected(talk(lambda turn: system(min(turn, 3))), NO_RULES)
    made = [draft(one, None, []) for one in found.candidates]
    assert made
    assert all(isinstance(one, Refused) and why in one.why for one in made)


@pytest.mark.parametrize(
    "system",
    [
        lambda turn: f"{BOATS}\n\n\n{turn * 7} x 8f3a{turn}b2c of many\n{BOATS}",
        lambda turn: f"{BOATS}\nMood {_NAMES[turn % 2]} x 8f3a{turn % 2}b2c of many\n{BOATS}",
    ],
    ids=["whole line", "part of a line"],
)
def test_a_value_without_constant_words_in_front_of_it_gets_no_rule(system: Callable[[int], str]) -> None:
    found = [one for one in inspected(talk(system), NO_RULES).candidates if one.shape == "hex id"]
    made = [draft(one, None, []) for one in found]
    assert made
    assert all(isinstance(one, Refused) and "does not tell it" in one.why for one in made)


def test_drafts_are_in_force_where_rules_of_ones_own_are() -> None:
    made = [one.draft for case in ("unknown-id", "clock") for one in tried(captured(case), FOR_CLIENTS).tried]
    assert made
    assert RuleSet.of(tuple(one.rule for one in made), {}, "safe").enabled == {one.rule.id for one in made}


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ("at 9:5{} sharp", False),
        ("at 9:05:1{} sharp", True),
        ("现在9时05分1{}秒", True),
        ("今天2026年3月1{}日", False),
    ],
)
def test_only_where_there_are_seconds_a_draft_leaves_them_out(now: str, told: bool) -> None:
    (one,) = tried(talk(lambda turn: f"You help.\nThe clock: {now.format(turn)}\n{BOATS}"), NO_RULES).tried
    table = one.draft.table
    assert ("without seconds" in table["cost"], "find" in table["with"]) == (told, told)


def test_ids_that_are_taken_are_left_alone() -> None:
    (one,) = inspected(captured("unknown-id"), FOR_CLIENTS).candidates
    made = draft(one, None, ["mine.request-id", "mine.request-id-2"])
    assert isinstance(made, Draft)
    assert made.rule.id == "mine.request-id-3"


def test_values_in_the_first_user_message() -> None:
    requests = talk(lambda turn: "You help.")
    requests = with_bodies(
        requests,
        lambda turn, body: body.replace(
            b"Question 0?", f"It is 20:4{turn}:11 now. {'Boats and tides. ' * 60}".encode()
        ),
    )
    (one,) = tried(requests, NO_RULES).tried
    (look,) = one.draft.table["look"]
    assert (look["in"], look["at"], look["message"]) == (["user"], "start", "first")
    assert one.reuse > 0.9


def _with_first(say: Callable[[int], str]) -> list[Captured]:
    """A talk whose first user message begins with what `say` says in each turn."""
    return with_bodies(
        talk(lambda turn: "You help."),
        lambda turn, body: body.replace(
            b"Question 0?", json.dumps(say(turn) + "Where are the boats? " * 60)[1:-1].encode()
        ),
    )


@pytest.mark.parametrize(
    ("begins", "next_time"),
    [
        (lambda turn: f"[20:4{turn}:11] ", "[07:03:59] Something else."),
        (
            lambda turn: f"<environment>\ncwd: /home/ann/boats\nnow: 20:4{turn}:11\n</environment>\n",
            "<environment>\ncwd: /srv/other/place\nnow: 07:03:59\n</environment>\nSomething else.",
        ),
    ],
    ids=["before the words", "in a block above them"],
)
def test_a_draft_for_user_messages_knows_the_next_conversation_too(
    begins: Callable[[int], str], next_time: str
) -> None:
    (one,) = tried(_with_first(begins), NO_RULES).tried
    (look,) = one.draft.rule.looks
    (found,) = look.find(next_time.encode())
    assert next_time.encode()[found.start : found.end] == b"07:03:59"
    assert not look.find(b"Where are the boats at 20:41:11? [20:41:11] they were here.")


def test_a_bare_clock_before_a_persons_words_may_be_theirs() -> None:
    (one,) = inspected(_with_first(lambda turn: f"20:4{turn}:11 "), NO_RULES).candidates
    made = draft(one, None, [])
    assert isinstance(made, Refused)
    assert "does not tell it" in made.why
