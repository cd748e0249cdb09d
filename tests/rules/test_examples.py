"""Examples in rule files: the shipped ones hold, and one that does not is named with what comes out."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

import pytest

from proxy_core.errors import RuleError
from proxy_core.rules.pack import read_pack

PACKS = sorted((resources.files("proxy_core.rules") / "packs").iterdir(), key=lambda file: file.name)
RULES: list[tuple[str, dict[str, Any]]] = [
    (pack.name, rule) for pack in PACKS for rule in tomllib.loads(pack.read_text("utf-8")).get("rule", [])
]
_CAPTURED = ("reasoning", "arguments")
"""What an example cannot show: the model has to generate it first."""


@pytest.mark.parametrize("pack", PACKS, ids=[pack.name for pack in PACKS])
def test_shipped_examples_hold(pack: Any) -> None:
    assert read_pack(pack.name, pack.read_bytes())


@pytest.mark.parametrize("rule", [rule for _, rule in RULES], ids=[rule["id"] for _, rule in RULES])
def test_every_shipped_rule_shows_what_it_does_and_what_it_leaves(rule: dict[str, Any]) -> None:
    if rule.get("with", {}).get("what") in _CAPTURED:
        return
    examples = rule["example"]
    assert len(examples) >= 2
    changes = [
        "moved" in example or example.get("after", example["before"]) != example["before"]
        for example in examples
    ]
    assert any(changes)
    assert rule.get("action") == "order" or not all(changes)


HEAD = """
[[rule]]
id = "mine.clock"
title = "Clock"
client = "tester"
does = "Moves the clock."
cost = "Nothing."
action = "relocate"
with = { note = "Now: {}", find = ':\\\\d\\\\d$', to = "" }

[[rule.look]]
in = ["system"]
at = "text"
pattern = '\\\\d\\\\d:\\\\d\\\\d:\\\\d\\\\d'

[[rule.example]]
""".replace("\\\\", "\\")


def refused(example: str, head: str = HEAD) -> str:
    with pytest.raises(RuleError) as caught:
        read_pack("mine.toml", (head + example).encode())
    return caught.value.message


def test_a_move_comes_out_as_it_says() -> None:
    assert read_pack(
        "m", (HEAD + 'in = "system"\nbefore = "at 10:11:12"\nafter = "at "\nmoved = "Now: 10:11"').encode()
    )


@pytest.mark.parametrize("apis", [["messages"], ["responses"], ["chat"]])
@pytest.mark.parametrize("kind", ["system", "tool", "assistant"])
def test_examples_of_every_api(apis: list[str], kind: str) -> None:
    head = HEAD.replace("client =", f"apis = {apis}\nclient =")
    head = head.replace('"relocate"', '"strip"').replace("with =", "# with =").replace('"text"', '"start"')
    head = head.replace('["system"]', f'["{kind}"]')
    assert read_pack("m", (head + f'in = "{kind}"\nbefore = "10:11:12 x"\nafter = " x"').encode())
    wrong = refused(f'in = "{kind}"\nbefore = "10:11:12 x"\nafter = "x"', head)
    assert "example 1 gives ' x', not 'x'" in wrong


@pytest.mark.parametrize(
    ("example", "words"),
    [
        ('before = "at 10:11:12"\nafter = "at"\nmoved = "Now: 10:11"', ["gives 'at '", "not 'at'"]),
        (
            'before = "at 10:11:12"\nafter = "at "\nmoved = "Now"',
            ["'Hello.\\n\\nNow: 10:11'", "not 'Hello.\\n\\nNow'"],
        ),
        ('before = "at 10:11:12"\nafter = "at "', ["'Hello.\\n\\nNow: 10:11'", "say in `moved`"]),
        ('before = "at noon"\nmoved = "Now: noon"', ["makes the user message 'Hello.'"]),
    ],
)
def test_what_comes_out_otherwise_is_shown(example: str, words: list[str]) -> None:
    message = refused(f'in = "system"\n{example}')
    for word in ["mine.toml: rule 'mine.clock': example 1", *words]:
        assert word in message


def test_a_conversation_has_a_memory() -> None:
    example = """
in = "messages"
first = [[{ role = "system", content = "10:11:12" }, { role = "user", content = "a" }]]
before = [
  { role = "system", content = "10:12:13" },
  { role = "user", content = "a" },
  { role = "assistant", content = "b" },
  { role = "user", content = "c" },
]
after = [
  { role = "system", content = "" },
  { role = "user", content = "a\\n\\nNow: 10:11" },
  { role = "assistant", content = "b" },
  { role = "user", content = "c\\n\\nNow: 10:12" },
]
"""
    assert read_pack("mine.toml", (HEAD + example).encode())
    assert "example 1 gives" in refused(example.replace("Now: 10:11", "Now: 10:12"))


def test_messages_are_tables() -> None:
    assert "list of tables" in refused('in = "messages"\nbefore = ["hello"]')


def test_tools_are_names_or_tables() -> None:
    head = HEAD.partition("[[rule.look]]")[0].replace('"relocate"', '"order"').partition("with =")[0]
    tool = '{ type = "function", function = { name = "b", description = "B" } }'
    lists = f'first = ["a", {tool}]\nbefore = [{tool}, "c", "a"]\nafter = ["a", {tool}, "c"]'
    example = f'[[rule.example]]\nin = "tools"\n{lists}'
    assert read_pack("mine.toml", (head + example).encode())
    assert "example 1 gives" in refused(example.replace('"c"]', '"d"]'), head)
