"""The explanation of a turn: what is known with its source, what is not known said, foreign text harmless."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.content import Content

from console.widgets.excerpt_lines import excerpt_lines
from console.widgets.why_figures import figure_lines
from console.widgets.why_lines import Case, advice, evidence, summary, where
from proxy_core.exchange import Exchange, Record
from proxy_core.llama.answer import Answer
from proxy_core.llama.turns import Turn
from proxy_core.rules import RuleSet
from proxy_core.verdict import Advice, Diagnosis, Divergence, Excerpt, Predicted, Verdict
from tests.screens.explained import ADVISED, running, story, system_changed, turn
from tests.screens.few_rules import FEW_RULES

OFF = RuleSet.of(FEW_RULES, {"openclaw.message-id": False, ADVISED: False})
ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=60)


def text(lines: list[Content]) -> str:
    return "\n".join(line.plain for line in lines)


def whole(case: Case, width: int = 60) -> str:
    parts = [summary(case, width), where(case, width), advice(case, width, None), evidence(case, width)]
    return "\n".join(text(part) for part in [*parts, figure_lines(case, width)])


def diagnosed(record: Record) -> Diagnosis:
    assert record.diagnosis is not None
    return record.diagnosis


def test_a_loss_is_told_in_tokens_and_seconds_with_the_place_and_both_texts() -> None:
    said = whole(Case(system_changed(), story()[1], OFF), 80)
    assert "✗ system changed: Inbound Context" in said
    assert "the client's doing" in said
    assert "Lost 15 154 tokens, about 39.4 s" in said
    assert "where it left request 2, 21:0" in said or "where it left request 2, " in said
    assert 'system, "Inbound Context": reads otherwise' in said
    assert '-   "message_id": "775b2410-8917-4fad-af9d-cfcbf526eee8",' in said
    assert '+   "message_id": "9e01c7aa-02d4-4b11-8c8e-5d0e7b6aa1f3",' in said
    assert "· sim_best 0.168" in said
    assert "llama-server  --cache-ram 8192" in said


def test_what_rules_held_off_is_shown_for_a_healthy_turn() -> None:
    healthy = next(r for r in story() if diagnosed(r).saved_n)
    said = whole(Case(healthy, None, OFF), 80)
    one = said.replace("\n", " ")
    assert "✓ healthy" in said
    assert "Rules saved 15 330 tokens" in said
    assert "Without rules it would have reused 3 050 of 18 700 tokens (predicted from the text)." in one
    assert "Nowhere: request 6 is whole in this one." in said
    assert "what rules held off" in said
    assert "Lost" not in said


def test_the_marked_rule_says_its_key_and_one_that_is_on_does_not() -> None:
    case = Case(system_changed(), None, OFF)
    assert case.switchable == ("openclaw.message-id", ADVISED)
    said = text(advice(case, 70, ADVISED))
    assert f"▸ □ {ADVISED}" in said
    assert said.count("space switches it on") == 1
    on = Case(system_changed(), None, RuleSet.of(FEW_RULES, {}))
    assert "■ openclaw.message-id" in text(advice(on, 70, None))
    assert "space" not in text(advice(on, 70, None))
    assert "on · space undoes it" in text(advice(on, 70, ADVISED))
    assert "b lets them work" in text(advice(replace(on, bypass=True), 70, None))
    nobody = Case(system_changed(), None, RuleSet())
    assert nobody.switchable == (), "a rule that is not there cannot be switched"


def test_rules_that_help_together_are_one_thing_to_do() -> None:
    both = f"openclaw.message-id, {ADVISED}"
    record = turn(1, "system changed", reused=10, tokens=900, advice=(Advice("rule", both, "Together."),))
    assert Case(record, None, OFF).switchable == (both,)
    assert f"▸ □ {both}" in text(advice(Case(record, None, OFF), 70, both))
    assert not Case(record, None, RuleSet.of(FEW_RULES, {ADVISED: False})).is_on(both)
    assert Case(record, None, RuleSet.of(FEW_RULES, {})).is_on(both)
    strange = turn(1, "system changed", reused=10, tokens=900, advice=(Advice("rule", "any.x, y", "?"),))
    assert Case(strange, None, OFF).switchable == ()


def test_the_key_that_lets_rules_work_is_not_advised_once_they_do() -> None:
    again = Advice("kvconsole", "b", "Let the rules work again.")
    record = turn(1, "system changed", reused=10, tokens=900, advice=(again,))
    assert "done: the rules work" in text(advice(Case(record, None, OFF), 70, None))
    assert "done" not in text(advice(Case(record, None, OFF, bypass=True), 70, None))


def test_nothing_is_said_twice_where_there_is_no_predecessor() -> None:
    why = "This is the first request of its conversation"
    record = turn(
        1, "cold start", reused=0, tokens=900, normalized=None, why_none=why, evidence=(f"{why}.", "It is.")
    )
    said = whole(Case(record), 80)
    assert said.count(f"{why}.") == 1
    assert "· It is." in said
    alone = turn(1, "cold start", reused=0, tokens=900, normalized=None, why_none=why, evidence=(why,))
    assert evidence(Case(alone), 80) == []


def test_what_a_prediction_was_off_never_runs_into_its_source() -> None:
    far = Predicted(48_109, 48_110, "structure")
    record = turn(2, "slot taken", reused=34_655, tokens=48_110, predicted=far)
    assert "off 13.5k predicted (text)" in text(figure_lines(Case(record), 60))


def test_figures_name_their_sources() -> None:
    lines = text(figure_lines(Case(system_changed()), 60)).split("\n")
    by_label = {line[:13].strip(): line for line in lines}
    assert "18 204" in by_label["prompt"]
    assert "measured (answer)" in by_label["reused"]
    assert "measured (log)" in by_label["sim_best"]
    assert "off 3" in by_label["to be reused"]
    assert "predicted (text)" in by_label["without rules"]
    counted = Predicted(3_050, 18_204, "tokens")
    record = system_changed()
    exact = replace(record, diagnosis=replace(diagnosed(record), predicted=counted))
    assert "exact     predicted (tokens)" in text(figure_lines(Case(exact), 60))


def test_what_is_unknown_is_a_dash_and_says_why() -> None:
    record = Record(1, 1.0, Exchange("POST", "/x", "chat", "chat", True, status="done"))
    without = text(figure_lines(Case(record, log_seen=False), 60))
    assert without.count("–") == 6
    assert "unknown: no log" in without
    assert "unknown: not in log" in text(figure_lines(Case(record), 60))
    assert " 0 " not in without


def test_similarity_of_old_builds_is_not_sim_best() -> None:
    record = Record(
        1, 1.0, None, Turn(slot=0, task=1, similarity=0.5, prompt_n=4, cached_n=9, cached_source="derived")
    )
    lines = text(figure_lines(Case(record), 60)).split("\n")
    assert next(line for line in lines if line.startswith("sim_best")).split()[1] == "–"
    assert any(line.startswith("similarity") and "0.500" in line for line in lines)
    assert "derived (log)" in next(line for line in lines if line.startswith("reused"))


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (running(1), "43 % · 12s left"),
        (running(1, None), "is explained when it has ended"),
        (Record(1, None, None, Turn(slot=0, task=3)), "did not come through kvconsole"),
        (Record(1, 1.0, Exchange("POST", "/x", "chat", "chat", True, status="done")), "not been explained"),
        (
            Record(
                1, 1.0, Exchange("POST", "/x", "chat", "chat", True, status="error", note="Nobody is there.")
            ),
            "Nobody is there.",
        ),
    ],
    ids=["evaluated", "waiting", "direct", "undiagnosed", "failed"],
)
def test_a_turn_without_a_diagnosis_says_why(record: Record, words: str) -> None:
    assert words in whole(Case(record)).replace("\n", " ")


def test_no_predecessor_and_no_measurement_are_said() -> None:
    said = [whole(Case(record)).replace("\n", " ") for record in story() if record.diagnosis]
    assert "It is the first request of its conversation." in said[0]
    predicted = next(text for text in said if "~" in text)
    assert "Predicted: nobody measured what was reused." in predicted
    assert "What was lost is unknown." in predicted


def test_a_line_feed_that_one_side_lacks_is_seen() -> None:
    lines = text(excerpt_lines(Excerpt("same", "\nmore", " more", "", ""), 40)).split("\n")
    assert [line.rstrip() for line in lines] == ["- same↵", "  more", "+ same more"]


def test_the_side_that_ends_says_so() -> None:
    lines = text(excerpt_lines(Excerpt("", "", "new text", "", ""), 40)).split("\n")
    assert [line.rstrip() for line in lines] == ["- (nothing)", "+ new text"]


def test_changed_characters_are_marked_and_nothing_else() -> None:
    removed, added = excerpt_lines(Excerpt('"id": "', "abc", "xyz", '",', '",'), 40)
    for line, run in ((removed, "abc"), (added, "xyz")):
        marked = [line.plain[s.start : s.end] for s in line.spans if "45%" in str(s.style)]
        assert marked == [run]


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT, st.integers(20, 130))
def test_any_text_fits_and_stays_text(a: str, b: str, c: str, d: str, e: str, width: int) -> None:
    record = system_changed()
    known = diagnosed(record)
    assert known.normalized is not None
    place = replace(known.normalized, name=a, detail=b, names=(c, d), excerpt=Excerpt(a, b, c, d, e))
    verdict = Verdict("system changed", a, (b, c), known.verdict.advice)
    case = Case(replace(record, diagnosis=replace(known, normalized=place, verdict=verdict)), None, OFF)
    sections = [
        summary(case, width),
        where(case, width),
        evidence(case, width),
        figure_lines(case, max(54, width)),
    ]
    for line in [line for section in sections for line in section]:
        assert not set(line.plain) & {"\n", "\x1b", "\x00", "\u202e"}
        assert cell_len(line.plain) <= max(54, width) + 2


def test_answers_may_say_nothing_at_all() -> None:
    for record in story():
        empty = replace(
            record, turn=None, exchange=replace(record.exchange, answer=Answer()) if record.exchange else None
        )
        assert whole(Case(empty))


def test_a_turn_of_an_earlier_run_says_what_is_known_of_it() -> None:
    record = replace(system_changed(), name="3f9a12c4-17", recalled=True)
    said = whole(Case(record, story()[1], OFF, log_seen=False), 80)
    assert "journal      3f9a12c4-17" in said
    assert "of an earlier run" in said
    assert "no log" not in said
    unlogged = whole(Case(replace(record, turn=None), None, OFF, log_seen=False), 80)
    assert "unknown: not logged" in unlogged
    assert "journal" not in whole(Case(replace(record, name=None, recalled=False), None, OFF), 80)


def test_where_it_left_a_request_that_is_no_longer_kept_is_still_told() -> None:
    record = replace(system_changed(), recalled=True)
    known = replace(diagnosed(record), predecessor=None, why_none="The request before it is no longer kept")
    said = whole(Case(replace(record, diagnosis=known), None, OFF), 80)
    assert "where it left the request before (no longer kept)" in said
    assert '-   "message_id": "775b2410-8917-4fad-af9d-cfcbf526eee8",' in said
    same = replace(known, normalized=Divergence("extended", shared=9, previous_size=9, size=10))
    said = whole(Case(replace(record, diagnosis=same), None, OFF), 80)
    assert "Nowhere: the request before (no longer kept) is whole in this one." in said


def test_a_turn_that_nobody_explained_in_its_time_says_so() -> None:
    record = replace(system_changed(), diagnosis=None, recalled=True)
    assert "was not explained before its kvconsole ended" in whole(Case(record, None, OFF), 80)


@given(ANY_TEXT, st.integers(30, 120))
def test_whatever_a_journal_calls_a_request_stays_on_its_line(name: str, width: int) -> None:
    record = replace(system_changed(), name=name, recalled=True)
    lines = figure_lines(Case(record, None, OFF), width)
    assert all(line.cell_length <= width and "\n" not in line.plain for line in lines[-1:])
    assert not set("\x1b\x07") & set(lines[-1].plain)
