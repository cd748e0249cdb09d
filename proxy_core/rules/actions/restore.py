"""`restore`: tool output that the client replaced by a placeholder is put back while there is room."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from proxy_core.prompt import Change, Message, read_message
from proxy_core.rules.draft import Draft, Outcome, Slot
from proxy_core.rules.look import Look
from proxy_core.rules.patterns import pattern

_OUTPUT = "output"
_LET = "let"
"""What says of a message that its output was let go: it is not put back any more."""
_HELD = "held"
_FULL = 0.95
"""Share of the context beyond which nothing is put back, turn or no turn."""
_MOST_BYTES = 1024 * 1024
"""Longest output that is remembered."""


class Restore(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Put tool output back in place of a placeholder."""

    placeholders: list[str]
    """Patterns; a tool output in which one matches was replaced by the client."""
    share: float = 0.7
    """Share of the slot's context, 0 to 1, up to which a prompt may grow that way."""

    early: ClassVar[bool] = True

    def work(self, rule: str, looks: tuple[Look, ...], draft: Draft) -> Outcome:
        """Put back what fits; once too much is gone, let all placeholders through when a turn begins."""
        outcome = Outcome()
        gone: list[tuple[Slot, Message]] = []
        for slot in draft.slots:
            if not any(slot.message.answers):
                continue
            first = draft.recalled(rule, _OUTPUT, slot)
            if not self._replaced(slot.message):
                # What came later in the same form may be the client's shorter version of the first.
                if first is None and len(slot.message.raw) <= _MOST_BYTES:
                    draft.remember(outcome, rule, _OUTPUT, slot, slot.message.raw)
            elif first is not None and draft.recalled(rule, _LET, slot) is None:
                whole = _whole(slot.message, read_message(draft.prompt.api, first))
                gone += [(slot, read_message(draft.prompt.api, whole))] if whole is not None else []
        if not gone:
            return outcome
        outcome.matched = True
        if self._fits(rule, draft, gone):
            outcome.replaced += gone
            outcome.writes[_HELD] = b"1"
        else:
            outcome.writes[_HELD] = b""
            for slot, _ in gone:
                draft.remember(outcome, rule, _LET, slot, b"")
        return outcome

    def _replaced(self, message: Message) -> bool:
        name = ("replaced", *self.placeholders)
        known = message.remembered.get(name)
        if known is None:
            texts = [segment.text for segment in message.segments if segment.kind == "tool"]
            wanted = [pattern(source) for source in self.placeholders]
            known = any(p.search(text) is not None for text in texts for p in wanted)
            message.remembered[name] = known
        return bool(known)

    def _fits(self, rule: str, draft: Draft, gone: list[tuple[Slot, Message]]) -> bool:
        held = draft.recall.get(rule, _HELD) == b"1"
        if draft.room is None:
            return held
        more = sum(len(first.raw) - len(slot.message.raw) for slot, first in gone)
        share = (len(draft.prompt.body) + more) * draft.room.tokens_per_byte / draft.room.context
        # In mid-turn the prefix that the turn began with is worth more than the room.
        return share <= (_FULL if held and not draft.begins else self.share)


def _whole(message: Message, first: Message) -> bytes | None:
    """The message with the tool output that it first had; all else stays as it is now."""
    now = [(index, s) for index, s in enumerate(message.segments) if s.kind == "tool"]
    then = [segment for segment in first.segments if segment.kind == "tool"]
    if len(now) != len(then):
        return None
    return message.edited(
        {index: [Change(0, len(s.text), old.text)] for (index, s), old in zip(now, then, strict=True)}
    )
