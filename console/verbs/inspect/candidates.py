"""Text that changes from turn to turn, and the rules for it, for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from console.figures import count, plural, share
from console.verbs.inspect.table import clipped, kilobytes, wrapped
from proxy_core.study.inspecting.candidates import Found, Named
from proxy_core.study.inspecting.inspection import Inspection
from proxy_core.study.inspecting.trial import MOST_PLAYED, Suggested, Tried
from proxy_core.visible import visible

_EXAMPLES = 3
_LONGEST = 60
_MOST = 40
"""Candidates that are shown; --json has all."""


def candidate_lines(found: Inspection, told: Suggested, width: int | None, *, writes: bool) -> Iterator[str]:
    """Each candidate with its place, what it looks like, and the rule that knows it.

    Args:
        found: What was found.
        told: What became of drafts.
        width: Cells of a line; None for as many as it takes.
        writes: Whether the drafts are written to a file.
    """
    if not any(told.turns for told in found.conversations.values()):
        return
    yield ""
    if not found.candidates:
        none = "Nothing changed within system texts, tools and what the client itself writes into messages."
        yield from wrapped(none, width)
        return
    yield click.style("Text that changes from turn to turn", bold=True)
    for number, one in enumerate(found.candidates[:_MOST], 1):
        yield from _candidate(number, one, found, told, width)
    more = len(found.candidates) - _MOST
    if more > 0:
        yield from wrapped(f"  … and {plural(more, 'place')} more; --json has them all.", width)
    if found.more:
        others = f"  Changes at still other places: {count(found.more)}. They were not looked into."
        yield from wrapped(others, width)
    yield from _trial(told, len(found.requests), width, writes=writes)


def _candidate(
    number: int, one: Found, found: Inspection, told: Suggested, width: int | None
) -> Iterator[str]:
    yield clipped(f"{number:>3}  {visible(_place(one))}", width)
    cost = f"{kilobytes(one.cost)} kB read again" if one.leading else "never the first thing to change"
    shape = "" if one.in_tools else f"{one.shape}, "
    yield from wrapped(
        f"     {shape}changed in {one.times} of {plural(found.turns(one), 'turn')}; {cost}; "
        f"{kilobytes(one.behind)} kB of the prompt stand behind it",
        width,
        "  ",
    )
    examples = [_example(value) for value in one.values if value.strip()]
    if examples and one.key.how != "shuffled":
        yield clipped(f"       {'  |  '.join(examples[:_EXAMPLES])}", width)
    yield from wrapped(f"     {_rule(one, told)}", width, "  ")
    tried = _draft_of(one, told)
    if tried is not None:
        look = tried.draft.table["look"][0]
        yield clipped(f"       {tried.draft.table['action']} {visible(look['pattern'])}", width)


def _place(one: Found) -> str:
    if one.in_tools:
        return f"tools: {one.key.context}"
    quoted = one.section if one.section.startswith("“") else f'"{one.section}"'
    named = f", {quoted}" if one.section else ""
    return (
        f"{one.part}, line {count(one.line)}, character {count(one.character)} "
        f"({share(one.far)} into the prompt){named}"
    )


def _example(value: str) -> str:
    line = " ".join(visible(value.replace("\n", "⏎")).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _rule(one: Found, told: Suggested) -> str:
    if one.rules:
        return f"→ {known_to(one.rules)}"
    tried = _draft_of(one, told)
    if tried is not None:
        return f"→ no rule knows it. Draft {tried.draft.rule.id}: {_gain(tried)}"
    why = next((why for other, why in told.refused if other is one), "it was not looked into")
    return f"→ no rule knows it, and no draft: {visible(why)}"


def known_to(rules: Sequence[Named]) -> str:
    """Which rules know something, and whether they are on."""
    names = ", ".join(
        f"{rule.id} ({rule.level}, {click.style('on', fg='green') if rule.on else 'off'})" for rule in rules
    )
    return f"known to {names}"


def _draft_of(one: Found, told: Suggested) -> Tried | None:
    return next((tried for tried in told.tried if tried.draft.found is one), None)


def _gain(tried: Tried) -> str:
    return f"with it, reuse goes from {share(tried.without)} to {click.style(share(tried.reuse), fg='green')}"


def _trial(told: Suggested, requests: int, width: int | None, *, writes: bool) -> Iterator[str]:
    """What reuse becomes, and how to get there."""
    if told.base is None:
        return
    yield ""
    steps = [f"Reuse in these conversations: {share(told.base)} as the rules are now"]
    if told.known is not None:
        steps.append(f"{share(told.known)} with {', '.join(told.switched)} on")
    if told.together is not None:
        drafts = "the draft" if len(told.tried) == 1 else f"all {len(told.tried)} drafts"
        steps.append(f"{share(told.together)} with {drafts}{' as well' if told.known is not None else ''}")
    most = f" {MOST_PLAYED} requests were played for that." if requests > MOST_PLAYED else ""
    yield from wrapped(f"{', '.join(steps)}.{most}", width)
    if told.tried and not writes:
        yield from wrapped(
            "--suggest FILE writes the drafts into a rule file, for --rules FILE or the rules directory.",
            width,
        )
