"""Markdown for an issue: foreign text is no markup."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.captures import markdown
from proxy_core.captures.bundle import bundle
from proxy_core.captures.captured import Captured, Figures, Finding, Hint
from tests.captures.kit import PATIENT, TEXT, captures, chat, request


def _outside(text: str) -> str:
    """The text without its fenced blocks, each of which must end."""
    kept: list[str] = []
    fence = ""
    for line in text.split("\n"):
        found = re.match(r"(`{3,})(diff)?$", line)
        if fence:
            fence = "" if found and found[1] == fence and not found[2] else fence
        elif found:
            assert found[2]
            fence = found[1]
        else:
            kept.append(line)
    assert not fence
    return "\n".join(kept)


@pytest.mark.parametrize(
    "text",
    [
        "<b>",
        "@someone",
        "#12",
        "[x](y)",
        "a | b",
        "`code`",
        "*x*",
        "a\nb",
        "&lt;",
        "\\",
        "http://h www.h GH-1",
    ],
)
def test_foreign_text_is_no_markup(text: str) -> None:
    shown = markdown.escaped(text)
    assert "\n" not in shown
    assert not re.search(r"@(?!<!-- -->)|#(?!<!-- -->)|://|www\.", shown)
    shown = shown.replace("<!-- -->", "")
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]<>#|]", shown)
    assert not re.search(r"&(?!amp;)", shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("- a-b", r"\- a-b"), ("1. x", r"1\. x"), ("+1 x", r"\+1 x"), ("r1-126", "r1-126"), ("20 %", "20 %")],
)
def test_nothing_begins_a_list(text: str, shown: str) -> None:
    assert markdown.escaped(text) == shown


@PATIENT
@given(TEXT | st.sampled_from(["```", "`````\n```diff", "~~~", "</details>", "@@ x"]), TEXT)
def test_no_text_gets_out_of_its_fence(was: str, now: str) -> None:
    pair = bundle(request(chat(f"a\n{now}\nb", now)), request(chat(f"a\n{was}\nb", was)))
    outside = _outside("".join(markdown.write([pair])))
    assert outside.count("<details>") == outside.count("</details>")


@PATIENT
@given(st.lists(captures(), max_size=2), st.none() | captures())
def test_any_requests_make_a_report(several: list[Captured], previous: Captured | None) -> None:
    _outside("".join(markdown.write([bundle(one, previous) for one in several], "note")))


def test_it_tells_what_there_is_to_tell() -> None:
    finding = Finding(
        "system changed", "Clock", "client", True, ("It changed.",), (Hint("any.clock", "It helps."),)
    )
    was = request(chat("Clock: 20:48\nBe brief.", "x"))
    now = request(
        chat("Clock: 20:49\nBe brief.", "x"), finding=finding, figures=Figures(cached_n=7), server="b1"
    )
    report = "".join(markdown.write([bundle(now, was)]))
    for wanted in (
        "## system changed: Clock",
        "b1",
        "| reused | 7 |",
        "It changed.",
        r"any.clock",
        "Predicted",
    ):
        assert wanted in report
    assert "- Clock: 20:48" in report
    assert "+ Clock: 20:49" in report
    assert "-Clock: 20:48\n" in report
    assert "@@ system, line 1 @@" in report


def test_equal_requests_say_so() -> None:
    one = request(chat("a", "b"))
    assert "Nothing in them differs." in "".join(markdown.write([bundle(one, one)]))


def test_long_changes_are_cut() -> None:
    was, now = (request(chat("\n".join(f"{sign}{n}" * 300 for n in range(2000)), "b")) for sign in "xy")
    assert len("".join(markdown.write([bundle(now, was)]))) < 250_000
