"""What rules that are off would have kept of the turn before, and which rules were switched in between.

Nobody is asked: both requests are normalized once more, the earlier one as if it were the first of its
conversation, the later one with what the rules then remember.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from proxy_core.diagnosis.divergence import diverge
from proxy_core.diagnosis.facts import Option
from proxy_core.diagnosis.heard import heard
from proxy_core.diagnosis.outline import ToolsAt, outline
from proxy_core.errors import PromptError
from proxy_core.prompt import Message, Prompt, parse
from proxy_core.rules import Rule, RuleSet
from proxy_core.rules.recall import Memory, Room
from proxy_core.rules.rule import LEVELS

__all__ = ["Option", "Wanted", "moved_by", "what_if"]

_LEAST = 0.01
"""Share of the prompt that an option has to gain."""

_NEAR = 0.9
"""Share of what all rules together gain, from which on fewer of them are good enough."""

_ALIKE = 50
"""Gains count as equal where they differ by less than a 50th of the prompt: the milder rule comes first."""


@dataclass(frozen=True)
class Wanted:
    """The rules in force."""

    rules: RuleSet
    bypass: bool = False
    """Whether everything passes through untouched all the same."""
    room: Room | None = None
    """What is known of the slot's context, for rules that may make a prompt longer."""


class _Result(NamedTuple):
    shared: int
    size: int
    found: frozenset[str]
    """Rules that found their place in one of both requests, and did not fail."""


def what_if(
    wanted: Wanted,
    client: str | None,
    previous: Prompt,
    current: Prompt,
    shared: int,
    tools_at: ToolsAt = "after system",
    expired: Callable[[], bool] = lambda: False,
) -> list[Option]:
    """Which rules that are off would have kept more of the prompt; the best and mildest first.

    Single rules come first; several are put together only where none of them gets near what all would gain.
    While rules are bypassed, the only question is what those that are on would do.

    Args:
        wanted: The rules in force.
        client: Who sent both requests.
        previous: The earlier request as its client sent it.
        current: The later one.
        shared: Bytes that both share as they were forwarded.
        tools_at: Where the model's chat template writes the tools.
        expired: Whether the time is up; what was found until then is given.
    """
    trial = _Trial(wanted, client, previous, current, tools_at)
    if wanted.bypass:
        on = trial.run(wanted.rules)
        return [_option(wanted.rules, (), on, shared)] if _pays(on, shared) else []
    base = max(shared, trial.run(wanted.rules).shared)
    candidates = _candidates(wanted.rules, current, client)
    usual = [rule for rule in candidates if rule.on]
    every = trial.run(_with(wanted.rules, usual))
    # A rule that is off unless somebody asks for it is not taken for granted among the others.
    worth = [rule for rule in usual if rule.id in every.found] if _pays(every, base) else []
    worth += (rule for rule in candidates if not rule.on)
    alone: list[tuple[Rule, _Result]] = []
    for rule in worth:
        if expired():
            break
        alone.append((rule, trial.run(_with(wanted.rules, [rule]))))
    paying = [(rule, result) for rule, result in alone if _pays(result, base)]
    options = [_option(wanted.rules, (rule,), result, base) for rule, result in paying]
    best = max((option.gain for option in options), default=0)
    if _pays(every, base) and best < _NEAR * (every.shared - base):
        rules = [rule for rule in usual if rule.id in every.found]
        options.append(_together(trial, wanted.rules, rules, every, base, expired))
    return _best(wanted.rules, options)


def moved_by(then: Iterable[str], now: Iterable[str]) -> tuple[str, ...]:
    """Ids of the rules that ran for one of two requests and not for the other.

    Args:
        then: Those that ran for the earlier one (`Exchange.rules`).
        now: Those that ran for the later one.
    """
    before, after = dict.fromkeys(then), dict.fromkeys(now)
    return (*(rule for rule in before if rule not in after), *(rule for rule in after if rule not in before))


class _Trial:
    """Two requests that are normalized again and again."""

    def __init__(
        self, wanted: Wanted, client: str | None, previous: Prompt, current: Prompt, tools_at: ToolsAt
    ) -> None:
        copies: dict[int, Message] = {}
        self._previous, self._current = _apart(previous, copies), _apart(current, copies)
        self._memory = heard(self._previous, wanted.rules.frame(client))
        self._room = wanted.room
        self._client = client
        self._tools_at = tools_at

    def run(self, rules: RuleSet) -> _Result:
        """What both share with these rules."""
        before = rules.apply(self._previous, self._client, self._memory, self._room)
        memory: Memory = {**self._memory, **before.writes}
        after = rules.apply(self._current, self._client, memory, self._room)
        found = before.matched | after.matched
        try:
            sent = (parse(self._previous.api, before.body), parse(self._current.api, after.body))
        except PromptError:
            return _Result(0, 1, found)
        outlines = (outline(prompt, self._tools_at) for prompt in sent)
        parted = diverge(*outlines)
        return _Result(parted.shared, parted.size, found)


def _apart(prompt: Prompt, copies: dict[int, Message]) -> Prompt:
    """The same prompt with messages that remember on their own.

    Requests under way share what their messages remember: results of other rules must not take its place.
    """

    def copied(message: Message) -> Message:
        known = copies.get(id(message))
        if known is None:
            known = copies[id(message)] = replace(message, remembered=dict(message.remembered))
        return known

    head = copied(prompt.head) if prompt.head is not None else None
    return replace(prompt, head=head, messages=tuple(map(copied, prompt.messages)))


def _candidates(rules: RuleSet, prompt: Prompt, client: str | None) -> list[Rule]:
    """Rules that are off and could run for such a request, the mildest first."""
    off = (rule for rule in rules.rules if rule.id not in rules.enabled)
    return sorted((r for r in off if r.runs_for(prompt.api, client)), key=lambda r: LEVELS.index(r.level))


def _with(rules: RuleSet, more: Iterable[Rule]) -> RuleSet:
    return RuleSet(rules.rules, rules.enabled | {rule.id for rule in more}, rules.level)


def _pays(result: _Result, base: int) -> bool:
    return result.shared - base >= max(1, _LEAST * result.size)


def _option(rules: RuleSet, chosen: Sequence[Rule], result: _Result, base: int) -> Option:
    ids = tuple(rule.id for rule in chosen)
    return Option(ids, _level(rules, chosen), result.shared, result.shared - base, result.size)


def _level(rules: RuleSet, chosen: Sequence[Rule]) -> str | None:
    """The level that switches all of them on; None where that takes a person's hand."""
    reached = LEVELS.index(rules.level)
    needed = [LEVELS.index(rule.level) for rule in chosen]
    by_hand = any(not rule.on for rule in chosen) or any(level <= reached for level in needed)
    return None if by_hand or not needed else LEVELS[max(needed)]


def _together(
    trial: _Trial,
    rules: RuleSet,
    every: Sequence[Rule],
    result: _Result,
    base: int,
    expired: Callable[[], bool],
) -> Option:
    """Of all rules that found their place, no more than it takes to get near what all gain."""
    enough = base + _NEAR * (result.shared - base)
    chosen = list(every)
    # The strongest are tried first: whatever can do without them should.
    for rule in sorted(every, key=lambda rule: -LEVELS.index(rule.level)):
        if expired():
            break
        fewer = [other for other in chosen if other is not rule]
        without = trial.run(_with(rules, fewer))
        if without.shared >= enough:
            chosen, result = fewer, without
    return _option(rules, chosen, result, base)


def _best(rules: RuleSet, options: Iterable[Option]) -> list[Option]:
    """The options by what they gain, without those that gain no more than a milder and simpler one."""
    kept: list[Option] = []
    for option in sorted(options, key=lambda option: _order(rules, option)):
        strength = _strength(rules, option)
        if not any(
            _strength(rules, other) <= strength and len(other.rules) <= len(option.rules) for other in kept
        ):
            kept.append(option)
    return kept


def _strength(rules: RuleSet, option: Option) -> int:
    return max((LEVELS.index(rule.level) for rule in rules.rules if rule.id in option.rules), default=0)


def _order(rules: RuleSet, option: Option) -> tuple[int, int, int, tuple[str, ...]]:
    alike = round(_ALIKE * option.gain / max(1, option.size))
    return -alike, _strength(rules, option), -option.gain, option.rules
