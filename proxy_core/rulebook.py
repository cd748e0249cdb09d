"""The rules in force, the switches that a person set, and the one place that swaps them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from proxy_core.errors import RuleError
from proxy_core.rules import Rule, RuleSet, load_rules, shipped_rules
from proxy_core.rules.rule import Level


class Rulebook:
    """Holds one immutable RuleSet; every change makes a new one and swaps it whole."""

    def __init__(self, folder: Path, toggles: Mapping[str, bool], *, level: Level, bypass: bool) -> None:
        """A broken file in `folder` leaves the shipped rules in force; `problem` then says why."""
        self.folder = folder
        self.bypass = bypass
        """Pass every request through untouched."""
        self.problem: str | None = None
        """What is wrong with the files in `folder`, for a person; None when nothing is."""
        self.level = level
        """Rules of this level and the lower ones are on, unless a person says otherwise."""
        self._toggles = dict(toggles)
        self.current = self._rule_set(tuple(shipped_rules()))
        self.reload()

    def reload(self) -> bool:
        """Read all files again; on an error the rules in force stay. Says whether the rules changed."""
        return self.take(self.read())

    def read(self) -> tuple[Rule, ...] | RuleError:
        """What the files hold now; touches nothing, so that any thread may do it."""
        try:
            return load_rules(self.folder)
        except RuleError as error:
            return error

    def take(self, read: tuple[Rule, ...] | RuleError) -> bool:
        """Put what was read in force; an error keeps the rules. Says whether they changed."""
        if isinstance(read, RuleError):
            self.problem = read.message
            return False
        self.problem = None
        return self._swap(read)

    def switch(self, rule_id: str, on: bool) -> bool:
        """Switch one rule. Says whether anything changed."""
        if self.current.get(rule_id) is None or (rule_id in self.current.enabled) == on:
            return False
        self._toggles[rule_id] = on
        self.current = self.current.toggled(rule_id, on)
        return True

    def set_level(self, level: Level) -> bool:
        """Switch on what the level allows; what a person switched stays. Says whether any rule changed."""
        self.level = level
        return self._swap(self.current.rules)

    def _swap(self, rules: tuple[Rule, ...]) -> bool:
        before, self.current = self.current, self._rule_set(rules)
        return self.current != before

    def _rule_set(self, rules: tuple[Rule, ...]) -> RuleSet:
        return RuleSet.of(rules, self._toggles, self.level)


class Flips:
    """What a person switched since the last prompt, as a short mark for the charts."""

    def __init__(self) -> None:
        self._flips: dict[str, bool] = {}

    def add(self, name: str, on: bool) -> None:
        """A rule was switched."""
        self._flips[name] = on

    def take(self) -> str | None:
        """The mark, and begin anew; None when nothing was switched."""
        flips, self._flips = self._flips, {}
        if not flips:
            return None
        levels = [name for name in flips if name.startswith("level ")]
        if levels:
            return levels[-1]
        states = set(flips.values())
        word = "flipped" if len(states) > 1 else "on" if states == {True} else "off"
        return f"{next(iter(flips)).rpartition('.')[2]} {word}" if len(flips) == 1 else f"rules {word}"
