"""What the core asks of an action."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

from proxy_core.prompt import Change
from proxy_core.rules.draft import Draft, Outcome
from proxy_core.rules.look import Look


@runtime_checkable
class TextAction(Protocol):
    """Turns what a rule matched in one text into changes of that text."""

    def apply(self, text: bytes, matches: Sequence[Change]) -> Sequence[Change]:
        """The changes to make at `matches` of `text`."""


@runtime_checkable
class LaneAction(Protocol):
    """Works on a whole request, and may remember things for the lane's next one."""

    early: ClassVar[bool]
    """Whether it works on messages as the client sent them, before texts are edited."""

    def work(self, rule: str, looks: tuple[Look, ...], draft: Draft) -> Outcome:
        """What to do to `draft`, which it leaves as it is; `rule` is the id that it remembers under."""
