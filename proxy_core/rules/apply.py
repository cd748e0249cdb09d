"""How a rule set works on a request, in four steps.

1. Messages are put back as they were when they were new.
2. Texts are edited. What comes of a message depends on that message alone, so it is worked out once.
3. What changes from turn to turn leaves the prefix for the active user message; tools are put in order.
4. What is new goes back into the client's bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from proxy_core.prompt import Api, Change, Prompt
from proxy_core.prompt.content import with_text
from proxy_core.rules.actions.base import LaneAction, TextAction
from proxy_core.rules.anchors import Frame
from proxy_core.rules.draft import Draft, Outcome, Slot
from proxy_core.rules.edit import Edit
from proxy_core.rules.recall import Memory, Recall, Room
from proxy_core.rules.rule import Rule
from proxy_core.rules.texts import TextRule, edit, edited
from proxy_core.rules.timing import Timer


class Normalized(NamedTuple):
    """What a rule set made of a prompt."""

    body: bytes
    edits: tuple[Edit, ...] = ()
    failures: tuple[str, ...] = ()
    """A sentence for each rule that was left out; the request goes on without it."""
    writes: Mapping[tuple[str, str], bytes] = {}
    """What the lane has to remember, by rule id and key."""
    matched: frozenset[str] = frozenset()
    """Ids of the rules that found their place, whether or not there was anything to change."""


class LaneRule(NamedTuple):
    """A rule whose action sees the whole request and the lane's memory."""

    rule: Rule
    action: LaneAction


@dataclass(frozen=True, eq=False)
class Plan:
    """The rules that run for one kind of request, sorted by what they work on."""

    rules: tuple[Rule, ...]
    frame: Frame | None
    """How the client decorates what a person wrote."""
    early: tuple[LaneRule, ...]
    texts: tuple[TextRule, ...]
    late: tuple[LaneRule, ...]

    @classmethod
    def of(cls, rules: Sequence[Rule], frame: Frame | None) -> Plan:
        """Rules written for the client have their say before those written for any."""
        ordered = sorted(rules, key=lambda rule: rule.client == "any")
        lanes = [LaneRule(r, r.action) for r in ordered if isinstance(r.action, LaneAction)]
        texts = [TextRule(r, r.action) for r in ordered if isinstance(r.action, TextAction)]
        early = tuple(r for r in lanes if r.action.early)
        late = tuple(r for r in lanes if not r.action.early)
        return cls(tuple(ordered), frame, early, tuple(texts), late)


class _Work:
    """One request on its way through a plan."""

    def __init__(self, plan: Plan, prompt: Prompt, memory: Memory, room: Room | None) -> None:
        self.plan = plan
        self.timer = Timer(len(prompt.body))
        self.recall = Recall(memory)
        self.draft = Draft.of(prompt, plan.frame, self.recall, room)
        self.edits: list[Edit] = []
        self.matched: set[str] = set()
        self._notes: dict[Slot, list[str]] = {}

    def lane(self, rules: Sequence[LaneRule]) -> None:
        """Let rules with a memory work, one after the other."""
        for rule, action in rules:
            outcome = self.timer.run(rule.id, partial(action.work, rule.id, rule.looks, self.draft))
            if outcome is not None:
                self._take(rule.id, outcome)

    def texts(self) -> None:
        """Let text rules work."""
        draft = self.draft
        everything = draft.everything()
        emptied: list[Slot] = []
        results = edited(self.plan.texts, self.plan, draft.prompt.api, everything, self.timer)
        for slot, result in zip(everything, results, strict=True):
            slot.message = result.message
            self.matched |= result.matched
            self.edits += (found._replace(message=slot.index) for found in result.edits)
            if result.emptied:
                emptied.append(slot)
        # What is left must still end as it did: a template takes a last answer for one to go on with.
        draft.drop([slot for slot in emptied if slot is not draft.slots[-1]])

    def body(self) -> bytes:
        """The request as it is to be sent."""
        draft = self.draft
        head = self._sent(draft.head) if draft.head else None
        messages = [(slot.index, self._sent(slot)) for slot in draft.slots]
        return draft.prompt.rebuilt(head, messages, [tool.raw for tool in draft.tools])

    def _take(self, rule: str, outcome: Outcome) -> None:
        draft = self.draft
        if outcome.matched:
            self.matched.add(rule)
        for key, value in outcome.writes.items():
            self.recall.put(rule, key, value)
        for slot in outcome.known:
            draft.know(slot)
        for slot, message in outcome.replaced:
            self.edits.append(_whole(rule, slot, message.raw))
            slot.message = message
        for slot, index, change in outcome.changes:
            draft.changes.setdefault(slot, {}).setdefault(index, []).append(change)
            self.edits.append(edit(rule, slot.index, slot.message, index, change))
        for slot in outcome.dropped:
            self.edits.append(_whole(rule, slot, b""))
        draft.drop(outcome.dropped)
        for slot, note in outcome.notes:
            self._notes.setdefault(slot, []).append(note)
            self.edits.append(Edit(rule, slot.index, "", note))
        if outcome.tools is not None and outcome.tools != [tool.raw for tool in draft.tools]:
            self.edits.append(draft.set_tools(rule, outcome.tools))

    def _sent(self, slot: Slot) -> bytes:
        notes = self._notes.get(slot, ())
        changes = self.draft.changes.get(slot)
        if not notes and not changes:
            return slot.message.raw
        made_of = (tuple(notes), tuple((i, tuple(own)) for i, own in sorted((changes or {}).items())))
        # The same changes of the same message are wanted in every request that replays it.
        known = slot.message.remembered.get("sent")
        if not isinstance(known, tuple) or known[0] != made_of:
            raw = _noted(self.draft.prompt.api, slot, notes, changes or {})
            known = slot.message.remembered["sent"] = (made_of, raw)
        sent = known[1]
        assert isinstance(sent, bytes)
        return sent


def apply(plan: Plan, prompt: Prompt, memory: Memory, room: Room | None) -> Normalized:
    """Let the rules of a plan work on a request; see RuleSet.apply."""
    if not plan.rules:
        return Normalized(prompt.body)
    work = _Work(plan, prompt, memory, room)
    work.lane(plan.early)
    work.texts()
    work.lane(plan.late)
    failures = tuple(work.timer.failures)
    return Normalized(work.body(), tuple(work.edits), failures, work.recall.writes, frozenset(work.matched))


def _noted(api: Api, slot: Slot, notes: Sequence[str], changes: Mapping[int, list[Change]]) -> bytes:
    """A message with its changes, and with the notes at the end of its last text."""
    message = slot.message
    found = {index: list(own) for index, own in changes.items()}
    last = max((i for i, s in enumerate(message.segments) if s.kind == "user"), default=None)
    if notes and last is not None:
        end = len(message.segments[last].text)
        text = "".join(f"\n\n{note}" for note in notes)
        found.setdefault(last, []).append(Change(end, end, text.encode()))
    raw = message.edited(found)
    return with_text(api, raw, "\n\n".join(notes)) if notes and last is None else raw


def _whole(rule: str, slot: Slot, new: bytes) -> Edit:
    return Edit(rule, slot.index, slot.message.raw.decode(errors="replace"), new.decode(errors="replace"))
