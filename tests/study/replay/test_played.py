"""One replayed prompt: what its answer tells, and whether it was cold."""

from __future__ import annotations

import pytest

from proxy_core.llama.answer import Answer
from proxy_core.study.replay.played import Played, counts

BLANK = Played("c1", 1, 1, "capture.jsonl:1", "chat", "raw", 1)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(prompt_tokens=100, cached_n=90, prompt_n=10), (100, 90, 10)),
        (Answer(prompt_tokens=100, prompt_n=10), (100, 90, 10)),
        (Answer(prompt_tokens=100, cached_n=90), (100, 90, 10)),
        (Answer(prompt_tokens=100), (100, None, None)),
        (Answer(prompt_n=10), (None, None, 10)),
        (Answer(), (None, None, None)),
    ],
)
def test_two_counts_make_the_third(answer: Answer, told: tuple[int | None, ...]) -> None:
    assert counts(answer) == told


@pytest.mark.parametrize(
    ("turn", "tokens", "reused", "warm"),
    [
        (1, 20_000, 3, False),
        (1, 20_000, 100, False),
        (1, 20_000, 101, True),
        (1, 300, 30, False),
        (1, 300, 31, True),
        (1, 50, 16, False),
        (1, 50, 17, True),
        (2, 20_000, 19_000, False),
        (1, 20_000, None, False),
    ],
)
def test_a_first_prompt_is_warm_when_more_than_a_template_was_there(
    turn: int, tokens: int, reused: int | None, warm: bool
) -> None:
    assert Played("c1", turn, 1, "", "chat", "raw", 1, tokens=tokens, reused=reused).warm is warm


def test_the_similarity_is_the_shared_share() -> None:
    def sim(tokens: int | None, shared: int | None) -> float | None:
        return Played("c1", 2, 2, "", "chat", "raw", 1, tokens=tokens, shared=shared).sim

    assert (sim(200, 150), sim(200, 0), sim(200, None), sim(None, 150)) == (0.75, 0.0, None, None)
    assert sim(10, 11) == 1.0
