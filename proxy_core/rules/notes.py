"""Notes at the end of user messages: said once, and kept where they were said.

A note belongs to the active user message: the last one that a person wrote. Inside a tool loop, and when the
message is history, the note is the one that was sent first.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy_core.rules.draft import Draft, Outcome, Slot

NOTE = "note"
"""What notes are remembered as."""

_NOTED = "noted"
"""Key under which a rule that never said anything has nothing: most rules of most lanes."""


def remembered_notes(rule: str, draft: Draft, outcome: Outcome) -> str | None:
    """Add the notes of older user messages to `outcome`; gives the latest of them."""
    latest = None
    if draft.recall.get(rule, _NOTED) is None:
        return None
    for slot in draft.persons[:-1]:
        known = draft.recalled(rule, NOTE, slot)
        if known:
            latest = known.decode()
            outcome.notes.append((slot, latest))
    return latest


def add_note(rule: str, draft: Draft, outcome: Outcome, fresh: Callable[[str | None], str]) -> None:
    """Add the notes of all user messages to `outcome`, with what `fresh` makes of the active one's.

    Args:
        rule: Id of the rule that the notes belong to.
        draft: The request.
        outcome: Takes the notes and what is to be remembered.
        fresh: Given the latest note of an older message, or None, gives the new note; empty for none.
    """
    latest = remembered_notes(rule, draft, outcome)
    active = draft.persons[-1]
    # While the message is the last one, its turn begins, perhaps once more.
    known = None if draft.begins else draft.recalled(rule, NOTE, active)
    if known is not None:
        if known:
            outcome.notes.append((active, known.decode()))
        return
    say(rule, draft, outcome, active, fresh(latest))


def say(rule: str, draft: Draft, outcome: Outcome, slot: Slot, note: str) -> None:
    """Put a note at the end of a user message for good; an empty one says that there is none."""
    draft.remember(outcome, rule, NOTE, slot, note.encode())
    if note:
        outcome.writes[_NOTED] = b""
        outcome.notes.append((slot, note))


def replay_notes(rule: str, draft: Draft, outcome: Outcome) -> None:
    """Add the notes that were said before, where a request gives no occasion for a new one."""
    if not draft.persons:
        return
    remembered_notes(rule, draft, outcome)
    active = draft.persons[-1]
    known = None if draft.begins else draft.recalled(rule, NOTE, active)
    if known:
        outcome.notes.append((active, known.decode()))
