"""Entries as JSON: all comes back, and other versions' words are no fault."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.exchange import Status
from proxy_core.journal.entry import Entry, Summary, summary_of
from proxy_core.journal.stored import (
    UnreadableError,
    details_json,
    diagnosis_from,
    diagnosis_json,
    entry_from,
    summary_from,
    summary_json,
)
from proxy_core.llama.answer import Answer
from proxy_core.llama.said import Call, Said
from proxy_core.llama.turns import Turn
from proxy_core.prompt import Api
from proxy_core.rules import Edit
from proxy_core.verdict import (
    CAUSES,
    Advice,
    Diagnosis,
    Divergence,
    Excerpt,
    How,
    Part,
    Predicted,
    Verdict,
)
from tests.journal.kit import entry

TEXT = st.text(max_size=20)
COUNT = st.integers(0, 2**40)
MS = st.floats(0, 1e9)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


EXCERPTS = st.builds(Excerpt, TEXT, TEXT, TEXT, TEXT, TEXT)
DIVERGENCES = st.builds(
    Divergence,
    st.sampled_from(get_args(How)),
    maybe(st.sampled_from(get_args(Part))),
    TEXT,
    TEXT,
    maybe(COUNT),
    st.lists(TEXT).map(tuple),
    COUNT,
    maybe(EXCERPTS),
    COUNT,
    COUNT,
    COUNT,
)
PREDICTED = st.builds(Predicted, COUNT, maybe(COUNT), st.sampled_from(["structure", "tokens"]))
ADVICE = st.builds(Advice, st.sampled_from(["rule", "flag", "client", "kvconsole"]), TEXT, TEXT)
VERDICTS = st.builds(
    Verdict,
    st.sampled_from(CAUSES),
    TEXT,
    st.lists(TEXT, max_size=2).map(tuple),
    st.lists(ADVICE, max_size=2).map(tuple),
    st.booleans(),
)
DIAGNOSES = st.builds(
    Diagnosis,
    VERDICTS,
    maybe(COUNT),
    maybe(TEXT),
    maybe(DIVERGENCES),
    maybe(DIVERGENCES),
    maybe(PREDICTED),
    maybe(PREDICTED),
    maybe(COUNT),
    maybe(MS),
    maybe(COUNT),
    maybe(MS),
)
ENTRIES = st.builds(
    Entry,
    run=TEXT,
    record=COUNT,
    at=st.floats(0, 1e10),
    method=maybe(TEXT),
    path=maybe(TEXT),
    api=maybe(st.sampled_from(get_args(Api))),
    label=maybe(TEXT),
    prompts=st.booleans(),
    client=maybe(TEXT),
    model=maybe(TEXT),
    messages=maybe(COUNT),
    stream=st.booleans(),
    status=st.sampled_from(get_args(Status)),
    http_status=maybe(st.integers(100, 599)),
    lane=maybe(TEXT),
    note=maybe(TEXT),
    rules=st.lists(TEXT).map(tuple),
    ruleset=maybe(TEXT),
    matched=st.lists(TEXT).map(tuple),
    reasoned=st.booleans(),
    figures=st.builds(
        Answer, maybe(COUNT), maybe(COUNT), maybe(COUNT), maybe(MS), maybe(COUNT), maybe(MS), maybe(TEXT)
    ),
    turn=maybe(st.builds(Turn, slot=COUNT, task=maybe(COUNT), sim_best=maybe(MS), error=maybe(TEXT))),
    build=maybe(TEXT),
    flipped=maybe(TEXT),
    total_ms=maybe(MS),
    edits=st.lists(st.builds(Edit, TEXT, maybe(COUNT), TEXT, TEXT), max_size=3).map(tuple),
    said=maybe(
        st.builds(Said, TEXT, TEXT, st.lists(st.builds(Call, TEXT, TEXT, TEXT)).map(tuple), st.booleans())
    ),
    diagnosis=maybe(DIAGNOSES),
)


@given(ENTRIES)
def test_an_entry_comes_back(kept: Entry) -> None:
    assert entry_from(summary_json(kept), details_json(kept), None) == kept
    assert summary_from(summary_json(kept)) == summary_of(kept)


@given(DIAGNOSES)
def test_a_diagnosis_is_an_object_by_names(told: Diagnosis) -> None:
    stored = diagnosis_json(told)
    assert stored["version"] == 1
    if told.raw is not None and told.raw.excerpt is not None:
        assert stored["raw"]["excerpt"]["shared"] == told.raw.excerpt.shared
    assert diagnosis_from(msgspec.json.decode(msgspec.json.encode(stored))) == told


def test_a_later_version_is_understood_as_far_as_it_can_be() -> None:
    excerpt = {"shared": "a", "previous": "b", "current": "c", "page": 7}
    stored = {
        "version": 9,
        "verdict": {"cause": "moon phase", "detail": "full", "evidence": ["seen"], "mood": 1},
        "predecessor": 4,
        "raw": {"how": "extended", "excerpt": excerpt, "colour": "red"},
        "normalized": {"how": "turned inside out"},
        "predicted": "soon",
        "weather": {},
    }
    assert diagnosis_from(stored) == Diagnosis(
        Verdict("unknown", "moon phase: full", ("seen",)),
        predecessor=4,
        raw=Divergence("extended", excerpt=Excerpt("a", "b", "c")),
    )


@pytest.mark.parametrize("verdict", [None, 7, {}, {"cause": 3}])
def test_without_a_verdict_there_is_no_diagnosis(verdict: object) -> None:
    assert diagnosis_from({"verdict": verdict}) is None


def test_a_summary_of_a_later_version_loses_only_what_is_not_understood() -> None:
    stored = msgspec.json.decode(summary_json(entry()))
    stored |= {"turn": {"slot": "left"}, "verdict": {"cause": "moon phase"}, "status": "asleep", "later": [1]}
    assert summary_from(msgspec.json.encode(stored)) == Summary(
        run="run",
        record=1,
        at=entry().at,
        lane="lane",
        method="POST",
        path="/v1/x",
        label="chat",
        verdict=Verdict("unknown", "moon phase"),
    )


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"[]", b"{}", b'{"run":"r","record":"one","at":1}', b"[" * 10**5]
)
def test_what_is_no_entry_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        summary_from(data)
    with pytest.raises(UnreadableError):
        entry_from(data, details_json(entry()), None)


def test_half_a_surrogate_pair_costs_no_entry() -> None:
    odd = Entry(run="r", record=1, at=1.0, model="m\ud800", edits=(Edit("r", 0, "\udfff", ""),))
    back = entry_from(summary_json(odd), details_json(odd), None)
    assert (back.model, back.edits[0].old) == ("m\\ud800", "\\udfff")
