"""What a bug report holds of two requests."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from proxy_core.captures.bundle import (
    UNKNOWN,
    behind,
    bundle,
    compared_as,
    facts,
    figure_rows,
    rule_rows,
    shared,
    where,
)
from proxy_core.captures.captured import Captured, Figures, Finding
from tests.captures.kit import PATIENT, captures, chat, request

_WAS = request(chat("Clock: 20:48\nBe brief.", "Hi"), lane="a", at=1.0, id="r1")
_NOW = request(chat("Clock: 20:49\nBe brief.", "Hi", "Hello", "Bye"), lane="a", at=2.0, id="r2")


def test_the_place_is_found() -> None:
    (view,) = bundle(_NOW, _WAS).views
    assert view.divergence is not None
    assert where(view.divergence).startswith("system")
    assert "reads otherwise" in where(view.divergence)
    assert "of the earlier text" in (shared(view.divergence) or "")


def test_what_was_forwarded_is_compared_where_it_is_another_thing() -> None:
    normal = [json.dumps(chat("Be brief.", "Hi", *more)).encode() for more in ((), ("Hello", "Bye"))]
    was, now = (request(one.body, forwarded=body) for one, body in zip((_WAS, _NOW), normal, strict=True))
    raw, forwarded = bundle(now, was).views
    assert raw.divergence is not None
    assert forwarded.divergence is not None
    assert (raw.divergence.how, forwarded.divergence.how) == ("changed", "extended")
    untouched = [request(one.body, forwarded=one.body) for one in (_WAS, _NOW)]
    assert len(bundle(untouched[1], untouched[0]).views) == 1


def test_the_verdict_is_the_title_where_there_is_one() -> None:
    told = request(_NOW.body, finding=Finding("system changed", "Clock\x1b[31m"))
    assert bundle(told, _WAS).title == "system changed: Clock␛[31m"
    assert bundle(_NOW, _WAS).title.startswith("system")
    assert bundle(_NOW, None).title == "POST /v1/chat/completions"


def test_what_is_unknown_is_not_nothing() -> None:
    assert ("prompt tokens", UNKNOWN) in list(figure_rows(None))
    rows = dict(
        figure_rows(Figures(prompt_tokens=2000, cached_n=0, prompt_n=2000, lost_n=1500, lost_ms=1234.0))
    )
    assert rows["reused"] == "0 (0 %)"
    assert rows["lost"] == "1 500 tokens, about 1.2 s"
    assert rows["sim_best"] == UNKNOWN


def test_facts_name_what_it_is_compared_with() -> None:
    told = dict(facts(bundle(_NOW, _WAS)))
    assert (told["id"], told["compared with"], told["conversation"]) == ("r2", "r1", "a")
    assert "note" not in told


def test_what_rules_did_is_told() -> None:
    told = request(_NOW.body, edited={"any.clock": 2, "x": 1}, ruleset="77aa")
    assert list(rule_rows(told)) == [("any.clock", "2 edits"), ("x", "1 edit")]
    assert ("rule set", "77aa") in list(facts(bundle(told, _WAS)))


def test_what_else_changed_is_told() -> None:
    was, now = (
        request(chat(f"# Clock\n{minute}\n# Rules\nBe brief.\n# Load\n{minute}", "Hi")) for minute in (48, 49)
    )
    (view,) = bundle(now, was).views
    assert behind(view.further) == 'Behind that place more reads otherwise: system, "Load".'
    assert behind(()) is None


def test_one_form_can_be_asked_for() -> None:
    was, now = (request(one.body, forwarded=one.body) for one in (_WAS, _NOW))
    (view,) = bundle(now, was, ["forwarded"]).views
    assert view.title == "as kvconsole forwarded them"
    assert bundle(_NOW, _WAS, ["forwarded"]).views == ()


def test_another_api_is_not_compared() -> None:
    (view,) = bundle(_NOW, request(b'{"messages":[]}', api="messages")).views
    assert view.divergence is None
    assert "different APIs (messages, chat)" in (view.note or "")
    assert compared_as(view, "chat") is None


@PATIENT
@given(captures(), st.none() | captures())
def test_anything_can_be_bundled(current: Captured, previous: Captured | None) -> None:
    for one in (bundle(current, previous), bundle(current, previous, ["forwarded"])):
        assert one.title is not None
        assert all(value for _, value in facts(one))
        assert all(value for _, value in figure_rows(one.current.figures))
