"""Rules that no longer match anything their client sends: clients change their formats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from proxy_core.rules import Rule

ENOUGH = 20
"""Requests of its client in which a rule finds nothing before it is called stale."""


class Staleness:
    """Counts, for each rule, the requests since it last found its place."""

    def __init__(self) -> None:
        self._silent: Counter[str] = Counter()

    def saw(self, running: Iterable[Rule], matched: frozenset[str]) -> None:
        """A request came.

        Args:
            running: The rules that were on for it.
            matched: Ids of those that found their place.

        Rules for any client, and those that match only now and then, have nothing to be silent about.
        """
        for rule in running:
            if rule.id in matched:
                del self._silent[rule.id]
            elif rule.client != "any" and not rule.rare:
                self._silent[rule.id] += 1

    @property
    def stale(self) -> frozenset[str]:
        """Ids of the rules that have been silent for long."""
        return frozenset(rule for rule, silent in self._silent.items() if silent >= ENOUGH)

    def forget(self, rule: str) -> None:
        """A rule was switched: it has to be silent anew."""
        del self._silent[rule]
