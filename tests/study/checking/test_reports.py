"""The forms for programs, whatever stands in prompts, file names and reasons."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.captures.bundle import one_line
from proxy_core.captures.captured import Place, Problem
from proxy_core.study.checking import as_json, github, junit, words
from proxy_core.study.checking.judging import with_broken
from proxy_core.study.checking.report import Report, Spot, Turn, Unread, Wanted
from proxy_core.verdict import Excerpt
from tests.captures.kit import PATIENT
from tests.study.checking.kit import LONG, checked, talk

ANY = st.text(max_size=60) | st.text(
    st.sampled_from("\x00\x0b\x1b\r\n%:,<>&]\"'\ud800\ufffe\uffff\x85|`-"), max_size=12
)
"""Lone surrogates and what no XML can hold among it."""
SHOWN = ANY.map(one_line)
FILES = st.none() | ANY.filter(bool)
SPOTS = st.builds(Spot, SHOWN, FILES, st.none() | st.integers(1, 9), st.none(), st.none() | ANY)
TURNS = st.builds(
    Turn,
    spot=SPOTS,
    before=SPOTS,
    lane=ANY,
    client=st.none() | ANY,
    shared=st.integers(0, 10),
    whole=st.integers(10, 20),
    previous=st.integers(10, 20),
    size=st.integers(0, 30),
    unit=st.sampled_from(["bytes", "tokens"]),
    result=st.sampled_from(["pass", "fail", "allowed"]),
    cause=st.sampled_from([None, "system changed", "history compacted"]),
    where=SHOWN,
    offset=st.integers(0, 3),
    excerpt=st.none() | st.builds(Excerpt, ANY, ANY, ANY, ANY, ANY),
    note=st.none() | ANY,
)
REPORTS = st.builds(
    Report,
    wanted=st.builds(Wanted, st.just(0.95), st.just(frozenset()), st.booleans(), st.none() | ANY),
    settings=st.just({"measure": "text"}),
    turns=st.lists(TURNS, max_size=4).map(tuple),
    apart=st.just({"first": 1}),
    unread=st.lists(st.builds(Unread, SPOTS, ANY), max_size=3).map(tuple),
    more_unread=st.integers(0, 3),
    lanes=st.lists(ANY, max_size=2).map(tuple),
)


@PATIENT
@given(REPORTS)
def test_junit_is_well_formed_and_its_counts_are_right(report: Report) -> None:
    root = Xml.fromstring(junit.write(report))
    suite = root[0]
    for element in (root, suite):
        assert int(element.attrib["tests"]) == len(suite.findall("testcase"))
        assert int(element.attrib["failures"]) == len(suite.findall("testcase/failure"))
        assert int(element.attrib["errors"]) == len(suite.findall("testcase/error"))
        assert int(element.attrib["skipped"]) == len(suite.findall("testcase/skipped"))
    good = not suite.findall("testcase/failure") and not suite.findall("testcase/error")
    assert good == report.fine or report.more_unread


@PATIENT
@given(REPORTS)
def test_each_annotation_is_one_command_on_one_line(report: Report) -> None:
    printed = github.log(report)
    # A runner parts lines at CR and LF alike.
    lines = re.split(r"\r\n|\r|\n", printed.removesuffix("\n"))
    commands = [line for line in lines if line.lstrip().startswith("::")]
    wanted = sum(turn.result != "pass" for turn in report.turns) + len(report.unread) + (not report.turns)
    assert len(commands) == wanted
    for line in commands:
        properties, _, message = line.removeprefix("::").partition("::")
        kind, _, told = properties.partition(" ")
        assert kind in ("error", "notice", "warning")
        assert {name for name, _ in (pair.split("=", 1) for pair in told.split(","))} <= {
            "file",
            "line",
            "title",
        }
        assert not re.search(r"%(?!25|0A|0D|3A|2C)", line)
        assert message


@PATIENT
@given(REPORTS)
def test_json_says_all_of_it_in_utf8(report: Report) -> None:
    told = json.loads(as_json.write(report).decode())
    assert told["ok"] == report.fine
    assert [turn["verdict"] for turn in told["turns"]] == [turn.result for turn in report.turns]
    assert [turn["file"] for turn in told["turns"]] == [turn.spot.file for turn in report.turns]
    assert told["summary"]["unread"] == report.unread_count


@PATIENT
@given(st.builds(Excerpt, ANY, ANY, ANY, ANY, ANY))
def test_no_line_of_an_excerpt_begins_with_foreign_text(excerpt: Excerpt) -> None:
    for line in words.excerpt_lines(excerpt):
        assert line[:4] in ("  │ ", "- │ ", "+ │ ")
        assert "\n" not in line


@PATIENT
@given(REPORTS)
def test_the_table_for_a_job_has_a_row_for_each_turn_that_is_not_fine(report: Report) -> None:
    rows = [line for line in github.summary(report).split("\n") if line.startswith("| ")]
    shown = sum(turn.result != "pass" for turn in report.turns)
    assert len(rows) == (shown + 2 if shown else 0)
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 6


def changed() -> Report:
    return checked(talk(f'Clock: "20:48". {LONG}', f'Clock: "20:59". {LONG}'))


def test_json_has_the_keys_that_are_documented() -> None:
    told = json.loads(as_json.write(changed()))
    assert list(told) == ["kvconsole", "ok", "settings", "summary", "turns", "unread"]
    (turn,) = told["turns"]
    for name in (*told["settings"], *told["summary"], *turn, *turn["excerpt"]):
        assert f"`{name}`" in (as_json.__doc__ or ""), name
    assert (turn["place"], turn["file"], turn["line"]) == ("talk.jsonl:2", "talk.jsonl", 2)
    assert (turn["verdict"], turn["cause"], turn["unit"]) == ("fail", "system changed", "bytes")
    assert turn["reuse"] == turn["shared"] / turn["previous"]
    assert (turn["excerpt"]["previous"], turn["excerpt"]["current"]) == ("48", "59")
    assert turn["before"]["line"] == 1


def test_the_same_input_gives_the_same_bytes() -> None:
    for write in (as_json.write, junit.write, github.log, github.summary):
        assert write(changed()) == write(changed())


def test_junit_tells_what_a_person_needs() -> None:
    report = with_broken(changed(), [Problem(Place("talk.jsonl", 9, 9), "no JSON")], 1)
    suite = Xml.fromstring(junit.write(report))[0]
    told = {one.attrib["name"]: one.attrib["value"] for one in suite.findall("properties/property")}
    assert told["min_reuse"] == "0.95"
    assert told["mode"] == "forwarded"
    failed, broken = suite.findall("testcase")
    assert failed.attrib == {"classname": "conversation c1", "name": "talk.jsonl:2", "file": "talk.jsonl"}
    failure = failed.find("failure")
    assert failure is not None
    assert failure.attrib["type"] == "system changed"
    assert '- │ Clock: "20:[-48-]". Be brief' in (failure.text or "")
    assert '+ │ Clock: "20:{+59+}". Be brief' in (failure.text or "")
    error = broken.find("error")
    assert error is not None
    assert "no JSON" in (error.text or "")


def test_junit_of_nothing_is_a_failure() -> None:
    suite = Xml.fromstring(junit.write(checked([])))[0]
    assert suite.attrib["failures"] == "1"


def test_an_annotation_stands_at_the_files_line() -> None:
    first, *rest = github.log(changed()).splitlines()
    assert first.startswith(
        "::error file=talk.jsonl,line=2,title=Prompt cache%3A system changed::talk.jsonl:2: system changed: "
    )
    assert "%0A" in first
    assert "1 failed" in rest[0]
    allowed = checked(talk(f"a {LONG}", f"b {LONG}"), Wanted(allow=frozenset({"system changed"})))
    assert github.log(allowed).startswith(
        "::notice file=talk.jsonl,line=2,title=Prompt cache%3A system changed"
    )


def test_a_file_is_named_as_seen_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inside, outside = str(tmp_path / "a,b" / "x:1.jsonl"), "/elsewhere/x.jsonl"
    report = with_broken(checked([]), [Problem(Place(name, 3), "no JSON") for name in (inside, outside)], 2)
    printed = github.log(report)
    assert "::warning file=a%2Cb/x%3A1.jsonl,line=3,title=" in printed
    assert "::warning file=/elsewhere/x.jsonl,line=3,title=" in printed


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (1.0, "100.0 %"),
        (0.99999, "99.9 %"),
        (0.94999, "94.9 %"),
        (0.95, "95.0 %"),
        (0.57, "57.0 %"),
        (0.0, "0.0 %"),
    ],
)
def test_what_is_below_a_limit_also_reads_so(share: float, shown: str) -> None:
    assert words.percent(share) == shown
