"""`relocate`: volatile text leaves the prefix for the active user message, and stays with that message."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from proxy_core.prompt import Change
from proxy_core.rules.draft import Draft, Outcome, Slot
from proxy_core.rules.look import Look
from proxy_core.rules.notes import NOTE, add_note, replay_notes, say
from proxy_core.rules.patterns import pattern, replaced


class Relocate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Move what was matched to the end of the active user message."""

    note: str = "{}"
    """What is appended; `{}` stands for the moved text."""
    find: str | None = None
    """A pattern that is replaced in the moved text, to bring a clock down to the minute for instance."""
    to: str = ""
    """What `find` becomes; `\\1` is its first group."""
    leave: str = ""
    """What stands in the old place."""
    repeat: bool = False
    """Append also what the latest note of an older user message already says."""

    early: ClassVar[bool] = False

    def work(self, rule: str, looks: tuple[Look, ...], draft: Draft) -> Outcome:
        """Cut the matches out; say them in the active user message."""
        outcome = Outcome()
        if not draft.persons:
            return outcome
        if any(look.at == "carrier" for look in looks):
            self._move_carriers(rule, draft, outcome)
            return outcome
        moved: list[str] = []
        leave = self.leave.encode()
        for place in draft.places(looks):
            outcome.matched = True
            if self.leave and place.text == leave:
                continue
            outcome.changes.append(
                (place.slot, place.segment, Change(place.match.start, place.match.end, leave))
            )
            if (text := self._said(place.text)) and text not in moved:
                moved.append(text)
        note = "\n\n".join(moved)
        if outcome.matched:
            add_note(rule, draft, outcome, lambda latest: "" if latest == note and not self.repeat else note)
        else:
            # The text may be gone from the prompt; what was said in older messages stays said.
            replay_notes(rule, draft, outcome)
        return outcome

    def _said(self, text: bytes) -> str:
        said = text if self.find is None else replaced(pattern(self.find), self.to, text)
        stripped = said.decode(errors="replace").strip()
        return self.note.replace("{}", stripped) if stripped else ""

    def _move_carriers(self, rule: str, draft: Draft, outcome: Outcome) -> None:
        """Each carrier's text goes to the end of its user message, where the first one stays for good."""
        notes: dict[Slot, list[str]] = {}
        for slot, owner in _owners(draft).items():
            outcome.matched = True
            if owner is None:
                continue
            outcome.dropped.append(slot)
            text = b"\n\n".join(segment.text for segment in slot.message.segments)
            notes.setdefault(owner, []).append(self._said(text))
        beginning = draft.persons[-1] if draft.begins else None
        for slot in draft.persons:
            fresh = slot in notes and slot is beginning
            known = None if fresh else draft.recalled(rule, NOTE, slot)
            if known is not None:
                if known:
                    outcome.notes.append((slot, known.decode()))
            elif slot in notes:
                say(rule, draft, outcome, slot, "\n\n".join(text for text in notes[slot] if text))


def _owners(draft: Draft) -> dict[Slot, Slot | None]:
    """For each carrier the user message it stands beside: before it, else behind it, else the latest one.

    None for one that follows an answer: it goes with no message, it is what the model is to act on.
    """
    apart, persons, begins = set(draft.carriers), set(draft.persons), draft.begins
    behind: dict[Slot, Slot | None] = {}
    following: Slot | None = None
    for slot in reversed(draft.slots):
        if slot in apart:
            behind[slot] = following
        else:
            following = slot
    owners: dict[Slot, Slot | None] = {}
    before: Slot | None = None
    latest: Slot | None = None
    for slot in draft.slots:
        if slot not in apart:
            before, latest = slot, slot if slot in persons else latest
            continue
        beside = next((near for near in (before, behind[slot]) if near in persons), None)
        if beside is None and before and before.message.kind == "assistant" and not before.message.calls:
            owners[slot] = None
        elif beside is None and begins:
            # Goose puts its one carrier before the newest answer, behind a tool's output: it is this turn's.
            owners[slot] = draft.persons[-1]
        else:
            owners[slot] = beside or latest or draft.persons[-1]
    return owners
