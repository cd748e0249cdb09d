"""How far the evaluation of a prompt is, while it runs."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Progress(NamedTuple):
    """A prompt that is being evaluated."""

    done: int
    """Prompt tokens that are in the slot by now, reused ones among them."""
    total: int | None
    """Tokens of the whole prompt, where known."""
    share: float | None
    """How much of what has to be evaluated is done, 0 to 1."""
    seconds_left: float | None
    source: Literal["log", "slots"]
