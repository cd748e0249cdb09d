"""What was saved and lost, per lane and in all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.exchange import Exchange, Record
from proxy_core.ledger import EMPTY, MOST_LANES, NOTHING, Account, Amount, Bookkeeper, Ledger
from proxy_core.llama.answer import Answer
from proxy_core.rules import Edit
from proxy_core.verdict import CAUSES, Cause, Diagnosis, Predicted, Verdict

CHAT = Exchange("POST", "/v1/chat/completions", api="chat", label="chat", prompts=True, status="done")


def diagnosed(
    key: int,
    cause: Cause = "healthy",
    lane: str | None = "a",
    *,
    saved: tuple[int, float | None] = (0, 0.0),
    lost: tuple[int, float | None] = (0, 0.0),
    predicted: int | None = None,
    cached: int | None = None,
) -> Record:
    """A record of 1,000 prompt tokens."""
    answer = Answer(prompt_tokens=1000, cached_n=cached)
    forecast = None if predicted is None else Predicted(predicted, 1000, "structure")
    diagnosis = Diagnosis(
        Verdict(cause), 1, predicted=forecast,
        saved_n=saved[0], saved_ms=saved[1], lost_n=lost[0], lost_ms=lost[1],
    )  # fmt: skip
    return Record(key, 0.0, replace(CHAT, lane=lane, answer=answer), diagnosis=diagnosis)


def kept(*records: Record) -> Ledger:
    books = Bookkeeper()
    for record in records:
        books.take(record)
    return books.ledger


def test_it_begins_empty_and_stays_so_until_a_turn_is_diagnosed() -> None:
    books = Bookkeeper()
    assert not books.take(Record(1, 0.0, CHAT))
    assert books.ledger == Ledger()


def test_sums_are_kept_in_all_and_by_lane_the_greatest_loss_first() -> None:
    ledger = kept(
        diagnosed(1, "tools changed", "a", lost=(100, 200.0)),
        diagnosed(2, "system changed", "a", lost=(300, 600.0)),
        diagnosed(3, "system changed", "b", lost=(50, 100.0)),
        diagnosed(4, "healthy", "b", saved=(700, 1400.0)),
    )
    assert ledger.total == Account(
        4,
        Amount(700, 1400.0, 1),
        (("system changed", Amount(350, 700.0, 2)), ("tools changed", Amount(100, 200.0, 1))),
    )
    assert [lane for lane, _ in ledger.lanes] == ["a", "b"]
    assert dict(ledger.lanes)["b"] == Account(
        2, Amount(700, 1400.0, 1), (("system changed", Amount(50, 100.0, 1)),)
    )


def test_a_better_diagnosis_takes_the_place_of_the_first() -> None:
    first = diagnosed(1, "unknown", lost=(10, 20.0), saved=(5, 10.0))
    better = diagnosed(1, "slot taken", lost=(900, 1800.0))
    assert kept(first, better) == kept(better)


def test_the_same_diagnosis_again_changes_nothing() -> None:
    books = Bookkeeper()
    record = diagnosed(1, "evicted", lost=(900, 1800.0))
    assert books.take(record)
    before = books.ledger
    assert not books.take(replace(record, flipped="rules on"))
    assert books.ledger is before


def test_a_turn_of_another_client_counts_in_all_only() -> None:
    direct = replace(diagnosed(1, "evicted", lost=(900, 1800.0)), exchange=None)
    assert kept(direct).total.turns == 1
    assert kept(direct).lanes == ()


def test_a_healthy_turn_and_a_first_one_lose_nothing() -> None:
    ledger = kept(diagnosed(1, "cold start", lost=(900, 1800.0)), diagnosed(2, lost=(1, 2.0)))
    assert ledger.total == Account(2)


def test_tokens_count_before_the_speed_is_known() -> None:
    assert kept(diagnosed(1, "evicted", lost=(900, None), saved=(20, None))).total == Account(
        1, Amount(20, 0.0, 1), (("evicted", Amount(900, 0.0, 1)),)
    )


def test_a_rule_that_did_harm_lowers_what_was_saved() -> None:
    assert kept(diagnosed(1, saved=(100, 200.0)), diagnosed(2, saved=(-40, -80.0))).total.saved == Amount(
        60, 120.0, 2
    )


def test_predictions_are_checked_where_nothing_else_had_a_hand_in_it() -> None:
    edited = diagnosed(9, predicted=0, cached=900)
    assert edited.exchange is not None
    ledger = kept(
        diagnosed(1, predicted=900, cached=890),
        diagnosed(2, "system changed", predicted=100, cached=130),
        diagnosed(3, "unknown", predicted=500, cached=0),
        diagnosed(4, "evicted", predicted=900, cached=0),
        diagnosed(5, "cancelled", predicted=900, cached=0),
        diagnosed(6, predicted=900),
        diagnosed(7, cached=900),
        replace(edited, exchange=replace(edited.exchange, edits=(Edit("r", 0, "a", "b"),))),
    )
    assert ledger.checks == 3
    assert ledger.error == pytest.approx(0.03)


def test_lanes_are_bounded_and_what_they_came_to_stays_in_the_sum() -> None:
    books = Bookkeeper()
    first = diagnosed(1, "evicted", "first", lost=(10, 10.0))
    books.take(first)
    for key in range(2, MOST_LANES + 2):
        books.take(diagnosed(key, "evicted", f"lane {key}", lost=(10, 10.0)))
    ledger = books.ledger
    assert len(ledger.lanes) == MOST_LANES
    assert "first" not in dict(ledger.lanes)
    assert dict(ledger.total.lost)["evicted"].turns == MOST_LANES + 1
    books.take(diagnosed(1, "cache lost", "first", lost=(10, 10.0)))
    assert "first" not in dict(books.ledger.lanes)
    assert dict(books.ledger.total.lost)["evicted"].turns == MOST_LANES
    again = diagnosed(9999, "evicted", "first", lost=(7, 7.0))
    books.take(again)
    books.take(diagnosed(1, "evicted", "first", lost=(10, 10.0)))
    assert dict(books.ledger.lanes)["first"].lost == (("evicted", Amount(7, 7.0, 1)),)


def test_turns_of_long_ago_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy_core.ledger._MOST_ENTRIES", 3)
    books = Bookkeeper()
    for key in range(1, 6):
        books.take(diagnosed(key, "evicted", lost=(10, 10.0)))
    assert not books.take(diagnosed(1, "evicted", lost=(9999, 1.0)))
    assert books.take(diagnosed(5, "evicted", lost=(20, 10.0)))
    assert books.ledger.total.lost == (("evicted", Amount(60, 50.0, 5)),)


_amounts = st.tuples(st.integers(0, 5000), st.floats(0, 1e6))
_turns = st.builds(
    diagnosed,
    st.integers(1, 6),
    st.sampled_from(CAUSES),
    st.sampled_from(["a", "b", None]),
    saved=_amounts,
    lost=_amounts,
    predicted=st.none() | st.integers(0, 1000),
    cached=st.none() | st.integers(0, 1000),
)


@given(st.lists(_turns, max_size=25))
def test_it_is_what_the_last_diagnosis_of_each_turn_comes_to(turns: list[Record]) -> None:
    lane = {turn.id: turn.exchange.lane for turn in reversed(turns) if turn.exchange}
    last = {turn.id: turn for turn in turns if turn.exchange and turn.exchange.lane == lane[turn.id]}
    steady = [turn for turn in turns if turn.exchange and turn.exchange.lane == lane[turn.id]]
    told, wanted = kept(*steady), kept(*last.values())
    assert _rounded(told.total) == _rounded(wanted.total)
    assert {name: _rounded(account) for name, account in told.lanes} == {
        name: _rounded(account) for name, account in wanted.lanes
    }
    assert (told.checks, told.error) == (wanted.checks, wanted.error)


def _rounded(account: Account) -> object:
    lost = sorted((cause, amount.tokens, amount.turns, round(amount.ms, 3)) for cause, amount in account.lost)
    saved = account.saved
    return account.turns, saved.tokens, saved.turns, round(saved.ms, 3), lost


def test_an_account_that_everything_was_taken_back_from_is_empty() -> None:
    ledger = kept(diagnosed(1, "evicted", lost=(10, 0.1), saved=(5, 0.3)), diagnosed(1, "healthy"))
    assert ledger.total == replace(EMPTY, turns=1)
    assert ledger.total.saved == NOTHING
