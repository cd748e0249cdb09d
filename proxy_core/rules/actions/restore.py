"""`restore`: tool output that the client replaced by a placeholder is put back while there is room."""

from __future__ import annotations

import re
from typing import ClassVar

import msgspec

from proxy_core.prompt import Message, read_message
from proxy_core.rules.draft import Draft, Outcome, Slot
from proxy_core.rules.look import Look
from proxy_core.rules.patterns import pattern

_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9]")
_LET = "let"
_HELD = "held"
_FULL = 0.95
"""Share of the context beyond which nothing is put back, turn or no turn."""
_KEYS = msgspec.json.Decoder(list[str])


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
        known_let = draft.recall.get(rule, _LET)
        let = set(_KEYS.decode(known_let)) if known_let else set()
        gone: list[tuple[Slot, str, Message]] = []
        for slot in draft.slots:
            key = _key(slot.message)
            if key is None or key in let:
                continue
            if not self._replaced(slot.message):
                # What came later in the same form may be the client's shorter version of the first.
                if draft.recall.get(rule, key) is None:
                    outcome.writes[key] = slot.message.raw
            elif (first := draft.recall.get(rule, key)) is not None:
                gone.append((slot, key, read_message(draft.prompt.api, first)))
        if not gone:
            return outcome
        outcome.matched = True
        if self._fits(rule, draft, gone):
            outcome.replaced += [(slot, first) for slot, _, first in gone]
            outcome.writes[_HELD] = b"1"
        else:
            outcome.writes[_LET] = msgspec.json.encode(sorted(let | {key for _, key, _ in gone}))
            outcome.writes[_HELD] = b""
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

    def _fits(self, rule: str, draft: Draft, gone: list[tuple[Slot, str, Message]]) -> bool:
        held = draft.recall.get(rule, _HELD) == b"1"
        if draft.room is None:
            return held
        more = sum(len(first.raw) - len(slot.message.raw) for slot, _, first in gone)
        share = (len(draft.prompt.body) + more) * draft.room.tokens_per_byte / draft.room.context
        # In mid-turn the prefix that the turn began with is worth more than the room.
        return share <= (_FULL if held and not draft.begins else self.share)


def _key(message: Message) -> str | None:
    ids = [_NOT_IN_IDS.sub("", known) for known in message.answers]
    return f"output.{'+'.join(ids)}" if any(ids) else None
