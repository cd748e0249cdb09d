"""Which captured requests are played: those of conversations, in their order."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from proxy_core.prompt import Api
from proxy_core.study.steps import Step

Arm = Literal["raw", "normalized"]
"""As the client sent it, or as the rules forward it."""

ARMS: tuple[Arm, Arm] = ("raw", "normalized")

FEWEST = 2
"""Requests of a conversation that can be played: the first one is cold, whatever it says."""

_FAST = 1
"""zlib's level: conversations repeat themselves, and any level finds that."""


@dataclass(frozen=True)
class Turn:
    """One request of a conversation."""

    number: int
    """Its place among the requests of the source, from 1."""
    place: str
    """Where it was found."""
    api: Api
    packed: tuple[bytes, bytes]
    """Its bodies by arm, compressed: a long conversation is resent whole in each request."""

    def body(self, arm: Arm) -> bytes:
        """The body of one arm."""
        return zlib.decompress(self.packed[ARMS.index(arm)])


@dataclass
class Conversation:
    """Requests that continue one another."""

    lane: str
    client: str | None
    turns: list[Turn] = field(default_factory=list)
    edits: Counter[str] = field(default_factory=Counter)
    """How many edits each rule made in them."""
    failed: int = 0
    """Requests left out, since they were answered by an error when they were captured."""
    beyond: int = 0
    """Requests left out since there were enough."""


@dataclass(frozen=True)
class Plan:
    """What is played, and what is not."""

    conversations: tuple[Conversation, ...] = ()
    short: tuple[Conversation, ...] = ()
    """Conversations of fewer requests than `FEWEST`."""
    others: tuple[str, ...] = ()
    """Conversations that were not asked for."""
    unread: int = 0
    """Requests whose prompt cannot be read, or is of no API whose prompts are read."""
    why: str | None = None
    """What is wrong with the first of these, where that is known."""

    @property
    def requests(self) -> int:
        """Requests of all conversations that are played."""
        return sum(len(one.turns) for one in self.conversations)

    @property
    def edits(self) -> Counter[str]:
        """Edits by rule id, in all conversations that are played."""
        return sum((one.edits for one in self.conversations), Counter())

    @property
    def failed(self) -> int:
        """Requests of these conversations that are left out, since they failed when they were captured."""
        return sum(one.failed for one in self.conversations)

    @property
    def beyond(self) -> int:
        """Requests of these conversations that are left out, since there were enough."""
        return sum(one.beyond for one in self.conversations)


def plan(found: Iterable[Step], lane: str | None = None, limit: int | None = None) -> Plan:
    """Sort requests by conversation.

    Args:
        found: Requests in their order.
        lane: Only this conversation.
        limit: At most so many requests of each, the first ones.
    """
    all_of: dict[str, Conversation] = {}
    others: dict[str, None] = {}
    unread, why = 0, None
    for step in found:
        api = step.exchange.api
        if step.lane is None or api is None:
            unread += 1
            why = why or step.exchange.note
        elif lane is not None and step.lane != lane:
            others[step.lane] = None
        else:
            one = all_of.setdefault(step.lane, Conversation(step.lane, step.exchange.client))
            _take(one, step, api, limit)
    return Plan(
        tuple(one for one in all_of.values() if len(one.turns) >= FEWEST),
        tuple(one for one in all_of.values() if len(one.turns) < FEWEST),
        tuple(others),
        unread,
        why,
    )


def _take(into: Conversation, step: Step, api: Api, limit: int | None) -> None:
    if step.failed:
        into.failed += 1
    elif limit is not None and len(into.turns) >= limit:
        into.beyond += 1
    else:
        raw, normalized = step.bodies
        packed = zlib.compress(raw, _FAST)
        both = (packed, packed if normalized == raw else zlib.compress(normalized, _FAST))
        into.turns.append(Turn(step.number, str(step.captured.place), api, both))
        into.edits.update(edit.rule for edit in step.exchange.edits)
