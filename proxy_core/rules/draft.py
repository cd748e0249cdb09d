"""A request while rules work on it."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from proxy_core.prompt import Change, Kind, Message, Prompt, Tool
from proxy_core.prompt.tools import tool
from proxy_core.rules.anchors import Frame
from proxy_core.rules.edit import Edit
from proxy_core.rules.identity import has_words, is_carrier
from proxy_core.rules.look import Look
from proxy_core.rules.past import Past
from proxy_core.rules.recall import Recall, Room


@dataclass(eq=False)
class Slot:
    """One message of the request, as far as it is done."""

    message: Message
    index: int | None
    """Its index in the client's list; None for top-level system text."""
    first: bool = True
    """Whether it is the first message of its kind."""


class Place(NamedTuple):
    """Something that a rule matched."""

    slot: Slot
    segment: int
    match: Change

    @property
    def text(self) -> bytes:
        """The bytes that were matched."""
        return self.slot.message.segments[self.segment].text[self.match.start : self.match.end]


@dataclass
class Outcome:
    """What one rule wants to be done; nothing of it counts if the rule fails or takes too long."""

    matched: bool = False
    """Whether it found its place, even if there was nothing to change."""
    changes: list[tuple[Slot, int, Change]] = field(default_factory=list)
    """(message, segment index, change)."""
    replaced: list[tuple[Slot, Message]] = field(default_factory=list)
    dropped: list[Slot] = field(default_factory=list)
    notes: list[tuple[Slot, str]] = field(default_factory=list)
    """Texts to stand at the end of a user message."""
    tools: list[bytes] | None = None
    writes: dict[str, bytes] = field(default_factory=dict)
    """What to remember, by the rule's own keys."""
    known: list[Slot] = field(default_factory=list)
    """Messages about which something is to be remembered."""


@dataclass(eq=False)
class Draft:
    """The request: its messages, and what the lane remembers."""

    prompt: Prompt
    frame: Frame | None
    recall: Recall
    past: Past
    """What the lane remembers of single messages."""
    room: Room | None
    head: Slot | None
    slots: list[Slot]
    persons: list[Slot]
    """What was said in the person's name, oldest first; the last one is the active user message."""
    carriers: list[Slot]
    """Messages that are the client's context for a turn."""
    tools: list[Tool]
    changes: dict[Slot, dict[int, list[Change]]] = field(default_factory=dict)
    """What rules want changed so far, by message and segment index."""
    _by_kinds: dict[frozenset[Kind], list[Slot]] = field(default_factory=dict)

    @classmethod
    def of(cls, prompt: Prompt, frame: Frame | None, recall: Recall, room: Room | None) -> Draft:
        """The request as the client sent it."""
        seen: set[str | None] = set()
        head = Slot(prompt.head, None) if prompt.head else None
        if head is not None:
            seen.add(head.message.kind)
        slots: list[Slot] = []
        for index, message in enumerate(prompt.messages):
            slots.append(Slot(message, index, message.kind not in seen))
            seen.add(message.kind)
        carriers = [slot for slot in slots if is_carrier(slot.message, frame)]
        apart = set(carriers)
        users = (slot for slot in slots if slot.message.kind == "user" and slot not in apart)
        persons = [slot for slot in users if has_words(slot.message, frame)]
        past = Past(prompt, frame, recall)
        return cls(prompt, frame, recall, past, room, head, slots, persons, carriers, list(prompt.tools))

    @property
    def newest(self) -> Slot | None:
        """The last message, carriers not counted."""
        apart = set(self.carriers)
        return next((slot for slot in reversed(self.slots) if slot not in apart), None)

    @property
    def begins(self) -> bool:
        """Whether a turn begins: nothing follows the active user message, save carriers."""
        return bool(self.persons) and self.newest is self.persons[-1]

    def everything(self) -> list[Slot]:
        """All messages in reading order, top-level system text first."""
        return [self.head, *self.slots] if self.head else list(self.slots)

    def recalled(self, rule: str, what: str, slot: Slot) -> bytes | None:
        """What a rule remembers about a message."""
        return None if slot.index is None else self.past.recalled(rule, what, slot.index)

    def remember(self, outcome: Outcome, rule: str, what: str, slot: Slot, value: bytes) -> None:
        """Let `outcome` say that a rule is to remember `value` about a message."""
        if slot.index is not None:
            outcome.writes |= self.past.kept(rule, what, slot.index, value)
            outcome.known.append(slot)

    def know(self, slot: Slot) -> None:
        """Something is remembered about a message: it is to be found again."""
        if slot.index is not None:
            self.past.know(slot.index)

    def drop(self, gone: Collection[Slot]) -> None:
        """Take messages out of the request."""
        if gone:
            apart = set(gone)
            self._by_kinds.clear()
            for some in (self.slots, self.persons, self.carriers):
                some[:] = [slot for slot in some if slot not in apart]

    def set_tools(self, rule: str, tools: list[bytes]) -> Edit:
        """Send other tools; gives how that is told to a person."""
        before = ", ".join(known.name for known in self.tools)
        self.tools = [tool(raw) for raw in tools]
        return Edit(rule, None, before, ", ".join(known.name for known in self.tools))

    def places(self, looks: tuple[Look, ...]) -> Iterator[Place]:
        """What the looks match and no rule before has taken, in reading order for each look."""
        own: dict[tuple[Slot, int], list[Change]] = {}
        for look in looks:
            for slot in self._speaking(look.kinds):
                for segment, match in matches(look, slot):
                    seen = own.setdefault((slot, segment), [])
                    taken = self.changes.get(slot, {}).get(segment, ())
                    if not overlaps(match, taken) and not overlaps(match, seen):
                        seen.append(match)
                        yield Place(slot, segment, match)

    def _speaking(self, kinds: frozenset[Kind]) -> list[Slot]:
        """Messages in which one of these speaks, in reading order."""
        if kinds not in self._by_kinds:
            self._by_kinds[kinds] = [s for s in self.everything() if not kinds.isdisjoint(s.message.kinds)]
        return self._by_kinds[kinds]


def overlaps(change: Change, taken: Sequence[Change]) -> bool:
    """Whether a change wants bytes that others have."""
    return any(change.start < cut.end and cut.start < change.end for cut in taken)


def matches(look: Look, slot: Slot) -> tuple[tuple[int, Change], ...]:
    """What a look matches in a message, remembered with the message."""
    name: Hashable = (look.token, slot.first)
    known = slot.message.remembered.get(name)
    if known is None:
        known = slot.message.remembered[name] = tuple(
            (index, match)
            for index, segment in enumerate(slot.message.segments)
            if look.wants(segment.kind, segment.first, slot.first)
            for match in look.find(segment.text)
        )
    return cast("tuple[tuple[int, Change], ...]", known)
