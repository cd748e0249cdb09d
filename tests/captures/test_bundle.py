"""What a bug report holds of two requests."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from proxy_core.captures.bundle import UNKNOWN, bundle, facts, figure_rows, pairs, shared, where
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


def test_requests_pair_within_their_conversation() -> None:
    other = request(chat("Title maker"), lane="b")
    made = pairs([_WAS, other, _NOW])
    assert [(one.current, one.previous) for one in made] == [(_NOW, _WAS)]
    assert [one.previous for one in pairs([_WAS, other])] == [None, None]


def test_another_api_is_not_compared() -> None:
    (view,) = bundle(_NOW, request(b'{"messages":[]}', api="messages")).views
    assert view.divergence is None


@PATIENT
@given(st.lists(captures(), max_size=4))
def test_anything_can_be_bundled(several: list[Captured]) -> None:
    for one in pairs(several):
        assert one.title is not None
        assert all(value for _, value in facts(one))
        assert all(value for _, value in figure_rows(one.current.figures))
