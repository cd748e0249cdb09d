from __future__ import annotations

import pytest

from proxy_core.llama.turn import Turn


@pytest.mark.parametrize(
    ("n_tokens", "cached_n", "prompt_n", "whole"),
    [
        (1200, 1000, 200, 1200),
        (None, 1000, 200, 1200),
        (None, 0, 5, 5),
        (None, None, 5, None),
        (None, 5, None, None),
    ],
)
def test_the_size_of_the_prompt(
    n_tokens: int | None, cached_n: int | None, prompt_n: int | None, whole: int | None
) -> None:
    turn = Turn(slot=0, task=7, n_tokens=n_tokens, cached_n=cached_n, prompt_n=prompt_n)
    assert turn.prompt_tokens == whole
