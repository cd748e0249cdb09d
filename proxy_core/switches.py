"""What a person switches: rules, level, bypass, and what a switch means for conversations under way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec

from proxy_core.events import Event, Notice, RulesChanged
from proxy_core.exchange import Exchange
from proxy_core.lanes import Lanes
from proxy_core.rulebook import Rulebook
from proxy_core.rules import RuleSet
from proxy_core.rules.rule import Level
from proxy_core.settings import Flips
from proxy_core.staleness import Staleness
from proxy_core.state import State

_LIVE_SECONDS = 3600.0
"""How long after its last request a conversation still counts: its prompt may well be in a slot."""

Save = Callable[[Callable[[State], State]], None]


class Switches:
    """The one place that changes which rules are in force. All of it runs on the engine's loop."""

    def __init__(
        self,
        rules: Rulebook,
        lanes: Lanes,
        flips: Flips,
        *,
        tell: Callable[[Event], None],
        flipped: Callable[[str, bool], None],
        save: Save,
    ) -> None:
        """
        Args:
            rules: The rules in force.
            lanes: The conversations under way.
            flips: Whether a change counts at once, or in new conversations only.
            tell: Takes events.
            flipped: Takes the name of what was switched, for the mark on the next turn.
            save: Changes what survives a restart.
        """
        self._rules = rules
        self._lanes = lanes
        self._flips = flips
        self._tell = tell
        self._flipped = flipped
        self._save = save
        self._staleness = Staleness()
        self._stale: frozenset[str] = frozenset()

    @property
    def stale(self) -> frozenset[str]:
        """Ids of the rules that no longer find anything in what their client sends."""
        return self._staleness.stale

    def begin(self) -> None:
        """Say which rules are in force, and what is wrong with the files."""
        self._publish()
        if self._rules.problem is not None:
            message = f"{self._rules.problem}\nNone of your own rules counts until that is put right."
            self._tell(Notice("error", "Rules", message))

    def set_rule(self, rule_id: str, on: bool) -> None:
        """Switch one rule, now and for later runs."""
        before = self._rules.current
        if self._rules.switch(rule_id, on):
            self._flipped(rule_id, on)
            self._spread(before)
            self._save(_with_rule(rule_id, on))

    def set_level(self, level: Level) -> None:
        """Switch on what a level allows, now and for later runs."""
        before = self._rules.current
        changed = self._rules.set_level(level)
        self._save(_with_level(level))
        if changed:
            self._flipped(f"level {level}", True)
            self._spread(before)
        else:
            self._publish()

    def set_bypass(self, bypass: bool) -> None:
        """Pass everything through untouched, or let the rules work again."""
        if self._rules.bypass != bypass:
            self._rules.bypass = bypass
            self._flipped("rules", not bypass)
            self._publish()

    def set_flips(self, flips: Flips) -> None:
        """Let changes count at once, or in new conversations only; for this run."""
        if flips != self._flips:
            self._flips = flips
            if flips == "now":
                self._lanes.pin(None)
            self._publish()

    async def reload(self) -> None:
        """Rule files changed: read them off the loop, and put what they say in force."""
        problem_before, before = self._rules.problem, self._rules.current
        # On a thread: a slow disk must not hold up streams.
        changed = self._rules.take(await asyncio.to_thread(self._rules.read))
        problem = self._rules.problem
        if problem is not None and problem != problem_before:
            self._publish()
            message = f"{problem}\nThe rules that were in force stay in force."
            self._tell(Notice("error", "Rules", message))
        elif problem is None and (changed or problem_before is not None):
            self._spread(before, "Rule files were read again.")

    def saw(self, exchange: Exchange) -> None:
        """A prompt went through the rules."""
        if exchange.api is None or exchange.lane is None or self._rules.bypass:
            return
        self._staleness.saw(self._rules.current.running(exchange.api, exchange.client), exchange.matched)
        if self._staleness.stale != self._stale:
            self._publish()

    def _spread(self, before: RuleSet, news: str = "") -> None:
        """A change is in force: say so, and what it means for the conversations under way."""
        for rule in before.enabled ^ self._rules.current.enabled:
            self._staleness.forget(rule)
        if self._flips == "new-lanes":
            self._lanes.pin(before)
        told = f"{news} {self._meaning()}".strip()
        if told:
            self._tell(Notice("information", "Rules", told))
        self._publish()

    def _meaning(self) -> str:
        lanes = self._lanes.live(time.time() - _LIVE_SECONDS)
        # What asked once, such as a maker of titles, will hardly ask again; the latest may have just begun.
        live = sum(lane.requests > 1 or lane is lanes[0] for lane in lanes)
        if not live or self._rules.bypass:
            return ""
        one = live == 1
        who = "1 conversation" if one else f"{live} conversations"
        if self._flips == "new-lanes":
            return f"{who} {'keeps the rules it' if one else 'keep the rules they'} began with."
        return f"{who} may evaluate {'its next prompt' if one else 'their next prompts'} anew."

    def _publish(self) -> None:
        self._stale = self._staleness.stale
        rules = self._rules
        self._tell(RulesChanged(rules.current, rules.bypass, rules.problem, self._flips, self._stale))


def _with_rule(rule_id: str, on: bool) -> Callable[[State], State]:
    return lambda state: msgspec.structs.replace(state, rules={**state.rules, rule_id: on})


def _with_level(level: Level) -> Callable[[State], State]:
    return lambda state: msgspec.structs.replace(state, level=level)
