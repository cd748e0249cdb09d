"""The diff pane for the selected request: against what its client sent, or against the request before."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Literal

from textual import on, work
from textual.content import Content

from console.edits import summary
from console.messages import BodiesWanted
from console.screens import empty
from console.verdicts import is_untouched
from console.widgets.diff_pane import DiffPane
from console.widgets.turn_columns import moment
from proxy_core.exchange import Bodies, Record

Against = Literal["raw", "previous"]


class RequestDiff(DiffPane):
    """Knows which two bodies to compare, says which, and says why where it cannot."""

    def __init__(self, address: str, *, id: str | None = None, classes: str | None = None) -> None:
        """`address` is where clients connect."""
        super().__init__(id=id, classes=classes)
        self._address = address
        self.against: Against = "raw"
        """What the selected request is compared with; it stays while stepping."""
        self._shown: Hashable = None
        self._wish: tuple[Hashable, BodiesWanted] | None = None
        """What is to be shown once its bodies are there: those of an old request are read from the disk."""
        self._change = ""
        self._edits = ""

    def turn_over(self) -> None:
        """Compare with the other one from now on."""
        self.against = "previous" if self.against == "raw" else "raw"

    def wish(self, record: Record) -> BodiesWanted | None:
        """The bodies that have to come for `record` to be shown; None while it is, or they are asked for."""
        wanted = self._wanted(record)
        if self._wish is not None and self._wish[0] == wanted:
            return None
        if wanted == self._shown:
            self._wish = None
            return None
        self._wish = wanted, BodiesWanted(record.id, self._before(record))
        return self._wish[1]

    def show_bodies(
        self,
        wish: BodiesWanted,
        record: Record | None,
        bodies: Bodies | None,
        before: Bodies | None,
        *,
        bypass: bool,
    ) -> None:
        """Compare, or say why not; an answer to any but the latest wish is dropped.

        Args:
            wish: What asked for the bodies.
            record: The request that is selected now.
            bodies: Those of the request that was wished for.
            before: Those of the request that it continues, where it is compared with that.
            bypass: Whether rules are bypassed at the moment.
        """
        if self._wish is None or wish is not self._wish[1]:
            return
        (asked, _), self._wish = self._wish, None
        if record is None or self._wanted(record) != asked:
            return
        self._shown = asked
        exchange, previous = record.exchange, self._before(record)
        if exchange is None:
            self._say(record, empty.diff_direct(self._address))
        elif bodies is None:
            self._say(record, empty.diff_gone(record))
        elif exchange.status == "error" and exchange.note:
            self._say(record, exchange.note)
        elif self.against == "raw":
            self._edits = summary(exchange.edits) if exchange.edits else ""
            self._compare(record, bodies.raw, bodies.normalized, _what_became(record, bypass=bypass))
        elif previous is None:
            self._say(record, empty.diff_no_previous(record))
        elif before is None:
            self._say(record, empty.diff_previous_gone(previous, record))
        else:
            self._edits = "as forwarded"
            self._compare(record, before.normalized, bodies.normalized, f"previous ({previous}) → current")

    @on(DiffPane.Moved)
    def _to_change(self, event: DiffPane.Moved) -> None:
        event.stop()
        self._change = f"change {event.change} of {event.changes}" if event.changes else ""
        self._write_subtitle()

    @work(exclusive=True, group="diff")
    async def _compare(self, record: Record, left: bytes, right: bytes, what: str) -> None:
        api = record.exchange.api if record.exchange else None
        title = f"request {record.id} · {moment(record)} · {what}"
        await self.show(left, right, api, title=title, key=(record.id, self.against, self._before(record)))
        self._write_subtitle()

    def _say(self, record: Record, text: str) -> None:
        self.workers.cancel_group(self, "diff")
        self.show_message(text)
        self._change = self._edits = ""
        self._write_subtitle()
        self.border_title = f"request {record.id} · {moment(record)}"

    def _write_subtitle(self) -> None:
        self.border_subtitle = Content(" · ".join(part for part in (self._change, self._edits) if part))

    def _before(self, record: Record) -> int | None:
        """The request that this one is compared with."""
        return record.diagnosis.predecessor if self.against == "previous" and record.diagnosis else None

    def _wanted(self, record: Record) -> Hashable:
        """What the pane should show; another value means that it has to be drawn anew."""
        failed = record.exchange is not None and record.exchange.status == "error"
        known = record.diagnosis is not None if self.against == "previous" else None
        return record.id, self.against, self._before(record), failed, known


def _what_became(record: Record, *, bypass: bool) -> str:
    note = record.exchange.note if record.exchange else None
    if is_untouched(record):
        return note or ""
    if record.exchange is None or not record.exchange.edits:
        # Of an earlier run it is not known, but that none ran is.
        bypassed = bypass if not record.recalled else not (record.exchange and record.exchange.rules)
        what = "bypassed" if bypassed else "no rule changed it"
    else:
        what = "raw → normalized"
    return what + (f" · {note}" if note else "")
