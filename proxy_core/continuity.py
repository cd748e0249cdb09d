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


class Continuity:
    """Counts the server's runs as far as its answers to /health and /props show them."""

    def __init__(self) -> None:
        self._run = 0
        self._why = ""
        self._upstream: Upstream | None = None
        self._whole: Upstream | None = None
        """As it was when it last told everything."""

    def upstream(self, now: Upstream) -> None:
        """The upstream answered, or did not."""
        before, self._upstream = self._upstream, now
        if before is None:
            return
        if before.sleeping and not now.sleeping and now.state == "up":
            self._begin("it slept, which unloads the model and its cache")
        elif before.state in ("down", "loading") and now.state == "up" and self._whole is not None:
            self._begin("the server was restarted")
        if now.state == "up" and now.build is not None:
            self._whole = now

    def served(self) -> Served:
        """What a turn that ends now was served by."""
        facts = self._whole or self._upstream
        if facts is None:
            return Served(self._run, None, None, None)
        return Served(self._run, facts.model, facts.template, facts.template_clock)

    def renewed(self, before: Record, then: Served, record: Record, now: Served) -> str | None:
        """Why the cache of a turn cannot be there any more, in words; None when nothing is known."""
        if None not in (before.turn, record.turn):
            assert before.turn is not None
            assert record.turn is not None
            if before.turn.port == record.turn.port and before.turn.epoch != record.turn.epoch:
                same = then.run == now.run
                return "the server began anew (restart, sleep or unload)" if same else self._why
        return self._why if then.run != now.run else None

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
