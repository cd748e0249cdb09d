"""Verdicts where figures speak against what the prompts alone would say, and where little is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from proxy_core.diagnosis.facts import Before, Facts, Taker
from proxy_core.diagnosis.judge import judge
from proxy_core.exchange import Exchange, Record
from proxy_core.llama.turns import Turn
from proxy_core.verdict import Advice, Cause, Divergence
from tests.diagnosis.test_judge import BEFORE, SAME, SECTION, exchange, facts, record, turn, verdict


def told(known: Facts) -> str:
    """All evidence as one text."""
    return " ".join(judge(known).verdict.evidence)


def test_what_was_measured_counts_more_than_what_the_text_lets_expect() -> None:
    # Templates write arguments of calls in their own spelling, and other slots may hold what was sent before.
    call = replace(SECTION, part="message", how="rewritten", name="message 3 (assistant)", message=2)
    found = judge(facts(3998, call))
    assert (found.verdict.cause, found.verdict.advice) == ("healthy", ())
    assert "message 3 (assistant)" in found.verdict.evidence[0]
    assert "nearly all of it was reused all the same" in found.verdict.evidence[0]


def test_what_the_prompt_became_is_said_as_it_is() -> None:
    assert "goes on where the one before ended" in told(facts(3998))
    again = replace(SAME, size=SAME.previous_size, detail="the same prompt")
    assert "the very same prompt" in told(facts(3998, again))
    fewer = Divergence(
        "shortened", "message", "message 9 (user)", "2 messages fewer", shared=15000,
        previous_size=16000, size=15000,
    )  # fmt: skip
    shorter = replace(facts(3749, fewer), record=Record(2, 1000.0, exchange(3749, 3750), turn(3749)))
    assert "The prompt ends earlier than the one before: 2 messages fewer." in told(shorter)


def test_little_that_was_lost_is_healthy_wherever_it_stood() -> None:
    early = replace(
        SECTION, part="message", how="rewritten", name="message 1 (user)", shared=10, previous_size=100
    )
    earlier = Record(1, 900.0, exchange(1, 24), turn(1))
    now = Record(2, 1000.0, exchange(4, 36), turn(4))
    found = judge(replace(facts(4, early, before=earlier), record=now))
    assert (found.verdict.cause, found.lost_n) == ("healthy", 20)
    assert "near the end" not in found.verdict.evidence[0]
    assert "20 tokens were read anew" in found.verdict.evidence[0]


def test_what_a_cancelled_turn_never_read_was_never_lost() -> None:
    stopped = Record(1, 900.0, exchange(None, None, status="cancelled"), turn(cancelled=True, end_n=2048))
    assert judge(facts(2048, before=stopped)).lost_n == 0
    assert judge(facts(48, before=stopped)).lost_n == 2000


def test_how_far_a_cancelled_turn_came_may_be_unknown() -> None:
    stopped = Record(1, 900.0, exchange(None, None, status="cancelled"))
    found = judge(facts(700, before=stopped, log=False))
    assert found.verdict.cause == "cancelled"
    assert found.lost_n is None
    assert "request 1" in found.verdict.detail
    assert judge(facts(3998, before=stopped, log=False)).verdict.cause == "healthy"


def test_of_a_turn_that_was_left_while_its_prompt_was_read_nothing_is_known_to_be_lost() -> None:
    gone = replace(
        facts(779, SECTION), record=record(None, turn(779, cancelled=True, n_tokens=4298), status="cancelled")
    )
    assert judge(gone).verdict.cause == "cancelled"
    assert judge(gone).lost_n is None


def test_a_cancelled_turn_tells_as_well_where_its_prompt_left() -> None:
    late = replace(facts(779, SECTION), record=record(779, turn(779, cancelled=True), status="cancelled"))
    found = judge(late)
    assert (found.verdict.headline, found.lost_n) == ("cancelled", BEFORE - 779)
    assert any("Inbound Context" in line for line in found.verdict.evidence)


def beside(before_slot: int, slot: int) -> Facts:
    """A turn that came while the one before was still being answered."""
    running = Record(
        1, 900.0, exchange(3900, BEFORE, total_ms=200_000.0), Turn(slot=before_slot, task=5, cached_n=3900)
    )
    return facts(0, logged=Turn(slot=slot, task=7, cached_n=0, selected_by="lru"), before=running)


def test_a_turn_beside_the_one_before_finds_its_slot_taken() -> None:
    found = judge(beside(1, 0)).verdict
    assert found.headline == "slot taken: by request 1, at the same time"
    assert "slot 1" in found.evidence[0]
    assert [(advice.kind, advice.what) for advice in found.advice] == [
        ("client", "one request after the other")
    ]
    # In the same slot it waited until the one before was done.
    assert judge(beside(0, 0)).verdict.cause == "evicted"


def test_the_other_cause_is_told_as_well() -> None:
    near = replace(SECTION, shared=12000)
    assert "Inbound Context" in told(facts(0, near, logged=turn(0, forced_full=True)))
    early = replace(SECTION, shared=6400)
    assert "restored context checkpoint" in told(
        facts(300, early, logged=turn(300, checkpoint="restored", checkpoint_pos=299))
    )


def unread(cached: int, tokens: int) -> Exchange:
    """A request whose prompt kvconsole does not read."""
    return replace(exchange(cached, tokens, lane=None), api=None)


def test_a_prompt_that_is_not_compared_is_judged_by_its_figures() -> None:
    warm = Record(2, 1000.0, unread(3990, 4000), turn(3990, prompt_n=10, sim_best=0.997, f_keep=1.0))
    found = judge(Facts(warm, why_none="kvconsole does not compare prompts of this kind"))
    assert found.verdict.cause == "healthy"
    cold = Record(2, 1000.0, unread(0, 4000), turn(0, prompt_n=4000, selected_by="lru"))
    assert judge(Facts(cold)).verdict.cause == "cold start"


def test_a_first_request_that_was_all_there_is_no_cold_start() -> None:
    # kvconsole was started, or put in between, in the middle of a conversation.
    warm = Record(2, 1000.0, exchange(1900, 2163), turn(1900, prompt_n=263, sim_best=0.88, f_keep=0.998))
    found = judge(Facts(warm, why_none="kvconsole saw no earlier request of its conversation", holder=7))
    assert found.verdict.cause == "healthy"
    assert any("request 7" in line for line in found.verdict.evidence)
    measured = judge(Facts(Record(2, 1000.0, exchange(3990, 4000)), why_none="It is the first"))
    assert measured.verdict.cause == "healthy"


@pytest.mark.parametrize(
    ("cached", "logged", "cause"),
    [
        # The last answer came back in other tokens: that is what a healthy turn looks like.
        (1683, turn(1683, prompt_n=240, sim_best=0.875, f_keep=0.998), "healthy"),
        (1683, turn(1683, prompt_n=240, sim_best=0.875, f_keep=0.7), "unknown"),
        (1683, None, "unknown"),
        (1900, None, "healthy"),
    ],
)
def test_figures_alone(cached: int, logged: Turn | None, cause: Cause) -> None:
    alone = Record(3, 1000.0, unread(cached, 1923), logged)
    found = judge(Facts(alone)).verdict
    assert found.cause == cause
    assert "Neither the log nor the answer" not in " ".join(found.evidence)


def taken(taker: Turn, **around: Any) -> list[Advice]:
    """Advice after somebody else's turn in the slot."""
    other = Record(9, 950.0, replace(exchange(0, 300), lane="title"), taker)
    more = {"taker": Taker(other, "Name this chat")}
    return list(judge(facts(600, logged=turn(600), more=more, **around)).verdict.advice)


def flags(advice: list[Advice]) -> list[str]:
    return [one.what for one in advice]


def test_a_slot_that_was_chosen_for_little_asks_for_a_higher_threshold() -> None:
    assert "-sps 0.5" in flags(taken(turn(30, selected_by="lcp", sim_best=0.103), slots=4, lanes=2))
    assert "-sps 0.7" in flags(taken(turn(30, selected_by="lcp", sim_best=0.66), slots=4, lanes=2))
    # More slots do not help where the fullest one is chosen for what both have in common.
    assert "-np 4" not in flags(taken(turn(30, selected_by="lcp", sim_best=0.66), slots=4, lanes=3))


def test_a_threshold_that_the_conversation_itself_would_miss_is_not_advised() -> None:
    assert not any(
        what.startswith("-sps") for what in flags(taken(turn(30, selected_by="lcp", sim_best=0.98)))
    )


def test_a_slot_that_was_the_oldest_asks_for_more_slots() -> None:
    assert flags(taken(turn(0, selected_by="lru"), slots=2, lanes=2)) == ["-np 3"]


def test_before_its_own_turn_a_message_of_a_person_may_have_been_edited() -> None:
    edited = replace(SECTION, part="message", how="rewritten", name="message 3 (user)", message=2)
    [advice] = judge(facts(779, edited)).verdict.advice
    assert "on its own" in advice.why


def test_a_prediction_that_is_a_little_off_leaves_the_client_its_doing() -> None:
    late = replace(SECTION, part="message", how="pruned", name="message 9 (user)", detail="", shared=15800)
    assert verdict(facts(3850, late))[0] == "history pruned"


def test_nothing_in_common_is_said_without_figures_of_nothing() -> None:
    apart = replace(SECTION, name="system", offset=0, shared=0)
    said = told(facts(1, apart))
    assert "0 %" not in said
    assert "1 were" not in said
    assert "at its very beginning" in said


def test_a_lane_before_without_bodies_is_judged_by_its_figures() -> None:
    earlier = Record(1, 900.0, exchange(3900, BEFORE), turn(3900))
    known = Facts(record(3998), Before(earlier), why_none=None)
    assert judge(known).verdict.cause == "healthy"
