"""Requests to inspect: cases with other bytes in them, and talks whose system prompt a test writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from proxy_core.captures import Captured
from proxy_core.captures.captured import Place
from proxy_core.clients import CLIENTS
from proxy_core.rules import RuleSet, shipped_rules
from proxy_core.study.inspecting.inspection import Inspection, inspect
from proxy_core.study.inspecting.trial import Suggested, suggested
from proxy_core.study.steps import steps
from tests.study.test_steps import RULES

BOATS = "Be careful with boats.\n" * 40
"""What a system prompt says besides, in each request the same."""

NO_RULES = RuleSet((), frozenset(), "safe")

FOR_CLIENTS = RuleSet.of(tuple(rule for rule in shipped_rules() if rule.client != "any"), {}, "safe")
"""Without the rules for clients that nobody knows."""


def with_bodies(requests: list[Captured], body: Callable[[int, bytes], bytes]) -> list[Captured]:
    """The same requests with other bodies, made of a request's index and its body."""
    return [msgspec.structs.replace(one, body=body(at, one.body)) for at, one in enumerate(requests)]


def talk(system: Callable[[int], str], turns: int = 6) -> list[Captured]:
    """A conversation of a client that nobody knows, with a system prompt of each turn."""

    def requests() -> Iterator[Captured]:
        messages: list[dict[str, str]] = []
        for turn in range(turns):
            messages.append({"role": "user", "content": f"Question {turn}?"})
            first = {"role": "system", "content": system(turn)}
            yield Captured(
                place=Place("talk.jsonl", turn + 1, turn + 1),
                method="POST",
                path="/v1/chat/completions",
                api="chat",
                body=msgspec.json.encode({"model": "m", "messages": [first, *messages]}),
            )
            messages.append({"role": "assistant", "content": f"Answer {turn}."})

    return list(requests())


def inspected(requests: list[Captured], rules: RuleSet = RULES) -> Inspection:
    """What is found in requests."""
    return inspect(steps(requests, rules), rules)


def tried(requests: list[Captured], rules: RuleSet = RULES) -> Suggested:
    """The drafts that are made of requests."""
    return suggested(inspected(requests, rules), rules, CLIENTS, lambda: iter(requests))
