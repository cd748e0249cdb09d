"""What the slots of one server process hold between their turns, as far as the log tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from proxy_core.llama import events as ev


@dataclass(slots=True)
class Taken:
    """How a slot stood when a task took it."""

    selected: ev.SlotSelected | None = None
    lcp_n: int | None = None
    held_task: int | None = None
    held_n: int | None = None
    cleared: bool = False
    found: bool = False
    evictions: int = 0
    evicted_n: int = 0
    threshold: float | None = None
    """Similarity that a slot must exceed to be chosen for it, as far as the log has shown."""


class _Rest(NamedTuple):
    """What the last turn left in a slot."""

    task: int | None
    tokens: int | None
    evicted_n: int
    cleared: bool = False


class Held:
    """Follows the slots of one server from selection to release."""

    def __init__(self, *, empty: bool) -> None:
        """`empty`: the log showed the server's start, so that slots without a turn are known to be empty."""
        self._empty = empty
        self._rests: dict[int, _Rest] = {}
        self._chosen: dict[int, Taken] = {}
        self._candidates: dict[int, int] = {}
        self._last: int | None = None
        self._evicted_n = 0
        self._threshold: float | None = None

    def compared(self, event: ev.SlotCandidate) -> None:
        """A slot was compared with the prompt to come."""
        if event.slot is None:
            return
        self._candidates[event.slot] = event.lcp_n
        # A slot that the request named is chosen first and compared afterwards.
        chosen = self._chosen.get(event.slot)
        if chosen is not None and chosen.selected is not None and chosen.selected.how == "id":
            chosen.lcp_n = event.lcp_n

    def selected(self, event: ev.SlotSelected) -> None:
        """A slot was chosen. The line has no id of the task to come: slot and order join the two."""
        if event.slot is None:
            return
        chosen = self._standing(event.slot)
        chosen.selected = event
        chosen.lcp_n = self._candidates.get(event.slot, event.lcp_n)
        if event.unused:
            chosen.held_task, chosen.held_n = None, 0
        if event.threshold is not None:
            self._threshold = event.threshold
        self._candidates.clear()
        self._chosen[event.slot] = chosen
        self._last = event.slot

    def cached(self, event: ev.HostCache, *, busy: bool) -> None:
        """Something happened to the host cache, or to a slot that makes room; `busy`: that slot has a task.

        Lines about the search in the host cache name no slot: they follow the choice of one.
        """
        chosen = None if self._last is None else self._chosen.get(self._last)
        if event.what == "evicted" or (event.what == "skipped" and event.mib is not None):
            self._evicted_n += 1
        elif event.what in ("found", "failed") and chosen is not None:
            chosen.found = event.what == "found"
        elif event.what == "cleared" and event.slot is not None and event.tokens != 0 and not busy:
            self._clear(event.slot)

    def taken(self, slot: int) -> Taken:
        """A task starts in a slot."""
        chosen = self._chosen.pop(slot, None) or self._standing(slot)
        rest = self._rests.get(slot)
        chosen.evicted_n = self._evicted_n
        chosen.evictions = self._evicted_n - (rest.evicted_n if rest else 0)
        chosen.threshold = self._threshold
        return chosen

    def left(self, slot: int, task: int | None, tokens: int | None) -> None:
        """A task left its slot; what it brought stays there."""
        self._rests[slot] = _Rest(task, tokens, self._evicted_n)

    def _clear(self, slot: int) -> None:
        chosen = self._chosen.get(slot)
        if chosen is not None:
            chosen.cleared = True
        rest = self._rests.get(slot)
        self._rests[slot] = _Rest(None, 0, rest.evicted_n if rest else 0, cleared=True)

    def _standing(self, slot: int) -> Taken:
        rest = self._rests.get(slot)
        if rest is None:
            return Taken(held_n=0 if self._empty else None)
        return Taken(held_task=rest.task, held_n=rest.tokens, cleared=rest.cleared)
