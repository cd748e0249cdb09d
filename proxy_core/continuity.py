"""What the server was when it read a prompt: whether a later one can still find it there."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from proxy_core.exchange import Record
from proxy_core.llama.facts import Upstream


class Served(NamedTuple):
    """The upstream as it was when a turn ended."""

    run: int
    """How many times it was seen to begin anew."""
    model: str | None
    template: str | None
    """Digest of its chat template."""
    clock: str | None
    """What in that template tells the date or the time."""
    why: str = ""
    """Why it began anew last, in words."""


class Continuity:
    """Counts the server's runs as far as its answers to /health and /props show them."""

    def __init__(self) -> None:
        self._run = 0
        self._why = ""
        self._was_up = False
        self._upstream: Upstream | None = None
        self._whole: Upstream | None = None
        """As it was when it last told everything."""

    def upstream(self, now: Upstream) -> None:
        """The upstream answered, or did not."""
        before, self._upstream = self._upstream, now
        if before is not None and now.state == "up":
            if before.sleeping and not now.sleeping:
                self._begin("it slept, which unloads the model and its cache")
            elif before.state in ("down", "loading") and self._was_up:
                self._begin("the server was restarted")
        if now.state == "up":
            self._was_up = True
            # Without a reason, /props was read.
            self._whole = now if now.reason is None else self._whole

    def served(self) -> Served:
        """What a turn that ends now was served by."""
        facts = self._whole or self._upstream
        if facts is None:
            return Served(self._run, None, None, None, self._why)
        return Served(self._run, facts.model, facts.template, facts.template_clock, self._why)

    def renewed(self, before: Record, then: Served, record: Record, now: Served) -> str | None:
        """Why the cache of a turn cannot be there any more, in words; None when nothing is known.

        Where the log shows both turns, it knows best: a busy server that was late to answer did not restart.
        """
        why = now.why if then.run != now.run else None
        if before.turn is None or record.turn is None or before.turn.port != record.turn.port:
            return why
        if before.turn.epoch == record.turn.epoch:
            return None
        return why or "the server began anew (restart, sleep or unload)"

    def _begin(self, why: str) -> None:
        self._run += 1
        self._why = why


def template_changed(before: Record, then: Served, record: Record, now: Served) -> str | None:
    """How the chat template renders otherwise than it did; None when it renders alike."""
    if None not in (then.template, now.template) and then.template != now.template:
        return "the server has another template"
    if now.clock is None or before.at is None or record.at is None:
        return None
    if date.fromtimestamp(before.at) != date.fromtimestamp(record.at):
        return f"the date is another one ({now.clock})"
    return None
