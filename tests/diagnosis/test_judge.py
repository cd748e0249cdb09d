"""Verdicts from facts: each cause, its side, its cost, and that no combination of figures raises."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.diagnosis.facts import Before, Facts, Taker
from proxy_core.diagnosis.judge import judge
from proxy_core.exchange import Exchange, Record
from proxy_core.llama.answer import Answer
from proxy_core.llama.turns import Turn
from proxy_core.verdict import CAUSES, SIDE_OF, Cause, Diagnosis, Divergence, Predicted

BEFORE, NOW = 4000, 4298
"""Prompt tokens of both turns."""

SAME = Divergence("extended", shared=16000, previous_size=16000, size=17200)
SECTION = Divergence(
    "changed", "system", 'system, "Inbound Context"', "Inbound Context", offset=3000, shared=3100,
    previous_size=16000, size=17200,
)  # fmt: skip


def exchange(cached: int | None, tokens: int | None = NOW, **more: Any) -> Exchange:
    evaluated = None if tokens is None or cached is None else tokens - cached
    figures = Answer(prompt_tokens=tokens, prompt_n=evaluated, cached_n=cached, **more.pop("answer", {}))
    fields: dict[str, Any] = {
        "status": "done",
        "http_status": 200,
        "lane": "main",
        "client": "openclaw",
        **more,
    }
    return Exchange("POST", "/v1/chat/completions", "chat", "chat", True, answer=figures, **fields)


def turn(cached: int | None = None, **more: Any) -> Turn:
    return Turn(slot=0, task=7, cached_n=cached, **more)


def record(cached: int | None, logged: Turn | None = None, **more: Any) -> Record:
    return Record(2, 1000.0, exchange(cached, **more), logged)


def facts(
    cached: int | None,
    divergence: Divergence = SAME,
    raw: Divergence | None = None,
    logged: Turn | None = None,
    *,
    before: Record | None = None,
    more: dict[str, Any] | None = None,
    **around: Any,
) -> Facts:
    """A turn after another one of 4,000 tokens."""
    earlier = before or Record(1, 900.0, exchange(3900, BEFORE), turn(3900))

    def predicted(parted: Divergence) -> Predicted:
        return Predicted(BEFORE * parted.shared // parted.previous_size, NOW, "structure")

    raw = raw or divergence
    past = Before(earlier, raw, divergence, predicted(raw), predicted(divergence), **(more or {}))
    given = {"ms_per_token": 10.0, "log": True, **around}
    return Facts(record(cached, logged), past, **given)


def verdict(known: Facts) -> tuple[Cause, str]:
    found = judge(known).verdict
    return found.cause, found.detail


def test_a_prompt_that_goes_on_and_was_reused_is_healthy() -> None:
    found = judge(facts(3998))
    assert (found.verdict.headline, found.verdict.side, found.verdict.predicted) == (
        "healthy",
        "nobody",
        False,
    )
    assert (found.lost_n, found.saved_n) == (2, 0)


def test_a_changed_section_is_named_and_costs_what_was_evaluated_again() -> None:
    found = judge(facts(779, SECTION))
    assert found.verdict.headline == "system changed: Inbound Context"
    assert found.verdict.side == "client"
    assert (found.lost_n, found.lost_ms) == (BEFORE - 779, (BEFORE - 779) * 10.0)
    assert any('system, "Inbound Context"' in line for line in found.verdict.evidence)
    assert found.verdict.advice


def test_what_rules_saved_is_what_the_raw_prompts_would_not_have_had_in_common() -> None:
    found = judge(facts(3990, SAME, SECTION))
    assert found.verdict.cause == "healthy"
    assert found.saved_n == 3990 - 775
    assert found.saved_ms == (3990 - 775) * 10.0
    assert found.predicted_raw == Predicted(775, NOW, "structure")


@pytest.mark.parametrize(
    ("parted", "cause"),
    [
        (replace(SECTION, part="tools", how="reordered", detail="exec"), "tools changed"),
        (replace(SECTION, part="message", how="rewritten", detail="message 3"), "message rewritten"),
        (replace(SECTION, part="message", how="pruned", detail="message 3"), "history pruned"),
        (replace(SECTION, part="message", how="compacted", detail="message 3"), "history compacted"),
        (replace(SECTION, part="message", how="reasoning", detail="message 3"), "reasoning dropped"),
    ],
)
def test_each_part_has_a_verdict_of_its_own(parted: Divergence, cause: Cause) -> None:
    found = judge(facts(779, parted)).verdict
    assert (found.cause, found.detail, found.side) == (cause, parted.detail, "client")


def test_a_difference_near_the_end_is_healthy() -> None:
    late = replace(SECTION, part="message", how="rewritten", name="message 9 (user)", shared=15900)
    found = judge(facts(3970, late)).verdict
    assert found.cause == "healthy"
    assert "message 9 (user)" in found.evidence[0]


def test_a_switched_rule_is_nobody_elses_doing() -> None:
    found = judge(facts(779, SECTION, SAME, flips=("openclaw.message-id",))).verdict
    assert (found.cause, found.detail, found.side) == ("rule flipped", "openclaw.message-id", "rules")
    assert [advice.what for advice in found.advice] == ['flips = "new-lanes"']


@pytest.mark.parametrize(
    ("logged", "more", "around", "headline"),
    [
        (turn(0, forced_full=True), {}, {}, "full re-processing"),
        (turn(1024, checkpoint="restored", checkpoint_pos=1023), {}, {}, "checkpoint fallback"),
        (turn(0, checkpoint="invalidated", checkpoint_pos=3900), {}, {}, "full re-processing"),
        (turn(0, sim_best=0.93, f_keep=1.0, selected_by="lcp"), {}, {}, "full re-processing"),
        (turn(1024, sim_best=0.93, f_keep=1.0, selected_by="lcp"), {}, {}, "checkpoint fallback"),
        (turn(0, selected_by="lru"), {}, {}, "evicted"),
        (turn(0, cleared=True), {}, {}, "evicted"),
        (turn(0), {"renewed": "the server was restarted"}, {}, "cache lost"),
        (turn(0), {"template": "the date is another one (strftime_now)"}, {}, "template changed"),
        (turn(0), {}, {}, "unknown"),
        (None, {}, {"log": False}, "unknown"),
    ],
)
def test_what_the_server_lost_is_the_servers_doing(
    logged: Turn | None, more: dict[str, Any], around: dict[str, Any], headline: Cause
) -> None:
    cached = 1024 if logged is not None and logged.cached_n == 1024 else 0
    found = judge(facts(cached, logged=logged, more=more, **around))
    assert found.verdict.cause == headline
    assert found.verdict.side == SIDE_OF[headline]
    assert found.lost_n == BEFORE - cached
    assert found.verdict.evidence


def test_who_took_the_slot_is_named_and_more_slots_are_advised() -> None:
    taker = Record(9, 950.0, replace(exchange(0, 300), lane="title"), turn(0))
    found = judge(
        facts(
            600,
            logged=turn(600),
            more={"taker": Taker(taker, "Name this chat")},
            slots=1,
            lanes=2,
            cache_ram=0.0,
        )
    ).verdict
    assert found.headline == "slot taken: by “Name this chat”"
    assert {"-np 3", "--cache-ram 8192"} <= {advice.what for advice in found.advice}


def test_host_cache_entries_that_went_make_it_an_eviction() -> None:
    taker = Record(9, 950.0, replace(exchange(0, 300), lane="title"), turn(0))
    found = judge(
        facts(0, logged=turn(0, evicted_n=2), more={"taker": Taker(taker, "Name this chat")}, cache_ram=64.0)
    ).verdict
    assert found.cause == "evicted"
    assert "--cache-ram 128" in {advice.what for advice in found.advice}


def test_nobody_knows_what_the_server_did_between_two_runs_of_kvconsole() -> None:
    earlier = Record(1, 900.0, exchange(3900, BEFORE), turn(3900), name="3f9a12c4-1", recalled=True)
    for logged in (turn(0, selected_by="lru"), turn(0, sim_best=0.1, evicted_n=2), None):
        found = judge(facts(0, logged=logged, before=earlier)).verdict
        assert found.headline == "cache lost: while kvconsole did not run"
        assert "earlier run" in found.evidence[0]
    assert verdict(facts(3998, before=earlier)) == ("healthy", "")
    assert verdict(facts(3700, before=earlier))[0] == "unknown", "a cache that has most of it was not lost"


def test_of_two_causes_the_costlier_one_counts() -> None:
    near = replace(SECTION, shared=15000)
    assert verdict(facts(0, near, logged=turn(0, forced_full=True)))[0] == "full re-processing"
    early = replace(SECTION, shared=1600)
    assert verdict(facts(300, early, logged=turn(300, checkpoint="restored")))[0] == "system changed"


def test_after_a_cancelled_turn_only_what_it_left_is_expected() -> None:
    stopped = Record(1, 900.0, exchange(None, None, status="cancelled"), turn(cancelled=True, end_n=2048))
    found = judge(facts(2048, before=stopped)).verdict
    assert found.headline == "cancelled: request 1 stopped at 2,048 tokens".replace(",", " ")


def test_a_cancelled_turn_is_just_that() -> None:
    gone = replace(facts(779, SECTION), record=record(None, turn(cancelled=True), status="cancelled"))
    assert verdict(gone) == ("cancelled", "")


def test_another_model_is_named() -> None:
    assert verdict(facts(0, more={"model": "qwen"})) == ("model changed", "it was qwen")


def test_the_first_request_is_a_cold_start_and_loses_nothing() -> None:
    found = judge(Facts(record(800), why_none="This is the first request of its conversation"))
    assert found.verdict.cause == "cold start"
    assert found.lost_n == 0
    assert any("800 tokens came from the cache" in line for line in found.verdict.evidence)
    known = judge(Facts(record(800), holder=7)).verdict
    assert any("request 7 begins alike" in line for line in known.evidence)


def test_without_measurements_the_prompts_alone_speak_and_it_is_said() -> None:
    unmeasured = replace(facts(None, SECTION), record=record(None))
    found = judge(unmeasured)
    assert (found.verdict.cause, found.verdict.predicted) == ("system changed", True)
    assert (found.lost_n, found.saved_n) == (None, None)


def test_an_answer_that_was_thought_over_and_not_kept() -> None:
    thoughtful = Record(1, 900.0, exchange(3900, BEFORE, reasoned=True, answer={"gen_n": 500}), turn(3900))
    found = judge(facts(BEFORE, before=thoughtful))
    assert found.verdict.cause == "reasoning dropped"
    assert found.lost_n == 500
    assert "--reasoning-preserve" in {advice.what for advice in found.verdict.advice}
    cannot = judge(facts(BEFORE, before=thoughtful, preserves=False))
    assert "--reasoning-preserve" not in {advice.what for advice in cannot.verdict.advice}


@pytest.mark.parametrize(
    ("logged", "tokens", "cause"),
    [
        (turn(3900, prompt_n=100, sim_best=0.975, f_keep=1.0), 4000, "healthy"),
        (turn(0, prompt_n=4000, sim_best=0.97, f_keep=1.0), 4000, "full re-processing"),
        (turn(1000, prompt_n=3000, sim_best=0.97, f_keep=1.0), 4000, "checkpoint fallback"),
        (turn(1000, prompt_n=3000, sim_best=0.25, f_keep=0.26), 4000, "unknown"),
        (turn(0, prompt_n=4000, selected_by="lru"), 4000, "cold start"),
        (turn(0, prompt_n=4000, forced_full=True), 4000, "full re-processing"),
        (turn(None), None, "unknown"),
    ],
)
def test_a_turn_that_only_the_log_knows(logged: Turn, tokens: int | None, cause: Cause) -> None:
    direct = Record(3, None, None, logged)
    assert direct.prompt_tokens == tokens
    assert judge(Facts(direct)).verdict.cause == cause


counts = st.none() | st.integers(0, 100_000)


@given(
    tokens=counts,
    cached=counts,
    had=counts,
    size=st.integers(0, 10**6),
    share=st.floats(0, 1),
    how=st.sampled_from(["extended", "changed", "pruned", "shortened", "reasoning"]),
    sim=st.none() | st.floats(0, 1),
    selected=st.sampled_from([None, "lcp", "lru", "id"]),
    gone=st.booleans(),
    speed=st.none() | st.floats(0, 100),
)
def test_no_figures_raise_and_none_is_impossible(
    tokens: int | None,
    cached: int | None,
    had: int | None,
    size: int,
    share: float,
    how: Any,
    sim: float | None,
    selected: Any,
    gone: bool,
    speed: float | None,
) -> None:
    parted = replace(SECTION, how=how, shared=int(size * share), previous_size=size, size=size)
    logged = turn(cached, sim_best=sim, selected_by=selected, end_n=had, cancelled=gone)
    earlier = Record(1, 900.0, exchange(None, had, status="cancelled" if gone else "done"), logged)
    predicted = Predicted(int((had or 0) * share), tokens, "structure")
    known = Facts(
        record(cached, logged, tokens=tokens),
        Before(earlier, parted, parted, predicted, predicted),
        ms_per_token=speed,
    )
    found: Diagnosis = judge(known)
    assert found.verdict.cause in CAUSES
    for amount in (found.lost_n, found.saved_n, found.lost_ms, found.saved_ms):
        assert amount is None or amount >= 0
    if found.lost_n is not None and had is not None and found.verdict.cause != "reasoning dropped":
        assert found.lost_n <= had
