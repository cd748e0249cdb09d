"""Conversations to check, and checks of them."""

from __future__ import annotations

from typing import Any

from proxy_core.captures.captured import Captured, Place
from proxy_core.rules import RuleSet, shipped_rules
from proxy_core.rules.rule import Level
from proxy_core.study.checking.judging import check
from proxy_core.study.checking.measures import Measure, by_text
from proxy_core.study.checking.report import Report, Wanted
from proxy_core.study.steps import steps
from tests.captures.kit import chat, request

CONTEXT = 131_072
LONG = "Be brief and stay on the subject. " * 40


def talk(*systems: str, **more: Any) -> list[Captured]:
    """A conversation: a request for each system text, each with two messages more than the one before."""
    said = ["What is a slot?", *(text for n in range(len(systems)) for text in (f"Answer {n}.", f"And {n}?"))]
    return [
        request(chat(system, *said[: 2 * n + 1]), place=Place("talk.jsonl", n + 1, n + 1), **more)
        for n, system in enumerate(systems)
    ]


def rules(level: Level = "safe") -> RuleSet:
    """The shipped rules."""
    return RuleSet.of(tuple(shipped_rules()), {}, level)


def checked(
    captured: list[Captured],
    wanted: Wanted | None = None,
    *,
    using: RuleSet | None = None,
    measure: Measure = by_text,
) -> Report:
    """A check of some requests; without rules when none are given."""
    found = steps(captured, using or RuleSet(), CONTEXT)
    return check(found, wanted or Wanted(), measure, {"measure": "text", "level": "safe"})
