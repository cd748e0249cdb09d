"""The rules in force, as one immutable snapshot that is swapped whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import NamedTuple

from proxy_core.prompt import Api, Prompt
from proxy_core.rules.anchors import Frame
from proxy_core.rules.apply import Normalized, Plan, apply
from proxy_core.rules.recall import Memory, Room
from proxy_core.rules.rule import LEVELS, Level, Rule

__all__ = ["Normalized", "RuleSet"]


class _For(NamedTuple):
    api: Api
    client: str | None


@dataclass(frozen=True)
class RuleSet:
    """All known rules, and which of them are on."""

    rules: tuple[Rule, ...] = ()
    enabled: frozenset[str] = frozenset()
    level: Level = "safe"
    _plans: dict[_For, Plan] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, rules: tuple[Rule, ...], toggles: Mapping[str, bool], level: Level = "safe") -> RuleSet:
        """The rules up to `level` as their authors set them, with a person's toggles over that."""
        reached = LEVELS[: LEVELS.index(level) + 1]
        on = (r.id for r in rules if toggles.get(r.id, r.on and r.level in reached))
        return cls(rules, frozenset(on), level)

    def toggled(self, rule_id: str, on: bool) -> RuleSet:
        """The same rules with one of them on or off."""
        enabled = self.enabled | {rule_id} if on else self.enabled - {rule_id}
        return RuleSet(self.rules, enabled, self.level)

    @cached_property
    def version(self) -> str:
        """Which rules are on and what they say, in 12 hexadecimal digits: equal rules, equal version."""
        told = sorted((rule.id, rule.digest) for rule in self.rules if rule.id in self.enabled)
        return blake2b(repr(told).encode(), digest_size=6).hexdigest()

    def get(self, rule_id: str) -> Rule | None:
        """The rule of that id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    def frame(self, client: str | None) -> Frame | None:
        """How `client` decorates what a person wrote, as its rules know it, whether they are on or not."""
        return next((r.frame for r in self.rules if r.client == client and r.frame is not None), None)

    def running(self, api: Api, client: str | None) -> tuple[Rule, ...]:
        """The rules that are on and run for such a request."""
        return self._plan(api, client).rules

    def apply(
        self, prompt: Prompt, client: str | None, memory: Memory | None = None, room: Room | None = None
    ) -> Normalized:
        """Normalize `prompt`.

        `rules.apply` says in which steps. Where two rules want the same bytes, the first keeps them: one for
        the client before one for any, else the one that was read first. A rule that raises, or takes more
        than its time, is left out and named; the others still count.

        Args:
            prompt: The request.
            client: Who sent it, or None; only rules written for it run.
            memory: What the request's lane remembers; nothing for a conversation's first request.
            room: What is known of the slot's context, for rules that may make a prompt longer.
        """
        return apply(self._plan(prompt.api, client), prompt, memory or {}, room)

    def _plan(self, api: Api, client: str | None) -> Plan:
        key = _For(api, client)
        plan = self._plans.get(key)
        if plan is None:
            running = tuple(r for r in self.rules if r.id in self.enabled and r.runs_for(api, client))
            plan = self._plans[key] = Plan.of(running, self.frame(client))
        return plan
