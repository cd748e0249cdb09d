"""The tokens of a turn: what could have been reused, what should have, what was."""

from __future__ import annotations

from dataclasses import dataclass

from proxy_core.diagnosis.facts import Facts
from proxy_core.exchange import Record

_LEAST = 32
"""Tokens that no verdict is made of: the end of a prompt is always evaluated anew."""
_SLACK = 0.02
"""The same as a share of what could have been reused."""
_GUESS = 0.05
"""Share of a prompt by which a prediction from its structure may be off."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """Prompt tokens; None is unknown."""

    tokens: int | None = None
    """Of the whole prompt."""
    possible: int | None = None
    """What the predecessor's prompt and this one could have in common at most."""
    expected: int | None = None
    """What they have in common, and was still in the slot as far as the turn before told."""
    shared: int | None = None
    """What they have in common."""
    reused: int | None = None
    slack: int = _LEAST
    """Loss up to which a turn counts as healthy."""
    doubt: int = _LEAST
    """How far the prediction may be off."""

    @property
    def by_prompt(self) -> int:
        """Lost because the prompt changed."""
        if self.possible is None or self.shared is None:
            return 0
        return max(0, self.possible - self.shared)

    @property
    def by_server(self) -> int:
        """Lost though the prompt had it in common."""
        if self.expected is None or self.reused is None:
            return 0
        return max(0, self.expected - self.reused)

    @property
    def lost(self) -> int | None:
        """Evaluated again though the predecessor had been evaluated."""
        if self.possible is None or self.reused is None:
            return None
        return max(0, self.possible - self.reused)


def amounts(facts: Facts) -> Amounts:
    """Work out the tokens of a turn."""
    record, before = facts.record, facts.before
    tokens, reused = record.prompt_tokens, record.cached_n
    if before is None:
        return Amounts(tokens=tokens, reused=reused)
    had = before.record.prompt_tokens
    sizes = before.normalized
    if had is None and tokens is not None and sizes is not None and sizes.size:
        # It was cancelled before anybody counted it.
        had = tokens * sizes.previous_size // sizes.size
    possible = _least(had, None if tokens is None else tokens - 1)
    predicted = before.predicted
    shared = None if predicted is None else _least(predicted.tokens, possible)
    room = max(possible or 0, tokens or 0)
    # A predecessor that goes on is worth its own tokens, which were counted.
    whole = before.normalized is not None and before.normalized.how == "extended"
    exact = whole or (predicted is not None and predicted.source == "tokens")
    return Amounts(
        tokens=tokens,
        possible=possible,
        expected=_least(shared, left_in_slot(before.record)) if shared is not None else None,
        shared=shared,
        reused=reused,
        slack=max(_LEAST, int(_SLACK * (possible or 0))),
        doubt=_LEAST if exact else max(_LEAST, int(_GUESS * room)),
    )


def left_in_slot(record: Record) -> int | None:
    """Tokens that a turn left in its slot, where that is less than its prompt: one that was cancelled."""
    turn, tokens = record.turn, record.prompt_tokens
    if turn is None or turn.end_n is None or not cancelled(record):
        return None
    return turn.end_n if tokens is None or turn.end_n < tokens else None


def cancelled(record: Record) -> bool:
    """Whether a turn ended before its answer was complete."""
    gone = record.exchange is not None and record.exchange.status == "cancelled"
    return gone or (record.turn is not None and record.turn.cancelled)


def _least(one: int | None, other: int | None) -> int | None:
    known = [value for value in (one, other) if value is not None]
    return min(known, default=None)
