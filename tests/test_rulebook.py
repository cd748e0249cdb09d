from __future__ import annotations

from pathlib import Path

import pytest

from proxy_core.prompt import parse
from proxy_core.rulebook import Flips, Rulebook
from proxy_core.rules import shipped_rules
from proxy_core.rules.rule import LEVELS

OWN = """
[[rule]]
id = "mine.greeting"
title = "Greeting"
does = "Removes it."
cost = "None."
[[rule.look]]
in = ["user"]
pattern = "hello "
"""
SEED = {"openclaw.message-id", "openclaw.timestamp"}
HELLO = b'{"messages":[{"role":"user","content":"hello world"}]}'


def book(folder: Path, **toggles: bool) -> Rulebook:
    switched = {key.replace("__", "."): on for key, on in toggles.items()}
    return Rulebook(folder, switched, level="safe", bypass=False)


def body(rules: Rulebook) -> bytes:
    return rules.current.apply(parse("chat", HELLO), None).body


def test_the_shipped_rules_need_no_folder(tmp_path: Path) -> None:
    rules = book(tmp_path / "nowhere")
    assert list(rules.current.rules) == shipped_rules()
    assert rules.current.enabled >= SEED
    assert rules.problem is None


def test_a_persons_file_is_added_changed_and_removed(tmp_path: Path) -> None:
    rules = book(tmp_path)
    file = tmp_path / "mine.toml"
    file.write_text(OWN)
    assert body(rules) == HELLO
    assert rules.reload()
    assert b'"world"' in body(rules)
    assert not rules.reload()
    file.write_text(OWN.replace("hello ", "hello w"))
    assert rules.reload()
    assert b'"orld"' in body(rules)
    file.unlink()
    assert rules.reload()
    assert body(rules) == HELLO


@pytest.mark.parametrize(
    "broken",
    [b"[[rule]]\nid =", b"[[rule]]\nid = 7", b"\xff\xfe", b"a = " + b"[" * 5000, b"[[rules]]\n"],
    ids=["cut", "type", "bytes", "deep", "key"],
)
def test_a_broken_file_leaves_the_rules_that_were_in_force(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "mine.toml").write_text(OWN)
    rules = book(tmp_path)
    before = rules.current
    (tmp_path / "other.toml").write_bytes(broken)
    assert not rules.reload()
    assert rules.current is before
    assert "other.toml" in (rules.problem or "")
    (tmp_path / "other.toml").unlink()
    assert not rules.reload()
    assert rules.problem is None


def test_a_file_that_is_broken_at_the_start_leaves_the_shipped_rules(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("nonsense")
    rules = book(tmp_path)
    assert list(rules.current.rules) == shipped_rules()
    assert "mine.toml" in (rules.problem or "")


def test_toggles_hold_for_rules_that_come_later_and_across_reloads(tmp_path: Path) -> None:
    rules = book(tmp_path, mine__greeting=False)
    (tmp_path / "mine.toml").write_text(OWN)
    rules.reload()
    assert body(rules) == HELLO
    assert rules.switch("mine.greeting", True)
    rules.reload()
    assert b'"world"' in body(rules)
    assert not rules.switch("mine.greeting", True)
    assert not rules.switch("no.such.rule", True)


def leveled(folder: Path) -> None:
    """A file with a rule for each level, and one that is off."""
    tables = [
        OWN.replace("[[rule]]\n", f"[[rule]]\n{line}\n").replace("mine.greeting", f"mine.{name}")
        for name, line in [*((level, f'level = "{level}"') for level in LEVELS), ("off", "on = false")]
    ]
    (folder / "levels.toml").write_text("".join(tables))


def mine(rules: Rulebook) -> set[str]:
    return {rule_id.removeprefix("mine.") for rule_id in rules.current.enabled if rule_id.startswith("mine.")}


def test_a_level_switches_on_its_rules_and_those_below(tmp_path: Path) -> None:
    leveled(tmp_path)
    rules = book(tmp_path)
    assert mine(rules) == {"safe"}
    assert rules.set_level("aggressive")
    assert mine(rules) == {"safe", "careful", "aggressive"}
    assert rules.set_level("careful")
    assert mine(rules) == {"safe", "careful"}
    assert not rules.set_level("careful")
    assert rules.level == "careful"
    assert mine(Rulebook(tmp_path, {}, level="aggressive", bypass=False)) == {"safe", "careful", "aggressive"}


def test_what_a_person_switched_stays_at_every_level_and_across_reloads(tmp_path: Path) -> None:
    leveled(tmp_path)
    rules = book(tmp_path, mine__off=True)
    rules.switch("mine.safe", False)
    rules.switch("mine.aggressive", True)
    for level in LEVELS:
        rules.set_level(level)
        rules.reload()
        assert {"off", "aggressive"} <= mine(rules)
        assert "safe" not in mine(rules)
    assert "careful" in mine(rules)


@pytest.mark.parametrize(
    ("flips", "mark"),
    [
        ([], None),
        ([("openclaw.timestamp", True)], "timestamp on"),
        ([("rules", False)], "rules off"),
        ([("a.x", True), ("a.x", False)], "x off"),
        ([("a.x", True), ("a.y", True)], "rules on"),
        ([("a.x", True), ("a.y", False)], "rules flipped"),
    ],
)
def test_the_mark_for_the_charts(flips: list[tuple[str, bool]], mark: str | None) -> None:
    noted = Flips()
    for name, on in flips:
        noted.add(name, on)
    assert noted.take() == mark
    assert noted.take() is None
