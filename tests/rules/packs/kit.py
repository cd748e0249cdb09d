"""One conversation, played through the shipped rules."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from proxy_core.prompt import Api, parse
from proxy_core.rules import RuleSet, shipped_rules
from proxy_core.rules.edit import Edit
from proxy_core.rules.recall import Memory, Room
from proxy_core.rules.rule import Level

SHIPPED = tuple(shipped_rules())
_SETS: dict[Level, RuleSet] = {
    "safe": RuleSet.of(SHIPPED, {}, "safe"),
    "careful": RuleSet.of(SHIPPED, {}, "careful"),
    "aggressive": RuleSet.of(SHIPPED, {}, "aggressive"),
}
RULES = _SETS["safe"]
_ROOM = Room(context=1_000_000, tokens_per_byte=0.25)


class Lane:
    """A conversation's requests, one after the other, with the memory that they leave."""

    def __init__(self, client: str | None, level: Level = "safe", api: Api = "chat") -> None:
        self.client = client
        self.rules = _SETS[level]
        self.api = api
        self.memory: Memory = {}
        self.edits: tuple[Edit, ...] = ()
        """What was edited in the last request."""

    def send(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body as it is forwarded."""
        result = self.rules.apply(parse(self.api, json.dumps(body).encode()), self.client, self.memory, _ROOM)
        assert result.failures == ()
        self.memory = {**self.memory, **result.writes}
        self.edits = result.edits
        forwarded: dict[str, Any] = json.loads(result.body)
        return forwarded

    @property
    def by(self) -> set[str]:
        """Ids of the rules that edited the last request."""
        return {edit.rule for edit in self.edits}

    def chat(self, system: str | None, *messages: dict[str, Any]) -> list[dict[str, Any]]:
        """The messages of a chat completion as they are forwarded."""
        first = [] if system is None else [{"role": "system", "content": system}]
        sent: list[dict[str, Any]] = self.send({"messages": [*first, *messages]})["messages"]
        return sent


def said(*texts: str) -> list[dict[str, Any]]:
    """A person and the model in turn, the person first."""
    return [
        {"role": "assistant" if number % 2 else "user", "content": text} for number, text in enumerate(texts)
    ]


def continues(after: Sequence[object], before: Sequence[object]) -> bool:
    """Whether a request begins with all of an earlier one."""
    return list(after[: len(before)]) == list(before)
