"""Edits of texts that depend on one message alone, worked out once for each message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from proxy_core.prompt import Api, Change, Message, read_message
from proxy_core.prompt.message import read_text
from proxy_core.rules.actions.base import TextAction
from proxy_core.rules.actions.drop_block import DropBlock
from proxy_core.rules.draft import Slot, matches, overlaps
from proxy_core.rules.edit import Edit
from proxy_core.rules.rule import Rule
from proxy_core.rules.timing import Timer


class TextRule(NamedTuple):
    """A rule whose action needs no memory."""

    rule: Rule
    action: TextAction


class Edited(NamedTuple):
    """What the text rules made of one message."""

    message: Message
    edits: tuple[Edit, ...]
    """Without the message's index: the same message can stand elsewhere in another request."""
    matched: frozenset[str]
    emptied: bool
    """Whether it was nothing but a block that was to be dropped."""


@dataclass
class _Found:
    """Changes of one message, by segment. Where two rules want the same bytes, the first has them."""

    changes: dict[int, list[Change]] = field(default_factory=dict)
    edits: list[Edit] = field(default_factory=list)
    matched: set[str] = field(default_factory=set)
    dropping: bool = False

    def add(self, text_rule: TextRule, message: Message, wanted: list[tuple[int, Change]]) -> None:
        """Take over what a rule wants of a message in which it found its place."""
        rule_id = text_rule.rule.id
        self.matched.add(rule_id)
        for index, change in wanted:
            if not overlaps(change, self.changes.get(index, ())):
                self.changes.setdefault(index, []).append(change)
                self.edits.append(edit(rule_id, None, message, index, change))
                self.dropping |= isinstance(text_rule.action, DropBlock)


def edited(
    rules: Sequence[TextRule], plan: object, api: Api, slots: Sequence[Slot], timer: Timer
) -> list[Edited]:
    """Each message as the text rules make it, in the order of `slots`.

    Args:
        rules: The rules; the first one has the first say.
        plan: Stands for `rules` where results are remembered.
        api: How the messages are spelled.
        slots: The messages.
        timer: Runs each rule; what one did that failed, or took too long, does not count.
    """
    known = [_known(plan, slot) for slot in slots]
    fresh = [slot for slot, result in zip(slots, known, strict=True) if result is None]
    found = {slot: _Found() for slot in fresh}
    failures = len(timer.failures)
    for text_rule in rules if fresh else ():
        for slot, wanted in timer.run(text_rule.rule.id, partial(_changes, text_rule, fresh)) or ():
            found[slot].add(text_rule, slot.message, wanted)
    results: list[Edited] = []
    for slot, result in zip(slots, known, strict=True):
        if result is None:
            result = _result(api, slot, found[slot])
            if len(timer.failures) == failures:
                slot.message.remembered["texts", slot.first] = (plan, result)
        results.append(result)
    return results


def edit(rule: str, index: int | None, message: Message, segment: int, change: Change) -> Edit:
    """How a change is told to a person."""
    old = message.segments[segment].text[change.start : change.end]
    return Edit(rule, index, old.decode(errors="replace"), change.new.decode(errors="replace"))


def read_slot(api: Api, slot: Slot, raw: bytes) -> Message:
    """Other JSON for a slot, read."""
    kind = slot.message.kind
    alone = kind is not None and raw[:1] != b"{"
    return read_text(kind, raw) if alone and kind is not None else read_message(api, raw)


def _known(plan: object, slot: Slot) -> Edited | None:
    remembered = slot.message.remembered.get(("texts", slot.first))
    if isinstance(remembered, tuple) and remembered[0] is plan:
        result = remembered[1]
        assert isinstance(result, Edited)
        return result
    return None


def _changes(text_rule: TextRule, slots: Sequence[Slot]) -> list[tuple[Slot, list[tuple[int, Change]]]]:
    """For each message where the rule found its place, what it wants changed."""
    found: list[tuple[Slot, list[tuple[int, Change]]]] = []
    kinds = frozenset[str]().union(*(look.kinds for look in text_rule.rule.looks))
    for slot in slots:
        if not any(segment.kind in kinds for segment in slot.message.segments):
            continue
        wanted: list[tuple[int, Change]] = []
        places = [place for look in text_rule.rule.looks for place in matches(look, slot)]
        for index in sorted({index for index, _ in places}):
            own = [match for at, match in places if at == index]
            text = slot.message.segments[index].text
            wanted += ((index, change) for change in text_rule.action.apply(text, own))
        if places:
            found.append((slot, wanted))
    return found


def _result(api: Api, slot: Slot, found: _Found) -> Edited:
    if not found.changes:
        return Edited(slot.message, (), frozenset(found.matched), False)
    message = read_slot(api, slot, slot.message.edited(found.changes))
    holds = message.calls or message.answers or message.others
    emptied = not holds and not any(segment.text.strip() for segment in message.segments)
    whole = found.dropping and emptied and slot.index is not None
    return Edited(message, tuple(found.edits), frozenset(found.matched), whole)
