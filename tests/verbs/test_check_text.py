"""The form for people: what fits a terminal, and what no text can do to it."""

from __future__ import annotations

import re

import pytest
from click import unstyle
from hypothesis import given
from rich.cells import cell_len

from console.verbs.check import text as check_text
from proxy_core.captures.captured import Place, Problem
from proxy_core.study.checking.judging import with_broken
from proxy_core.study.checking.report import Report, Wanted
from tests.captures.kit import PATIENT
from tests.study.checking.kit import LONG, checked, talk
from tests.study.checking.test_reports import REPORTS


def report() -> Report:
    found = checked([*talk(f"Clock: 20:48. {LONG}", f"Clock: 20:59. {LONG}", f"Clock: 21:00. {LONG}")])
    return with_broken(found, [Problem(Place("x" * 30 + ".jsonl", 9, 9), "no JSON " * 30)], 120)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_fit_a_terminal(width: int) -> None:
    shown = list(check_text.lines(report(), verbose=True, width=width))
    assert max(cell_len(unstyle(line)) for line in shown) <= width
    assert any("{+59+}" in line for line in shown)


def test_nothing_is_cut_in_a_pipe() -> None:
    shown = "\n".join(check_text.lines(report(), verbose=True))
    assert ("no JSON " * 30).strip() in shown
    assert shown.count("Compared with talk.jsonl:") == 2
    assert "unread   and 119 more" in shown


def test_long_names_lose_the_beginning_and_conversations_go_first() -> None:
    said = talk(LONG, LONG, lane="l" * 60)
    (row, *_) = check_text.lines(checked(said), verbose=True, width=80)
    plain = unstyle(row)
    assert cell_len(plain) <= 80
    assert "talk.jsonl:2" in plain
    assert "…l" in plain


def test_what_is_allowed_is_told_apart_without_colours() -> None:
    allowed = checked(talk(f"a {LONG}", f"b {LONG}"), Wanted(allow=frozenset({"system changed"})))
    text = unstyle("\n".join(check_text.lines(allowed, verbose=False)))
    assert text.startswith("allowed  talk.jsonl:2")
    assert "1 turn compared: 0 passed, 0 failed, 1 allowed" in text


@PATIENT
@given(REPORTS)
def test_foreign_text_moves_no_cursor(found: Report) -> None:
    for line in check_text.lines(found, verbose=True):
        plain = unstyle(line)
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", plain)
