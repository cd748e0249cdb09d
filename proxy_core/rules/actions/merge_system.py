"""`merge-system`: a system message in mid-conversation becomes a marked user message in its place."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from proxy_core.prompt import Change, Segment, read_message
from proxy_core.prompt.model import member, spliced
from proxy_core.prompt.spans import members, whole
from proxy_core.rules.draft import Draft, Outcome
from proxy_core.rules.look import Look


class MergeSystem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Say in the user's role what templates refuse in the system's."""

    mark: str = "<system-reminder>\n{}\n</system-reminder>"
    """What the text is put into; `{}` stands for it."""

    early: ClassVar[bool] = True

    def work(self, rule: str, looks: tuple[Look, ...], draft: Draft) -> Outcome:
        """Turn each system message behind the first message of another kind into a user message."""
        outcome = Outcome()
        begun = False
        for slot in draft.slots:
            if slot.message.kind == "system" and begun and slot.message.segments:
                outcome.matched = True
                raw = self._as_user(slot.message.edited(self._wrapped(slot.message.segments)))
                outcome.replaced.append((slot, read_message(draft.prompt.api, raw)))
            begun = begun or slot.message.kind not in (None, "system")
        return outcome

    def _wrapped(self, segments: tuple[Segment, ...]) -> dict[int, list[Change]]:
        before, _, behind = self.mark.partition("{}")
        end = len(segments[-1].text)
        changes: dict[int, list[Change]] = {0: [Change(0, 0, before.encode())]}
        changes.setdefault(len(segments) - 1, []).append(Change(end, end, behind.encode()))
        return changes

    def _as_user(self, raw: bytes) -> bytes:
        role = member(members(raw, whole(raw)), "role")
        assert role is not None  # A message of a kind has a role.
        return spliced(raw, [(role.start, role.end, b'"user"')])
