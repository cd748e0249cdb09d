"""What is said of the line under the cursor in the list of rules."""

from __future__ import annotations

from textual.content import Content

from console import figures, levels
from console.widgets.rule_lines import Entry, Heading, More, RuleState
from proxy_core.rules import Rule, RuleSet
from proxy_core.rules.rule import LEVELS
from proxy_core.staleness import ENOUGH
from proxy_core.visible import visible

_QUIET = "$chart-axis"


def words(entry: Entry | None, state: RuleState, rules: RuleSet, problem: str | None) -> Content:
    """Sentences for a person.

    Args:
        entry: The line under the cursor.
        state: How its rule stands, where it is one.
        rules: The rules in force.
        problem: What is wrong with the rule files.
    """
    parts: list[Content] = []
    if problem is not None:
        trouble = f"! {visible(problem)}\nThe rules from before stay in force."
        parts.append(Content.assemble((trouble, "$text"), "\n\n"))
    match entry:
        case Rule():
            parts.append(_of_rule(entry, state, rules))
        case More():
            parts.append(_of_more(entry))
        case Heading() | None:
            pass
    return Content("").join(parts)


def _of_rule(rule: Rule, state: RuleState, rules: RuleSet) -> Content:
    pieces: list[tuple[str, str]] = [(f"{visible(rule.title)}\n", "bold $text")]
    if state.stale:
        stale = f"! Stale: found nothing in its client's last {ENOUGH} requests; its format may have changed."
        pieces.append((f"{stale}\n", "$chart-mark"))
    pieces += [
        (f"{visible(rule.does)}\n", "$text"),
        (f"Costs: {visible(rule.cost)}\n", _QUIET),
        (f"{levels.named(rule.level)} · {standing(rule, rules)} · ", _QUIET),
        (f"{figures.plural(state.hits, 'hit') if state.hits else 'no hit'}\n", _QUIET),
        (f"{visible(rule.id)} · {visible(rule.source)}", _QUIET),
    ]
    return Content.assemble(*pieces)


def standing(rule: Rule, rules: RuleSet) -> str:
    """Whether a rule is on, and whose doing that is."""
    on = rule.id in rules.enabled
    reached = LEVELS.index(rule.level) <= LEVELS.index(rules.level)
    if on == (rule.on and reached):
        if on:
            return "on"
        return "off at this level" if rule.on else "off until you switch it on"
    return f"switched {'on' if on else 'off'} by you"


def _of_more(more: More) -> Content:
    names = ", ".join(f"{visible(group.client)} {len(group.rules)}" for group in more.groups)
    what = "Rules for clients that have sent nothing yet: they do nothing, and show as soon as one comes."
    return Content.assemble((f"{what}\n", "$text"), (names, _QUIET))
