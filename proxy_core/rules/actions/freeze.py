"""`freeze`: the first value that a lane saw stays in its place."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import msgspec

from proxy_core.prompt import Change
from proxy_core.rules.draft import Draft, Outcome, Place
from proxy_core.rules.look import Look
from proxy_core.rules.notes import add_note, replay_notes

_COUNT = "value.count"


class Freeze(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Send the first value seen in the lane in place of each later one."""

    note: str | None = None
    """What tells the model of a new value, at the end of the active user message; `{}` stands for it."""

    early: ClassVar[bool] = False

    def work(self, rule: str, looks: tuple[Look, ...], draft: Draft) -> Outcome:
        """Put the first values back, and say the new ones once."""
        outcome = Outcome()
        places = list(draft.places(looks))
        outcome.matched = bool(places)
        as_many = _as_many(rule, looks, draft, outcome, places)
        firsts: list[str] = []
        now: list[str] = []
        for number, place in enumerate(places if as_many else ()):
            value = place.text
            first = draft.recall.get(rule, f"value.{number}")
            if first is None:
                first = outcome.writes[f"value.{number}"] = value
            elif first != value:
                outcome.changes.append(
                    (place.slot, place.segment, Change(place.match.start, place.match.end, first))
                )
            firsts.append(first.decode(errors="replace").strip())
            now.append(value.decode(errors="replace").strip())
        if self.note is not None and draft.persons:
            if places:
                add_note(rule, draft, outcome, partial(self._news, firsts, now))
            else:
                replay_notes(rule, draft, outcome)
        return outcome

    def _news(self, firsts: list[str], now: list[str], latest: str | None) -> str:
        """The note for values of which the latest note, if there was one, said something else."""
        changed = [value for value, first in zip(now, firsts, strict=True) if value != first]
        # Back at the first value after another was told: that has to be told as well.
        told = changed if changed or latest is None else now[:1]
        said = "\n\n".join((self.note or "").replace("{}", value) for value in told if value)
        return "" if said == latest else said


def _as_many(
    rule: str, looks: tuple[Look, ...], draft: Draft, outcome: Outcome, places: Sequence[Place]
) -> bool:
    """Whether each place can be told from the others by its number.

    In system text all of them come again in each request: where one is gone or new, the numbers say nothing,
    and everything stays as it was sent.
    """
    if not places or any(look.kinds != {"system"} for look in looks):
        return True
    count = str(len(places)).encode()
    known = draft.recall.get(rule, _COUNT)
    if known is None:
        outcome.writes[_COUNT] = count
    return known in (None, count)
