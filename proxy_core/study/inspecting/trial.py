"""What reuse becomes with other rules: captured requests are played through them once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, takewhile
from typing import NamedTuple

from proxy_core.captures import Captured
from proxy_core.diagnosis.divergence import diverge
from proxy_core.routes import route
from proxy_core.rules import RuleSet
from proxy_core.study.inspecting.candidates import Found
from proxy_core.study.inspecting.drafts import Draft, Refused, draft
from proxy_core.study.inspecting.inspection import NOTHING, Inspection
from proxy_core.study.inspecting.pairs import Reader
from proxy_core.study.steps import Step, steps

Again = Callable[[], Iterator[Captured]]
"""Gives the requests once more, from the first one on."""

MOST_DRAFTS = 8
"""Drafts that are tried; each is tried without the others, too."""

MOST_PLAYED = 300
"""Requests that are played for a trial, from the one before the first change on."""

_ALONE, _BEFORE = 40, 10
"""Requests that are played to see what one draft of several gains, and how many of them stand before its text
changes first."""

_LEAST = 0.005
"""Share of earlier prompts that a draft has to gain."""


_USELESS = "a rule for it was tried, and no more of the prompt came again"


class Tried(NamedTuple):
    """A draft that pays."""

    draft: Draft
    without: float
    """Reuse without it, with all other drafts, and with rules that know other candidates; from 0 to 1. Of
    several drafts, in the requests around the place where its text changes first."""
    reuse: float
    """Reuse with it."""


class Suggested(NamedTuple):
    """Drafts, and what became of the others."""

    tried: tuple[Tried, ...] = ()
    refused: tuple[tuple[Found, str], ...] = ()
    """Candidates without a draft, and why."""
    base: float | None = None
    """Reuse as the rules in force have it, in the conversations in which candidates changed."""
    known: float | None = None
    """The same with the rules that know candidates and are off; None where there is none."""
    together: float | None = None
    """The same with the drafts as well; None without drafts."""
    switched: tuple[str, ...] = ()
    """The rules that are off."""


def suggested(found: Inspection, rules: RuleSet, clients: frozenset[str], again: Again) -> Suggested:
    """Draft rules for candidates that no rule knows, and keep those that gain something.

    Args:
        found: What was found in the requests.
        rules: The rules that they went through.
        clients: Clients that are recognized: a rule for another one would never run.
        again: Gives the requests once more.
    """
    drafts, refused = _drafted(found, rules, clients)
    off = _off(found, rules)
    concerned = [one.found for one in drafts] or [one for one in found.candidates if _is_off(one)]
    if not drafts and not off:
        return Suggested(refused=tuple(refused))
    play = _Play(again, found, concerned)
    base = play.reuse(rules)
    known = play.reuse(_with(rules, off, ())) if off else None
    left, tried = list(drafts), list[Tried]()
    for one in reversed(drafts) if len(drafts) > 1 else ():
        fewer = [other for other in left if other is not one]
        less, more = (play.around(one.found, _with(rules, off, some)) for some in (fewer, left))
        if more - less < _LEAST:
            left = fewer
            refused.append((one.found, _USELESS))
        else:
            tried.insert(0, Tried(one, less, more))
    together = play.reuse(_with(rules, off, left)) if left else None
    before = base if known is None else known
    if len(left) == 1 and together is not None:
        tried = [Tried(left[0], before, together)]
        if together - before < _LEAST:
            refused.append((left[0].found, _USELESS))
            tried, together = [], None
    return Suggested(tuple(tried), tuple(refused), base, known, together, off)


def _drafted(
    found: Inspection, rules: RuleSet, clients: frozenset[str]
) -> tuple[list[Draft], list[tuple[Found, str]]]:
    drafts: list[Draft] = []
    refused: list[tuple[Found, str]] = []
    taken = [rule.id for rule in rules.rules]
    for one in found.candidates:
        if one.rules:
            continue
        if len(drafts) >= MOST_DRAFTS:
            refused.append(
                (one, f"{MOST_DRAFTS} drafts are written at a time; there will be one for it next")
            )
            continue
        client = one.key.client if one.key.client in clients else None
        made = draft(one, client, taken)
        if isinstance(made, Refused):
            refused.append((one, made.why))
        else:
            drafts.append(made)
            taken.append(made.rule.id)
    return drafts, refused


def _is_off(one: Found) -> bool:
    return any(not rule.on for rule in one.rules)


def _off(found: Inspection, rules: RuleSet) -> tuple[str, ...]:
    """Rules that know a candidate and are off."""
    ids = (rule.id for one in found.candidates for rule in one.rules)
    return tuple(dict.fromkeys(rule for rule in ids if rule not in rules.enabled))


def _with(rules: RuleSet, ids: Sequence[str], drafts: Sequence[Draft]) -> RuleSet:
    more = tuple(one.rule for one in drafts)
    enabled = rules.enabled | set(ids) | {rule.id for rule in more}
    return RuleSet((*rules.rules, *more), enabled, rules.level)


class _Play:
    """Plays the conversations in which some candidates changed."""

    def __init__(self, again: Again, found: Inspection, concerned: Sequence[Found]) -> None:
        self._again = again
        self._lanes = {lane for one in concerned for lane in one.lanes}
        first = min(one.number for one in concerned)
        self._first = first - 1 if len(found.requests) > MOST_PLAYED else 1

    def reuse(self, rules: RuleSet) -> float:
        """The share of earlier prompts that comes again; 1 where none followed another."""
        played = steps(self._again(), rules)
        wanted = takewhile(lambda step: step.number < self._first + MOST_PLAYED, played)
        return _reuse(s for s in wanted if s.number >= self._first and s.lane in self._lanes)

    def around(self, one: Found, rules: RuleSet) -> float:
        """The same in the requests of a candidate's client where it changed first."""
        first = max(0, one.number - _BEFORE)
        played = steps(islice(_prompts(self._again()), first, first + _ALONE), rules)
        return _reuse(step for step in played if step.exchange.client == one.key.client)


def _prompts(captured: Iterator[Captured]) -> Iterator[Captured]:
    """Requests that make a prompt: `steps` counts no others."""
    return (one for one in captured if route(one.method, one.path.partition("?")[0]).prompts)


def _reuse(played: Iterator[Step]) -> float:
    total, reader = NOTHING, Reader()
    for step in played:
        if step.previous is None or step.failed:
            continue
        older, newer = (reader.read(one, raw=False) for one in (step.previous, step))
        if older is not None and newer is not None:
            total = total.plus(diverge(older.outline, newer.outline))
    share = total.share
    return 1.0 if share is None else share
