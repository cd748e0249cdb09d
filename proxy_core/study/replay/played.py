"""One replayed prompt, and what the server measured about it."""

from __future__ import annotations

from dataclasses import dataclass

from proxy_core.llama.answer import Answer
from proxy_core.prompt import Api
from proxy_core.study.replay.conversations import Arm

_HEAD_TOKENS = 100
"""Tokens that a chat template may write before the first text, and that are in the cache then."""
_HEAD_SHARE = 0.1
_FEW_TOKENS = 16


@dataclass(frozen=True)
class Played:
    """One prompt of one arm in one round; None is unknown. Tokens, and times in milliseconds."""

    lane: str
    turn: int
    """Its place in what is played of the conversation, from 1."""
    request: int
    """Its place among the requests of the source, from 1."""
    place: str
    api: Api
    arm: Arm
    round: int
    """From 1."""
    status: int | None = None
    """HTTP status; None where nothing was answered, or nothing asked."""
    tokens: int | None = None
    """Of the whole prompt."""
    reused: int | None = None
    """Of these, found in the cache."""
    evaluated: int | None = None
    shared: int | None = None
    """Tokens that it and the prompt played before it in this arm and round both begin with, counted by the
    server's own tokenizer."""
    prompt_ms: float | None = None
    """Prompt eval time."""
    answer_ms: float | None = None
    """From sending the request to the end of its answer."""
    others: bool | None = None
    """Whether a slot was working for somebody else just before."""
    problem: str | None = None
    """Why there are no figures."""
    note: str | None = None
    """What else is to be known."""

    @property
    def sim(self) -> float | None:
        """Share of the prompt that it begins like the one before it, from 0 to 1."""
        return None if self.shared is None or not self.tokens else min(1.0, self.shared / self.tokens)

    @property
    def answered(self) -> bool:
        """Whether the server evaluated it."""
        return self.problem is None

    @property
    def warm(self) -> bool:
        """Whether more of a first prompt was in the cache than what the chat template writes before it."""
        if self.turn != 1 or self.reused is None or self.tokens is None:
            return False
        return self.reused > min(_HEAD_TOKENS, max(_FEW_TOKENS, _HEAD_SHARE * self.tokens))


def counts(answer: Answer) -> tuple[int | None, int | None, int | None]:
    """Tokens of the whole prompt, the reused and the evaluated ones, of which builds tell any two.

    `cache_n` and `cached_tokens` are newer (b6399, b8439) than `prompt_n` and `prompt_tokens`.
    """
    whole, cached, evaluated = answer.prompt_tokens, answer.cached_n, answer.prompt_n
    if whole is not None and evaluated is not None and cached is None:
        cached = max(0, whole - evaluated)
    if whole is not None and cached is not None and evaluated is None:
        evaluated = max(0, whole - cached)
    return whole, cached, evaluated
