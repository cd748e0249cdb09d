"""How long this server takes for a token of a prompt, as it showed with its latest prompts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from proxy_core.exchange import Record

_NEWEST = 50
"""Turns that count, for each model."""

_ENOUGH = 64
"""Fewest evaluated tokens: of a short prompt, most of the time is the batch's own."""

_MODELS = 16
"""Models that are told apart, behind a router."""


class _Measured(NamedTuple):
    tokens: int
    per_token: float
    """Milliseconds."""


class Speed:
    """Milliseconds per evaluated token: the median over the newest turns, each weighed by its tokens.

    Behind a router, models have speeds of their own. A model that has not been measured is taken for as fast
    as the others.
    """

    def __init__(self) -> None:
        self._turns: OrderedDict[str | None, dict[int, _Measured]] = OrderedDict()

    def take(self, record: Record) -> None:
        """A record is new or has other figures; one that is taken again replaces itself."""
        tokens, ms = record.prompt_n, record.prompt_ms
        if tokens is None or ms is None or tokens < _ENOUGH or ms <= 0:
            return
        model = record.exchange.model if record.exchange else None
        own = self._turns.setdefault(model, {})
        self._turns.move_to_end(model)
        own[record.id] = _Measured(tokens, ms / tokens)
        if len(own) > _NEWEST:
            del own[min(own)]
        if len(self._turns) > _MODELS:
            self._turns.popitem(last=False)

    def per_token(self, model: str | None = None) -> float | None:
        """Milliseconds for one token; None before anything was measured.

        Args:
            model: The model as its client calls it; None for whatever runs there.
        """
        own = self._turns.get(model)
        turns = own.values() if own else [turn for turns in self._turns.values() for turn in turns.values()]
        return _median(turns)

    def ms(self, tokens: int, model: str | None = None) -> float | None:
        """How long that many tokens take to evaluate, in milliseconds; None before anything was measured."""
        each = self.per_token(model)
        return None if each is None else tokens * each


def _median(turns: Iterable[_Measured]) -> float | None:
    """The speed that half of all tokens were at least as fast as."""
    ordered = sorted(turns, key=lambda turn: turn.per_token)
    half = sum(turn.tokens for turn in ordered) / 2
    seen = 0
    for turn in ordered:
        seen += turn.tokens
        if seen >= half:
            return turn.per_token
    return None
