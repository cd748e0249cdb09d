"""What a rule can do to a text: one action, one file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from proxy_core.prompt import Change
from proxy_core.rules.actions.strip import Strip

__all__ = ["ACTIONS", "Action", "Strip"]


class Action(Protocol):
    """Turns what a rule matched into changes; pure."""

    def apply(self, text: bytes, matches: Sequence[Change]) -> Sequence[Change]:
        """The changes to make at `matches` of `text`."""


ACTIONS: dict[str, type[Strip]] = {"strip": Strip}
"""Actions by the name that a rule file uses."""
