"""Tokens that a prompt should find in the cache."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.diagnosis.divergence import diverge
from proxy_core.diagnosis.reuse import predict
from proxy_core.verdict import Divergence, Predicted
from tests.bench.prediction import compare
from tests.clients.registry import CASES
from tests.diagnosis.kit import chat, system, user
from tests.real_llama import LlamaServer


def parted(shared: int, previous_size: int, size: int) -> Divergence:
    return Divergence("changed", "system", shared=shared, previous_size=previous_size, size=size)


@pytest.mark.parametrize(
    ("divergence", "had", "tokens", "found"),
    [
        (parted(500, 1000, 1200), 300, 350, Predicted(150, 350, "structure")),
        (
            Divergence("extended", shared=1000, previous_size=1000, size=1200),
            300,
            350,
            Predicted(300, 350, "structure"),
        ),
        # The last token is always evaluated.
        (
            Divergence("extended", shared=1000, previous_size=1000, size=1000),
            300,
            300,
            Predicted(299, 300, "structure"),
        ),
        (parted(500, 1000, 1000), None, 300, Predicted(150, 300, "structure")),
        (parted(500, 1000, 1000), 300, None, Predicted(150, None, "structure")),
        (parted(500, 1000, 1000), None, None, None),
        (parted(0, 0, 1000), 300, 300, Predicted(0, 300, "structure")),
        (parted(0, 0, 0), 300, 0, None),
        (parted(10, 10, 10), 3, 0, Predicted(0, 0, "structure")),
    ],
)
def test_shared_text_is_worth_the_predecessors_tokens(
    divergence: Divergence, had: int | None, tokens: int | None, found: Predicted | None
) -> None:
    assert predict(divergence, had, tokens) == found


def test_numbers_are_worth_more_tokens_than_words() -> None:
    """Half of the bytes, but most of the tokens, are digits."""
    words, digits = "word " * 200, "12345" * 200
    found = predict(diverge(chat(system(digits), user(words)), chat(system(digits), user("x"))), 1250, 1001)
    assert found is not None
    assert 900 <= found.tokens <= 1000


@given(
    st.integers(0, 10**7),
    st.integers(0, 10**7),
    st.integers(0, 10**7),
    st.none() | st.integers(0, 10**6),
    st.none() | st.integers(0, 10**6),
)
def test_no_prediction_is_impossible(
    one: int, other: int, shared: int, had: int | None, tokens: int | None
) -> None:
    found = predict(parted(min(one, other, shared), one, other), had, tokens)
    if found is not None:
        assert found.tokens >= 0
        assert had is None or one == 0 or found.tokens <= had
        assert tokens is None or found.tokens <= max(0, tokens - 1)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("openclaw-c", "changed"),
        ("openclaw-i-messages", "rewritten"),
        ("openclaw-c-responses", "changed"),
        ("shuffled-tools", "reordered"),
        ("pruned-hard", "pruned"),
        ("dropped-reasoning", "reasoning"),
    ],
)
def test_a_real_server_reuses_what_was_predicted(name: str, how: str, llama: LlamaServer) -> None:
    found = [one for one in compare(CASES[name], None, llama.url, short=True) if not one.elsewhere]
    assert how in {one.divergence.how for one in found}
    for one in found:
        assert one.off <= 0.03, one
        assert one.counted is not None
        assert abs(one.counted - one.measured) <= 1, one
