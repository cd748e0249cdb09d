"""What rules did, in a few words."""

from __future__ import annotations

from console.edits import summary
from proxy_core.rules import Edit


def test_edits_are_counted_by_rule_the_most_first() -> None:
    edits = [
        Edit("any.tools", None, "exec, read", "read, exec"),
        *(Edit("openclaw.message-id", at, "id", "") for at in range(3)),
        Edit("any.clock", 4, "", "[Current time: 20:48]"),
        Edit("openclaw.carrier", 5, '{"role": "user"}', ""),
    ]
    assert summary(edits) == "6 edits: message-id 3, tools, clock, carrier"


def test_rules_of_one_name_are_told_apart() -> None:
    edits = [Edit("any.clock", 1, "", "x"), Edit("openclaw.clock", 1, "x", ""), Edit("mine", 1, "x", "")]
    assert summary(edits) == "3 edits: any.clock, openclaw.clock, mine"


def test_many_rules_are_summed_up() -> None:
    edits = [Edit(f"a.{name}", 0, "x", "") for name in "abcdefg"]
    assert summary(edits) == "7 edits: a, b, c, d, 3 more rules"
    assert summary(edits[:5]) == "5 edits: a, b, c, d, e"
    assert summary(edits[:1]) == "1 edit: a"


def test_names_are_safe_to_show() -> None:
    assert "\x1b" not in summary([Edit("a\x1b", 0, "x", "")])
