"""Rule files: what is wrong in them is named, file, rule and key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.errors import RuleError
from proxy_core.prompt import parse
from proxy_core.rules import RuleSet, load_rules, shipped_rules
from proxy_core.rules.pack import read_pack

GOOD = """
[[rule]]
id = "mine.greeting"
title = "Greetings"
does = "Removes a greeting."
cost = "Politeness."

[[rule.look]]
in = ["user"]
pattern = 'Hello( there)?, '

[[rule.example]]
in = "user"
before = "Hello there, do it"
after = "do it"
"""


def test_a_rule_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD, encoding="utf-8")
    rules = load_rules(tmp_path)
    assert [rule.id for rule in rules] == [rule.id for rule in shipped_rules()] + ["mine.greeting"]
    raw = b'{"messages":[{"role":"user","content":"Hello, do it"}]}'
    result = RuleSet.of(rules, {}).apply(parse("chat", raw), "curl")
    assert result.body == b'{"messages":[{"role":"user","content":"do it"}]}'


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[[rule]]", "[[rule", ["mine.toml", "not valid TOML", "line 2"]),
        ("title =", "titel =", ["mine.greeting", "unknown key `titel`"]),
        ('cost = "Politeness."', "", ["mine.greeting", "missing key `cost`"]),
        ("'Hello( there)?, '", "'(?=x)'", ["mine.greeting", "(?="]),
        ('after = "do it"', 'after = "do"', ["example 1", "'do it'", "'do'"]),
        ('in = ["user"]', 'in = ["robot"]', ["mine.greeting", "robot"]),
        ("mine.greeting", "Mine!", ["id"]),
        ("pattern = 'Hello( there)?, '", "keys = ['a']", ["section or in a frame"]),
        ("pattern = 'Hello( there)?, '", "", ["needs keys", "pattern"]),
        ("pattern =", "frame = 'nowhere'\npattern =", ["unknown frame 'nowhere'"]),
        ('cost = "Politeness."', 'cost = "x"\naction = "explode"', ["unknown action 'explode'", "strip"]),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, words: list[str]) -> None:
    with pytest.raises(RuleError) as caught:
        read_pack("mine.toml", GOOD.replace(old, new, 1).encode())
    for word in ["mine.toml", *words]:
        assert word in caught.value.message


def test_every_broken_file_is_named_and_none_counts(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("= 1", encoding="utf-8")
    (tmp_path / "b.toml").write_bytes(b"\xff")
    (tmp_path / "c.toml").write_text(GOOD.replace("mine.greeting", "openclaw.timestamp"), encoding="utf-8")
    with pytest.raises(RuleError) as caught:
        load_rules(tmp_path)
    assert [line.split(":")[0] for line in caught.value.message.splitlines()] == [
        "a.toml",
        "b.toml",
        "c.toml",
    ]


@given(st.text() | st.sampled_from(GOOD.splitlines()).map(lambda line: GOOD.replace(line, "")))
def test_any_file_is_read_or_refused(text: str) -> None:
    refused = ""
    try:
        read_pack("any.toml", text.encode("utf-8", "surrogatepass"))
    except RuleError as error:
        refused = error.message
    assert not refused or refused.startswith("any.toml: ")


def test_a_rule_that_raises_is_left_out_and_named() -> None:
    rules = shipped_rules()

    class Broken:
        def apply(self, text: bytes, matches: list[object]) -> list[object]:
            raise ValueError("boom")

    object.__setattr__(rules[0], "action", Broken())
    raw = b'{"messages":[{"role":"user","content":"[Wed 2026-02-18 20:48 UTC] hi"}]}'
    result = RuleSet.of(tuple(rules), {}).apply(parse("chat", raw), None)
    assert [edit.rule for edit in result.edits] == ["openclaw.timestamp"]
    assert len(result.failures) == 1
    assert "openclaw.message-id" in result.failures[0]


def test_editors_leavings_and_odd_files_hold_nothing_up(tmp_path: Path) -> None:
    (tmp_path / ".#mine.toml").symlink_to("nowhere")
    (tmp_path / "._mine.toml").write_bytes(b"\x00\x05")
    assert load_rules(tmp_path) == tuple(shipped_rules())
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(RuleError, match=r"pipe\.toml: it is no plain file"):
        load_rules(tmp_path)
