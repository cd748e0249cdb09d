"""Entries made ready to be written: all the work on them that needs no file."""

from __future__ import annotations

from typing import NamedTuple

from proxy_core.journal.chunks import Tree, grow
from proxy_core.journal.entry import Entry, Key
from proxy_core.journal.stored import clean, details_json, summary_json


class Prepared(NamedTuple):
    """An entry in the form in which it is written."""

    key: Key
    at: float
    lane: str | None
    summary: bytes
    details: Tree
    raw: Tree | None
    normalized: Tree | None
    """The same as `raw` when no rule changed the body."""
    sizes: tuple[int | None, int | None]
    """Length of the raw and of the normalized body."""
    again: bool = False
    """See `Entry.again`."""


def prepare(entry: Entry) -> Prepared:
    """Cut an entry in pieces."""
    raw = normalized = None
    sizes: tuple[int | None, int | None] = (None, None)
    if entry.bodies is not None:
        one, other = entry.bodies
        raw = grow(one)
        normalized = raw if other is one or other == one else grow(other)
        sizes = len(one), len(other)
    lane = None if entry.lane is None else clean(entry.lane)
    details = grow(details_json(entry))
    return Prepared(
        entry.key, entry.at, lane, summary_json(entry), details, raw, normalized, sizes, entry.again
    )
