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
    """What this prompt could find at most of what the turn before had evaluated."""
    shared: int | None = None
    """What both prompts have in common, evaluated or not."""
    reused: int | None = None
    partial: bool = False
    """Whether nobody knows how much was evaluated, of this prompt or of the one before: it was cancelled."""
    slack: int = _LEAST
    """Loss up to which a turn counts as healthy."""
    doubt: int = _LEAST
    """How far the prediction may be off."""

    @property
    def expected(self) -> int | None:
        """What they have in common, and the turn before had evaluated."""
        return None if self.shared is None else _least(self.shared, self.possible)

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
        lost = max(0, self.possible - self.reused)
        return None if self.partial and lost > self.slack else lost

    @property
    def kept(self) -> bool:
        """Whether it was measured that nothing to speak of was lost."""
        return self.lost is not None and self.lost <= self.slack


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
    most = _least(had, None if tokens is None else tokens - 1)
    possible = _least(most, left_in_slot(before.record))
    predicted = before.predicted
    shared = None if predicted is None else _least(predicted.tokens, most)
    room = max(possible or 0, tokens or 0)
    # A predecessor that goes on is worth its own tokens, which were counted.
    whole = before.normalized is not None and before.normalized.how == "extended"
    exact = whole or (predicted is not None and predicted.source == "tokens")
    return Amounts(
        tokens=tokens,
        possible=possible,
        shared=shared,
        reused=reused,
        partial=unread(before.record) or (cancelled(record) and record.prompt_n is None),
        slack=max(_LEAST, int(_SLACK * (possible or 0))),
        doubt=_LEAST if exact else max(_LEAST, int(_GUESS * room)),
    )


def left_in_slot(record: Record) -> int | None:
    """Tokens that a turn left in its slot, where that is less than its prompt: one that was cancelled."""
    turn, tokens = record.turn, record.prompt_tokens
    if turn is None or turn.end_n is None or not cancelled(record):
        return None
    return turn.end_n if tokens is None or turn.end_n < tokens else None


def unread(record: Record) -> bool:
    """Whether a turn was cancelled, and nobody knows how much of its prompt it had evaluated by then."""
    return cancelled(record) and record.prompt_n is None and record.turn is None


def cancelled(record: Record) -> bool:
    """Whether a turn ended before its answer was complete."""
    gone = record.exchange is not None and record.exchange.status == "cancelled"
    return gone or (record.turn is not None and record.turn.cancelled)


def _least(one: int | None, other: int | None) -> int | None:
    known = [value for value in (one, other) if value is not None]
    return min(known, default=None)
