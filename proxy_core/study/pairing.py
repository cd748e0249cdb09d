"""Requests with the one before each in its conversation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from proxy_core.captures.bundle import outlined
from proxy_core.captures.captured import Captured
from proxy_core.diagnosis.by_prompt import cause_of
from proxy_core.diagnosis.divergence import diverge
from proxy_core.rules import RuleSet
from proxy_core.study.steps import steps


class Pair(NamedTuple):
    """A request and the one that it goes on from."""

    current: Captured
    previous: Captured | None
    lane: str | None = None
    """The conversation, see `steps.Step.lane`."""

    @property
    def parts(self) -> bool:
        """Whether the client sent something else than a continuation; not where they cannot be compared."""
        if self.previous is None:
            return False
        sides = (self.previous, self.current)
        found, _ = outlined(sides, (self.previous.body, self.current.body))
        return found is not None and cause_of(diverge(*found)) is not None


def pairs(captured: Iterable[Captured]) -> Iterator[Pair]:
    """Each request that carries a prompt, oldest first; two of them are held at a time per conversation."""
    for step in steps(captured, RuleSet()):
        yield Pair(step.captured, step.previous.captured if step.previous else None, step.lane)
