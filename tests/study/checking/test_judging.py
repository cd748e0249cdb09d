from __future__ import annotations

import msgspec
import pytest

from proxy_core.captures import jsonl
from proxy_core.captures.captured import Answered, Captured, Place, Problem
from proxy_core.errors import KvconsoleError
from proxy_core.prompt import Prompt
from proxy_core.rules import RuleSet
from proxy_core.study.checking.judging import MOST_UNREAD, with_broken
from proxy_core.study.checking.measures import Measured
from proxy_core.study.checking.report import Wanted, spot_of
from tests.clients.registry import CASES
from tests.study.checking.kit import LONG, checked, rules, talk
from tests.study.test_steps import captured

KEPT_RAW = frozenset(
    {
        # They lose nothing by themselves.
        *("openclaw-a", "openclaw-e", "openclaw-f", "side-requests", "claude-code-new", "roo-code"),
        # What they lose is what the model said, which is no part of the earlier prompt.
        "respelled-arguments",
        # Of its billing line, llama-server masks the one thing that changes.
        "claude-code-old",
        # Only a line near the end changes: less than a twentieth of the earlier prompt.
        *("openclaw-i", "openclaw-i-responses", "openclaw-i-messages"),
    }
)
"""Cases whose prompts pass as they were sent."""


@pytest.mark.parametrize("name", CASES)
def test_every_client_passes_with_the_rules_that_are_for_it(name: str) -> None:
    filed = [jsonl.captured(jsonl.line(one), one.place) for one in captured(name)]
    report = checked(filed, using=rules(CASES[name].wanted))
    assert len(report.turns) >= 5
    assert report.fine, report.of("fail")
    assert not report.unread


@pytest.mark.parametrize("name", CASES)
def test_without_rules_a_client_with_volatile_text_fails(name: str) -> None:
    report = checked(captured(name), Wanted(raw=True))
    assert report.fine == (name in KEPT_RAW)
    for turn in report.of("fail"):
        assert turn.cause is not None
        assert turn.where
        assert turn.excerpt is not None
        assert turn.shared < turn.previous


def test_a_conversation_that_only_grows_has_all_of_the_earlier_prompt() -> None:
    report = checked(talk(LONG, LONG, LONG))
    assert [turn.reuse for turn in report.turns] == [1.0, 1.0]
    assert [turn.cause for turn in report.turns] == [None, None]
    assert report.apart == {"first": 1}
    assert (report.median, report.worst) == (1.0, 1.0)


def test_a_turn_that_fails_names_both_places_and_the_change() -> None:
    report = checked(talk(f"Clock: 20:48. {LONG}", f"Clock: 20:49. {LONG}"))
    (turn,) = report.of("fail")
    assert (turn.spot.place, turn.before.place) == ("talk.jsonl:2", "talk.jsonl:1")
    assert (turn.spot.file, turn.spot.line, turn.spot.entry) == ("talk.jsonl", 2, 2)
    assert turn.cause == "system changed"
    assert turn.reuse < 0.1
    assert turn.excerpt is not None
    assert (turn.excerpt.previous, turn.excerpt.current) == ("8", "9")
    assert not report.fine


def test_the_limit_itself_is_enough() -> None:
    said = talk(f"{LONG}a", f"{LONG}b")
    (turn,) = checked(said).turns
    assert checked(said, Wanted(turn.reuse)).fine
    assert not checked(said, Wanted(turn.reuse + 1e-9)).fine


def test_a_prompt_that_ends_earlier_finds_all_it_needs() -> None:
    one, two, three = talk(LONG, LONG, LONG)
    report = checked([one, two, three, two])
    assert report.turns[-1].reuse == 1.0
    assert report.turns[-1].size < report.turns[-1].previous
    assert report.fine


def test_a_cause_that_is_allowed_fails_nothing() -> None:
    said = talk(f"Clock: 20:48. {LONG}", f"Clock: 20:49. {LONG}")
    report = checked(said, Wanted(allow=frozenset({"system changed"})))
    assert [turn.result for turn in report.turns] == ["allowed"]
    assert report.fine
    assert not checked(said, Wanted(allow=frozenset({"history compacted"}))).fine


def test_what_rules_mend_is_checked_as_they_forward_it() -> None:
    requests = captured("openclaw-c")
    assert checked(requests, using=rules()).fine
    assert not checked(requests, Wanted(raw=True), using=rules()).fine
    assert not checked(requests, using=RuleSet()).fine


def test_only_the_named_conversation_counts() -> None:
    requests = captured("two-sessions")
    whole = checked(requests, using=rules())
    assert whole.lanes == ("c1", "c2")
    one = checked(requests, Wanted(lane="c2"), using=rules())
    assert {turn.lane for turn in one.turns} == {"c2"}
    assert 0 < len(one.turns) < len(whole.turns)
    assert not checked(requests, Wanted(lane="c9"), using=rules()).fine


def test_where_nothing_is_compared_nothing_is_fine() -> None:
    assert not checked([]).fine
    report = checked(talk(LONG))
    assert (report.fine, report.median, report.worst) == (False, None, None)


@pytest.mark.parametrize("case", ["openclaw-c", "openclaw-c-responses", "openclaw-c-messages"])
def test_a_recording_that_begins_midway_is_told_from_a_first_turn(case: str) -> None:
    requests = captured(case)
    assert checked(requests, using=rules()).apart == {"first": 1}
    report = checked(requests[3:], using=rules())
    assert report.apart == {"midway": 1}
    assert report.fine


def test_answers_that_were_errors_and_other_apis_are_left_apart() -> None:
    one, two, three = talk(LONG, f"Now {LONG}", LONG)
    failed = msgspec.structs.replace(two, answer=Answered(503))
    plain = msgspec.structs.replace(one, path="/v1/completions", api=None, body=b'{"prompt": "x"}')
    report = checked([one, failed, plain, three])
    assert report.apart == {"first": 1, "error": 1, "foreign": 1}
    assert report.fine


def test_a_prompt_that_cannot_be_read_fails_the_check() -> None:
    one, two, three = talk(LONG, LONG, LONG)
    broken = msgspec.structs.replace(two, body=b'{"messages": [')
    report = checked([one, broken, three])
    assert [turn.result for turn in report.turns] == ["pass"]
    (unread,) = report.unread
    assert unread.spot.place == "talk.jsonl:2"
    assert unread.reason.startswith("its prompt cannot be read: ")
    assert "truncated" in unread.reason
    assert not report.fine


def test_broken_entries_fail_the_check_and_are_all_counted() -> None:
    report = checked(talk(LONG, LONG))
    assert report.fine
    problems = [Problem(Place("talk.jsonl", n, n), "no JSON") for n in range(1, 101)]
    broken = with_broken(report, problems, 250)
    assert not broken.fine
    assert broken.unread_count == 250
    assert len(broken.unread) == MOST_UNREAD
    assert broken.unread[0].spot.place == "talk.jsonl:1 (entry 1)"


def test_an_entry_of_the_journal_is_named_by_its_id() -> None:
    one, two = (
        msgspec.structs.replace(sent, place=Place(f"journal 0000000a-{n}"), id=f"0000000a-{n}", lane="1f")
        for n, sent in enumerate(talk(LONG, LONG), 1)
    )
    (turn,) = checked([one, two]).turns
    assert (turn.spot.place, turn.spot.id, turn.spot.file) == ("0000000a-2", "0000000a-2", None)
    assert turn.lane == "1f"


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        (Place("x.jsonl", 7, 7), "x.jsonl:7"),
        (Place("x.har", 1, 7), "x.har:1#7"),
        (Place("x.log", 90), "x.log:90"),
        (Place("-", None, 3), "standard input#3"),
        (Place("x\n.jsonl"), "x␊.jsonl"),
    ],
)
def test_no_two_places_of_a_file_are_called_the_same(place: Place, shown: str) -> None:
    assert spot_of(*place).place == shown


def test_a_measure_that_gives_up_says_where() -> None:
    def fails(_previous: Prompt, _current: Prompt) -> Measured:
        raise KvconsoleError("It cannot count.", title="Upstream")

    with pytest.raises(KvconsoleError, match=r"talk\.jsonl:2: It cannot count\.") as raised:
        checked(talk(LONG, LONG), measure=fails)
    assert raised.value.title == "Upstream"


def test_an_empty_prompt_leaves_nothing_to_lose() -> None:
    one, two = talk(LONG, LONG)
    empty: Captured = msgspec.structs.replace(one, body=b'{"messages": []}')
    assert checked([empty, empty, two, two]).of("fail") == []
