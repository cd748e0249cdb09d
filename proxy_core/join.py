"""Which logged turn belongs to which exchange?

llama-server writes the same `prompt eval time` and token counts into its log and into a chat completion's
`timings`: an exact key. Where an answer has only token counts (Anthropic messages, unstreamed responses)
these and the time decide; a cancelled request has neither, so there the time alone does.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from proxy_core.exchange import Exchange, Record
from proxy_core.llama.turns import Turn

GRACE = 5.0
"""Seconds that a turn waits for its exchange, and an ended exchange for its turn, before it stands alone."""

_DRAFTED = 16
"""Most tokens of a draft that a derived count may have too many."""

_ROUNDING_MS = 0.0051
"""The log gives times with two decimals, the answer with three."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A turn that has no exchange yet."""

    turn: Turn
    at: float


@dataclass
class Joiner:
    """Holds what has no counterpart yet. Times are seconds of one monotonic clock."""

    _turns: deque[Waiting] = field(default_factory=deque)
    _ended: dict[int, tuple[Record, float]] = field(default_factory=dict)

    def turn(self, turn: Turn, now: float) -> Record | None:
        """A turn was logged; gives the record that it completes, if that is known by now."""
        fitting = [(at, record) for record, at in self._ended.values() if fits(record.exchange, turn)]
        # Of several that fit, the oldest: the log is written in the order in which answers end. A cancelled
        # request may never have got a slot, so there it is the last one.
        best = (fitting[-1] if turn.cancelled else fitting[0])[1] if fitting else None
        if best is None:
            self._turns.append(Waiting(turn, now))
            return None
        del self._ended[best.id]
        return best

    def exchange(self, record: Record, now: float) -> Turn | None:
        """An exchange has its figures; gives the turn that belongs to it, if it was logged by now."""
        best = next((waiting for waiting in self._turns if fits(record.exchange, waiting.turn)), None)
        if best is None:
            self._ended[record.id] = (record, now)
            return None
        self._ended.pop(record.id, None)
        self._turns.remove(best)
        return best.turn

    def expire(self, now: float) -> list[Waiting]:
        """Forget exchanges that waited too long; gives the turns that did, which nobody here asked for."""
        for key in [key for key, (_, at) in self._ended.items() if now - at > GRACE]:
            del self._ended[key]
        alone: list[Waiting] = []
        while self._turns and now - self._turns[0].at > GRACE:
            alone.append(self._turns.popleft())
        return alone


def fits(exchange: Exchange | None, turn: Turn) -> bool:
    """Whether the figures of an exchange's answer can be those of a logged turn.

    Every figure that both know must agree. A turn without figures was cancelled or refused, and belongs to an
    exchange that ended the same way.
    """
    if exchange is None:
        return False
    answer = exchange.answer
    if turn.error is not None and turn.prompt_n is None:
        return exchange.status == "error" and answer.error == turn.error
    if turn.cancelled and turn.prompt_n is None:
        other = None not in (answer.cached_n, turn.cached_n) and answer.cached_n != turn.cached_n
        return exchange.status == "cancelled" and not other
    if answer.prompt_ms is not None and turn.prompt_ms is not None:
        same = abs(answer.prompt_ms - turn.prompt_ms) <= _ROUNDING_MS
        return same and answer.prompt_n == turn.prompt_n
    # A count that the log only implies can be a few tokens high where the server drafts.
    spare = _DRAFTED if turn.cached_source == "derived" else 0
    pairs = (
        (answer.prompt_n, turn.prompt_n, 0),
        (answer.gen_n, turn.gen_n, 0),
        (answer.cached_n, turn.cached_n, spare),
        (answer.prompt_tokens, turn.prompt_tokens, spare),
    )
    known = [(ours, theirs, off) for ours, theirs, off in pairs if ours is not None and theirs is not None]
    told = answer.prompt_n is not None or answer.prompt_tokens is not None
    return told and bool(known) and all(abs(ours - theirs) <= off for ours, theirs, off in known)
