"""A comparison as the lines of a unified diff."""

from __future__ import annotations

import json

from proxy_core.diff.rows import diff
from proxy_core.diff.unified import hunks, unified


def chat(*contents: str) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": content} for content in contents]}).encode()


def test_a_diff_shows_each_place_with_its_line() -> None:
    numbers = [str(number) for number in range(30)]
    changed = ["zero", *numbers[1:15], "new", *numbers[15:29]]
    left, right = chat("\n".join(numbers), "same"), chat("\n".join(changed), "same")
    assert unified(left, right, "chat", ("a", "b")) == [
        *("--- a", "+++ b", "@@ user · 1, line 1 @@", "-0", "+zero", " 1", " 2", " 3"),
        *("@@ user · 1, line 13 @@", " 12", " 13", " 14", "+new", " 15", " 16", " 17"),
        *("@@ user · 1, line 27 @@", " 26", " 27", " 28", "-29"),
    ]


def test_a_long_line_is_shown_whole_only_where_it_changed() -> None:
    long = "x" * 1000
    lines = unified(chat(f"{long}\n{long}1"), chat(f"{long}\n{long}2"), "chat", ("a", "b"))
    assert lines[3:] == [f" {'x' * 160} …", f"-{long}1", f"+{long}2"]


def test_a_diff_of_equal_or_equally_shown_bodies() -> None:
    assert unified(chat("a"), chat("a"), "chat", ("a", "b")) == []
    spelled = chat("é").replace(b"\\u00e9", "é".encode())
    assert spelled != chat("é")
    [_, _, note] = unified(chat("é"), spelled, "chat", ("a", "b"))
    assert "same content, spelled in another way" in note


def test_lines_that_are_replaced_stand_before_those_that_replace_them() -> None:
    lines = unified(chat("one\ntwo"), chat("uno\ndos"), "chat", ("a", "b"))
    assert lines[3:] == ["-one", "-two", "+uno", "+dos"]


def test_changed_lines_are_cut_where_that_is_wanted() -> None:
    compared = diff(chat("x" * 1000), chat("y" * 1000), "chat")
    assert list(hunks(compared, 5)) == ["@@ user · 1, line 1 @@", "-xxxxx …", "+yyyyy …"]
