"""Records of a run as entries of the journal, and back."""

from __future__ import annotations

from typing import Any

from proxy_core.exchange import OPEN, Bodies, Exchange, Record
from proxy_core.journal.entry import Entry
from proxy_core.llama.said import Said

_EXCHANGE = (
    "method",
    "path",
    "api",
    "label",
    "prompts",
    "client",
    "model",
    "messages",
    "stream",
    "status",
    "http_status",
    "lane",
    "note",
    "rules",
    "ruleset",
    "reasoned",
)
"""Fields that an exchange and an entry have alike."""


def entry_of(
    record: Record,
    run: str,
    *,
    bodies: Bodies | None = None,
    said: Said | None = None,
    before: str | None = None,
    build: str | None = None,
    again: bool = False,
) -> Entry | None:
    """A record as it is kept; None for a turn of unknown time, which the server's log tells again anyway.

    Args:
        record: The record.
        run: Whose record it is, see `new_run`.
        bodies: The request's body, where it has one.
        said: What the model answered.
        before: The name of the entry that it goes on from, see `Key`.
        build: The server's build.
        again: Whether it was put before, see `Entry.again`.
    """
    if record.at is None:
        return None
    exchange = record.exchange
    known: dict[str, Any] = {}
    if exchange is not None:
        known = {name: getattr(exchange, name) for name in _EXCHANGE}
        known |= {"matched": tuple(sorted(exchange.matched)), "figures": exchange.answer}
        known |= {"edits": exchange.edits}
    elif record.turn is not None:
        ended = "error" if record.turn.error else "cancelled" if record.turn.cancelled else "done"
        known = {"status": ended}
    return Entry(
        run=run,
        record=record.id,
        at=record.at,
        **known,
        turn=record.turn,
        flipped=record.flipped,
        total_ms=record.total_ms,
        before=before,
        build=build,
        diagnosis=record.diagnosis,
        said=said,
        bodies=bodies,
        again=again,
    )


def record_of(kept: Entry, record_id: int | None = None) -> Record:
    """An entry as a record.

    Args:
        kept: What the journal holds.
        record_id: An id among the records of this run; without it the one that it had in its own.
    """
    return Record(
        id=kept.record if record_id is None else record_id,
        at=kept.at,
        exchange=_exchange(kept),
        turn=kept.turn,
        flipped=kept.flipped,
        diagnosis=kept.diagnosis,
    )


def _exchange(kept: Entry) -> Exchange | None:
    if kept.method is None or kept.path is None or kept.label is None:
        return None
    known: dict[str, Any] = {name: getattr(kept, name) for name in _EXCHANGE}
    if kept.status in OPEN:
        # Its kvconsole ended before it did.
        known["status"] = "cancelled"
    return Exchange(
        **known,
        edits=kept.edits,
        matched=frozenset(kept.matched),
        answer=kept.figures,
        total_ms=kept.total_ms,
    )
