"""The rules in force, as one immutable snapshot that is swapped whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from proxy_core.prompt import Change, Prompt
from proxy_core.rules.rule import Edit, Rule


class Normalized(NamedTuple):
    """What a rule set made of a prompt."""

    body: bytes
    edits: tuple[Edit, ...]
    failures: tuple[str, ...]
    """A sentence for each rule that failed; the request goes on without it."""


@dataclass(frozen=True)
class RuleSet:
    """All known rules, and which of them are on."""

    rules: tuple[Rule, ...] = ()
    enabled: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rules: tuple[Rule, ...], toggles: Mapping[str, bool]) -> RuleSet:
        """The rules as their authors set them, with a person's toggles over that."""
        return cls(rules, frozenset(r.id for r in rules if toggles.get(r.id, r.on)))

    def toggled(self, rule_id: str, on: bool) -> RuleSet:
        """The same rules with one of them on or off."""
        enabled = self.enabled | {rule_id} if on else self.enabled - {rule_id}
        return RuleSet(self.rules, enabled)

    def get(self, rule_id: str) -> Rule | None:
        """The rule of that id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    def apply(self, prompt: Prompt, client: str | None) -> Normalized:
        """Normalize `prompt`.

        All rules see the prompt as it was sent, so their order does not matter. Where two rules want the same
        bytes, the first keeps them. A rule that raises is left out and named; the others still count.
        """
        edits: list[Edit] = []
        failures: list[str] = []
        taken: dict[int, list[Change]] = {}
        for rule in self.rules:
            if rule.id not in self.enabled or not rule.runs_for(prompt.api, client):
                continue
            try:
                fresh = [(i, c) for i, c in rule.changes(prompt) if not _overlaps(c, taken.get(i, ()))]
                named = [_edit(prompt, rule, index, change) for index, change in fresh]
            except Exception as error:  # a rule must never stop a request
                failures.append(f"rule {rule.id} failed and was left out of this request: {error!r}")
                continue
            for index, change in fresh:
                taken.setdefault(index, []).append(change)
            edits += named
        return Normalized(prompt.edited(taken) if taken else prompt.body, tuple(edits), tuple(failures))


def _overlaps(change: Change, taken: Sequence[Change]) -> bool:
    return any(change.start < cut.end and cut.start < change.end for cut in taken)


def _edit(prompt: Prompt, rule: Rule, index: int, change: Change) -> Edit:
    segment = prompt.segments[index]
    old = segment.text[change.start : change.end]
    return Edit(rule.id, segment.message, old.decode(errors="replace"), change.new.decode())
