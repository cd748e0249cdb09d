"""Rule files: what is wrong in them is named, file, rule and key."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.errors import RuleError
from proxy_core.prompt import parse
from proxy_core.rules import RuleSet, load_rules, shipped_rules
from proxy_core.rules.actions import Action
from proxy_core.rules.pack import read_pack

GOOD = """
[[rule]]
id = "mine.greeting"
title = "Greetings"
does = "Removes a greeting."
cost = "Politeness."

[[rule.look]]
in = ["user"]
pattern = 'Hello(?: there)?, '

[[rule.example]]
in = "user"
before = "Hello there, do it"
after = "do it"
"""

PATTERN = "pattern = 'Hello(?: there)?, '"
COST = 'cost = "Politeness."'


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
        ("title =", "titel =", ["mine.greeting", "unknown key `titel`; did you mean `title`?"]),
        ('cost = "Politeness."', "", ["mine.greeting", "missing key `cost`"]),
        ("'Hello(?: there)?, '", "'(?=x)'", ["mine.greeting", "look 1: `pattern`: ", "(?="]),
        ('after = "do it"', 'after = "do"', ["example 1", "'do it'", "'do'"]),
        ('after = "do it"', "", ["example 1", "'do it'", "'Hello there, do it'"]),
        (
            'in = ["user"]',
            'in = ["robot"]',
            ["look 1: `in`: item 1: unknown value 'robot'; known: assistant"],
        ),
        ('in = ["user"]', 'in = "usr"', ["look 1: `in`: unknown value 'usr'; did you mean `user`?"]),
        ('in = ["user"]', 'in = ["user"]\nkeys = "a"', ["`keys`: it is a text, and must be a list."]),
        ("[[rule]]", "[rule]", ["`rule` is a list of tables", "[[rule]]"]),
        ('id = "mine.greeting"', "", ["rule number 1: missing key `id`"]),
        (PATTERN, "pattern = ''", ["look 1: `pattern` is an empty pattern"]),
        (COST, 'cost = " "', ["mine.greeting", "`cost` is empty"]),
        (COST, COST + "\napis = []", ["`apis` is empty", "chat"]),
        ('in = ["user"]', "in = []", ["mine.greeting", "look 1", "`in` is empty"]),
        ('in = ["user"]', 'at = "begin"', ["mine.greeting", "begin"]),
        ("mine.greeting", "Mine!", ["id", "small letters"]),
        (PATTERN, "keys = ['a']", ["section or in a frame"]),
        (PATTERN, "", ["needs the key `pattern`", "at is 'start' unless"]),
        (PATTERN, "patern = 'x'", ["look 1: unknown key `patern`; did you mean `pattern`?"]),
        (PATTERN, "frame = 'nowhere'\n" + PATTERN, ["unknown frame 'nowhere'", "this file has none"]),
        (PATTERN, "at = 'text'\n" + PATTERN, ["at = 'text'", 'in = ["system"]', "pasted"]),
        (PATTERN, "close = 'x'\n" + PATTERN, ["`close` means nothing at = 'start'", "at = 'block'"]),
        (PATTERN, "at = 'carrier'", ["at = 'carrier' is for action"]),
        (PATTERN, "keys = ['a']\nsection = 'x'", ["paste", "name a frame"]),
        (PATTERN, "at = 'section'\nheading = 'x'\nbefore = 'y'", ["take `before` out"]),
        (COST, COST + '\naction = "explode"', ["unknown action 'explode'", "strip"]),
        (COST, COST + '\naction = "replcae"', ["did you mean `replace`?"]),
        (COST, COST + '\naction = "replace"', ["action 'replace'", "missing key `to`"]),
        (COST, COST + '\nwith = { to = "x" }', ["action 'strip'", "unknown key `to`", "takes none"]),
        (
            COST,
            COST + '\naction = "replace"\nwith = { to = 1 }',
            ["with: `to`: it is a whole number", "a text."],
        ),
        (COST, COST + '\naction = "order"', ["knows where to look", "[[rule.look]]"]),
        (COST, COST + '\naction = "relocate"\nwith = { note = "x" }', ["with.note", "{}"]),
        (COST, COST + '\naction = "freeze"\nwith = { note = "{} {}" }', ["with.note", "exactly once"]),
        (COST, COST + '\naction = "relocate"\nwith = { find = "(" }', ["with.find", "pattern '('"]),
        (COST, COST + '\naction = "relocate"\nwith = { to = "x" }', ["with.to needs with.find"]),
        (COST, COST + "\naction = 'relocate'\nwith = { find = 'x', to = '\\1' }", ["group 1", "has none"]),
        (COST, COST + '\naction = "truncate"\nwith = { keep = "[" }', ["with.keep", "pattern '['"]),
        (COST, COST + '\nlevel = "brave"', ["brave", "level"]),
        (COST, COST + '\nframe = "no"', ["unknown frame 'no'"]),
        ("before =", "befor =", ["example 1: unknown key `befor`; did you mean `before`?"]),
        ('before = "Hello there, do it"', "before = []", ["`before` is a text"]),
        ('in = "user"', 'in = "messages"', ["`before` is a list"]),
        ('after = "do it"', 'after = "do it"\nmoved = "x"', ["`moved`", "use `after`"]),
        (
            "[[rule.example]]",
            "[frames.f]\nstamp = '('\n[[rule.example]]",
            ["frame 'f': `stamp`: pattern '('"],
        ),
        ("[[rule.example]]", "[frames.f]\nstemp = 'x'\n[[rule.example]]", ["did you mean `stamp`?"]),
        ("[[rule.example]]", "[[rule]]\n" + GOOD.split("[[rule]]")[1] + "[[rule.example]]", ["twice"]),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, words: list[str]) -> None:
    with pytest.raises(RuleError) as caught:
        read_pack("mine.toml", GOOD.replace(old, new, 1).encode())
    for word in ["mine.toml", *words]:
        assert word in caught.value.message


RESTORE = """
[[rule]]
id = "mine.kept"
title = "Kept"
does = "Keeps."
cost = "Room."
action = "restore"
with = { placeholders = ["gone"] }
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('["gone"]', "[]", ["placeholders is empty"]),
        ('["gone"]', '["gone", "("]', ["with.placeholders", "pattern '('"]),
        ('["gone"] }', '["gone"], share = 70 }', ["with.share"]),
        ('with = { placeholders = ["gone"] }', "", ["missing key `placeholders`"]),
        ('"restore"', '"reattach"', ["unknown key `placeholders`; known: what"]),
        ('"restore"', '"strip"', ["unknown key `placeholders`"]),
    ],
)
def test_what_is_wrong_with_an_action_is_named(old: str, new: str, words: list[str]) -> None:
    assert read_pack("mine.toml", RESTORE.encode())
    with pytest.raises(RuleError) as caught:
        read_pack("mine.toml", RESTORE.replace(old, new, 1).encode())
    for word in ["mine.toml", "mine.kept", *words]:
        assert word in caught.value.message


def test_a_text_action_needs_a_look() -> None:
    with pytest.raises(RuleError, match=r"no \[\[rule.look\]\]"):
        read_pack("mine.toml", GOOD.split("[[rule.look]]")[0].encode())


def test_keys_are_not_replaced() -> None:
    look = "[[rule.look]]\nin = ['system']\nsection = 'x'\nkeys = ['a']\n"
    text = GOOD.split("[[rule.look]]")[0] + "action = 'replace'\nwith = { to = 'x' }\n" + look
    with pytest.raises(RuleError, match="would not leave JSON behind"):
        read_pack("mine.toml", text.encode())


def test_a_rule_knows_its_clients_frame() -> None:
    frames = "[frames.a]\nlines = ['A']\n"
    (rule,) = read_pack("mine.toml", (GOOD + frames).encode())
    assert rule.frame is not None
    assert rule.frame.bare(b"A\nx") == b"x"
    two = GOOD + frames + "[frames.b]\nlines = ['B']\n"
    (rule,) = read_pack("mine.toml", two.encode())
    assert rule.frame is None
    named = two.replace(COST, COST + "\nframe = 'b'", 1)
    (rule,) = read_pack("mine.toml", named.encode())
    assert rule.frame is not None
    assert rule.frame.bare(b"B\nx") == b"x"
    both = named.replace(PATTERN, "frame = 'a'\n" + PATTERN, 1)
    with pytest.raises(RuleError, match=r"several frames \(a, b\)"):
        read_pack("mine.toml", both.encode())


def test_a_byte_order_mark_is_told() -> None:
    with pytest.raises(RuleError, match=r"^mine\.toml: .*byte order mark"):
        read_pack("mine.toml", GOOD.encode("utf-8-sig"))


def test_each_broken_rule_of_a_file_is_named() -> None:
    one, two, three = (GOOD.replace("greeting", name) for name in ("one", "two", "three"))
    text = one.replace("cost", "costs") + two + three.replace('"do it"', '"do"')
    with pytest.raises(RuleError) as caught:
        read_pack("mine.toml", text.encode())
    first, second = caught.value.message.splitlines()
    assert first == "mine.toml: rule 'mine.one': unknown key `costs`; did you mean `cost`?"
    assert second.startswith("mine.toml: rule 'mine.three': example 1 gives")


def test_each_broken_frame_of_a_file_is_named() -> None:
    text = GOOD + "[frames.a]\nstamp = '('\n[frames.b]\nlines = ['x']\n[frames.c]\nlines = ['x', ')']\n"
    with pytest.raises(RuleError) as caught:
        read_pack("mine.toml", text.encode())
    first, second = caught.value.message.splitlines()
    assert first.startswith("mine.toml: frame 'a': `stamp`: pattern '('")
    assert second.startswith("mine.toml: frame 'c': `lines`: pattern ')'")


@pytest.mark.parametrize("frames", ["frames = 3", "frames = [1]", "[frames]\na = 1"])
def test_frames_that_are_no_tables_are_refused(frames: str) -> None:
    with pytest.raises(RuleError, match=r"^mine\.toml: .*it is a .*, and must be a table"):
        read_pack("mine.toml", f"{frames}\n{GOOD}".encode())


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
    class Broken:
        def apply(self, text: bytes, matches: list[object]) -> list[object]:
            raise ValueError("boom")

    rules = [
        replace(rule, action=cast("Action", Broken())) if rule.id == "openclaw.message-id" else rule
        for rule in shipped_rules()
    ]
    raw = b'{"messages":[{"role":"user","content":"[Wed 2026-02-18 20:48 UTC] hi"}]}'
    raw = raw.replace(
        b"[Wed", b'Sender (untrusted metadata):\\n```json\\n{\\"message_id\\": 1}\\n```\\n\\n[Wed'
    )
    result = RuleSet.of(tuple(rules), {}).apply(parse("chat", raw), "openclaw")
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
