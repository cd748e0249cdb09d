"""Which rules there are for something that changed between two requests, whatever rules are on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from proxy_core.errors import PromptError
from proxy_core.prompt import Prompt, parse
from proxy_core.rules import Rule, RuleSet
from proxy_core.rules.rule import LEVELS

Mended = Callable[[Prompt, Prompt], bool]
"""Says of two prompts, as rules forward them, whether the change is gone."""


def rules_for(
    rules: RuleSet, client: str | None, previous: Prompt, current: Prompt, mended: Mended
) -> tuple[Rule, ...]:
    """The rule that takes a change away, or the fewest that do so together; none where none can.

    Those that are on come before those that are off, mild ones before strong ones. Every rule is played
    over both requests, as if the earlier one were the first of its conversation.

    Args:
        rules: All rules.
        client: Who sent both requests.
        previous: The earlier request as its client sent it.
        current: The later one.
        mended: Whether the change is gone.
    """

    def strength(rule: Rule) -> tuple[bool, int]:
        return rule.id not in rules.enabled, LEVELS.index(rule.level)

    runs = [rule for rule in rules.rules if rule.runs_for(current.api, client)]
    touched: set[str] = set()
    # A rule finds nothing where one before it had the same text: so each strength is played for itself.
    for level in sorted({strength(rule) for rule in runs}):
        some = [rule for rule in runs if strength(rule) == level]
        touched |= _play(rules, some, client, previous, current)[1]
    acting = sorted((rule for rule in runs if rule.id in touched), key=strength)
    for rule in acting:
        played, _ = _play(rules, [rule], client, previous, current)
        if played is not None and mended(*played):
            return (rule,)
    together, _ = _play(rules, acting, client, previous, current)
    if len(acting) < 2 or together is None or not mended(*together):
        return ()
    chosen = list(acting)
    for rule in reversed(acting):
        fewer = [other for other in chosen if other is not rule]
        played, _ = _play(rules, fewer, client, previous, current)
        if played is not None and mended(*played):
            chosen = fewer
    return tuple(chosen)


def _play(
    rules: RuleSet, some: Sequence[Rule], client: str | None, previous: Prompt, current: Prompt
) -> tuple[tuple[Prompt, Prompt] | None, set[str]]:
    """Both requests as these rules forward them, and the ids of those that changed or noted something."""
    ids: Iterable[str] = (rule.id for rule in some)
    wanted = RuleSet(rules.rules, frozenset(ids), rules.level)
    before = wanted.apply(previous, client)
    after = wanted.apply(current, client, dict(before.writes))
    touched = {edit.rule for edit in (*before.edits, *after.edits)}
    try:
        return (parse(previous.api, before.body), parse(current.api, after.body)), touched
    except PromptError:
        return None, touched
