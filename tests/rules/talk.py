"""Conversations for tests of rules with a memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, get_args

from proxy_core.prompt import Api, Kind, parse
from proxy_core.rules import Normalized, Rule, RuleSet
from proxy_core.rules.actions import Action
from proxy_core.rules.anchors import Frame
from proxy_core.rules.look import Look
from proxy_core.rules.patterns import pattern
from proxy_core.rules.recall import Room

Message = dict[str, Any]

CLIENT = "tester"

EVERY_API: frozenset[Api] = frozenset(get_args(Api))


def rule(action: Action, *looks: Look, frame: Frame | None = None, id: str = "rule") -> Rule:
    """A rule for the client of these tests."""
    return Rule(id, "title", CLIENT, EVERY_API, "safe", "does", "cost", looks, action, frame=frame)


def look(source: str, kind: Kind = "system") -> Look:
    """Matches a pattern at a text's start."""
    return Look(frozenset({kind}), pattern=pattern(source))


def system(text: str) -> Message:
    return {"role": "system", "content": text}


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def assistant(text: str | None, *calls: tuple[str, str], **more: Any) -> Message:
    """An answer; `calls` are (id, arguments)."""
    made = [
        {"id": call, "type": "function", "function": {"name": "run", "arguments": arguments}}
        for call, arguments in calls
    ]
    return {"role": "assistant", "content": text, **({"tool_calls": made} if made else {}), **more}


def output(call: str, text: str) -> Message:
    return {"role": "tool", "tool_call_id": call, "content": text}


class Talk:
    """Requests of one lane, normalized one after the other."""

    def __init__(self, *rules: Rule, frame: Frame | None = None) -> None:
        self.rules = RuleSet(tuple(rules), frozenset(r.id for r in rules))
        self.memory: dict[tuple[str, str], bytes] = {}
        self.last: Normalized

    def send(
        self, *messages: Message, tools: Sequence[Message] = (), api: Api = "chat", room: Room | None = None
    ) -> list[Message]:
        """Normalize a request; gives its messages as forwarded."""
        sent = self.send_body({"messages": list(messages), "tools": list(tools)}, api=api, room=room)
        found: list[Message] = sent["messages"]
        return found

    def send_body(self, body: Message, *, api: Api = "chat", room: Room | None = None) -> Message:
        """As `send`, with a whole body."""
        raw = json.dumps(body, separators=(",", ":")).encode()
        self.last = self.rules.apply(parse(api, raw), CLIENT, self.memory, room)
        assert self.last.failures == ()
        self.memory.update(self.last.writes)
        found: Message = json.loads(self.last.body)
        return found

    def names(self, *names: str) -> list[str]:
        """Send a request with tools of these names; gives the names as forwarded."""
        tools = [{"type": "function", "function": {"name": name}} for name in names]
        sent = self.send_body({"messages": [user("hi")], "tools": tools})
        return [tool["function"]["name"] for tool in sent["tools"]]
