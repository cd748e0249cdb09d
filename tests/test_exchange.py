from __future__ import annotations

import pytest

from proxy_core.exchange import UNKNOWN, Exchange, Record, Status
from proxy_core.llama.answer import Answer
from proxy_core.llama.turns import Turn


def exchange(answer: Answer = UNKNOWN, status: Status = "done", *, prompts: bool = True) -> Exchange:
    return Exchange(
        "POST",
        "/v1/messages",
        api="messages",
        label="messages",
        prompts=prompts,
        status=status,
        answer=answer,
        total_ms=50.0,
    )


TURN = Turn(
    slot=0, task=1, sim_best=0.9, f_keep=0.8, prompt_n=10, cached_n=30, prompt_ms=5.0, gen_n=2, total_ms=7.0
)


def test_figures_of_the_answer_come_first() -> None:
    answer = Answer(prompt_tokens=100, prompt_n=20, cached_n=80, prompt_ms=9.0)
    record = Record(1, 0.0, exchange(answer), TURN)
    assert (record.prompt_tokens, record.prompt_n, record.cached_n, record.prompt_ms) == (100, 20, 80, 9.0)
    assert record.reused == 0.8
    assert (record.sim, record.f_keep) == (0.9, 0.8)
    assert record.total_ms == 50.0


def test_the_log_fills_what_the_answer_leaves_out() -> None:
    record = Record(1, 0.0, exchange(Answer(prompt_tokens=40)), TURN)
    assert (record.prompt_tokens, record.prompt_n, record.cached_n, record.prompt_ms) == (40, 10, 30, 5.0)
    assert record.reused == 0.75


def test_zero_is_a_figure() -> None:
    record = Record(1, 0.0, exchange(Answer(cached_n=0, prompt_n=40)), TURN)
    assert (record.cached_n, record.reused) == (0, 0.0)


def test_unknown_stays_unknown() -> None:
    record = Record(1, 0.0, exchange())
    figures = (record.prompt_tokens, record.prompt_n, record.cached_n, record.prompt_ms, record.reused)
    assert figures == (None,) * 5
    assert (record.sim, record.f_keep) == (None, None)


def test_no_share_of_an_empty_prompt() -> None:
    assert Record(1, 0.0, exchange(Answer(cached_n=0, prompt_n=0))).reused is None


def test_a_turn_alone() -> None:
    record = Record(1, None, None, TURN)
    assert (record.prompts, record.open) == (True, False)
    assert (record.total_ms, record.prompt_tokens, record.reused) == (7.0, 40, 0.75)


@pytest.mark.parametrize(
    ("status", "is_open"),
    [("waiting", True), ("streaming", True), ("done", False), ("cancelled", False), ("error", False)],
)
def test_open(status: Status, is_open: bool) -> None:
    assert Record(1, 0.0, exchange(status=status)).open == is_open


def test_only_prompts_belong_into_the_table() -> None:
    assert not Record(1, 0.0, exchange(prompts=False)).prompts
