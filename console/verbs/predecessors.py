"""The request before another in its conversation, in the journal or in a file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import click

from console.verbs.choosing import is_kept, missing, numbered, referred
from proxy_core import paths
from proxy_core.captures import Captured, Source, open_source
from proxy_core.captures.kept import captured_of
from proxy_core.errors import CaptureError, JournalError
from proxy_core.journal import JournalFile, Key, Wanted, open_journal
from proxy_core.study.pairing import Pair, pairs
from proxy_core.visible import visible

_LOOKED_AT = 50
"""Earlier entries of a conversation among which one with a body is looked for."""


def paired(text: str) -> Pair:
    """A request as a person names it, see `choosing.referred`, with the one before it.

    A request of a file is compared with those of the same file.

    Raises:
        KvconsoleError: There is no such request, or the file holds several and no number was given.
    """
    if is_kept(text):
        current = referred(text)
        return Pair(current, _kept_before(current), current.lane)
    name, number = numbered(text)
    with open_source(name) as source:
        return _filed(source, name, number)


def _filed(source: Source, name: str, number: int | None) -> Pair:
    newest: list[Captured] = []

    def watched() -> Iterator[Captured]:
        for one in islice(source, number):
            newest[:] = [one]
            yield one
            if number is None and source.read > 1:
                break

    found: Pair | None = None
    for pair in pairs(watched()):
        found = pair
    if not newest or (number is not None and source.read < number) or number == 0:
        raise missing(source, number)
    if number is None and source.read > 1:
        shown = visible(name)
        raise CaptureError(f"{shown} holds several requests. Name one: {shown}#1 is the first.")
    return found if found is not None and found.current is newest[0] else Pair(newest[0], None)


def _kept_before(current: Captured) -> Captured | None:
    with open_journal(paths.journal_file()) as journal:
        if current.before is not None:
            found = _entry(journal, Key.parse(current.before))
            if found is None:
                gone = f"warning: {current.before}, the request before it, is no longer in the journal."
                click.echo(gone, err=True)
            return found
        if current.lane is None or current.at is None:
            return None
        earlier = journal.newest(_LOOKED_AT, Wanted(current.lane, until=current.at))
        kept = (one for one in earlier if one.raw_bytes is not None and one.prompts and one.status == "done")
        return next((found for one in kept if (found := _entry(journal, one.key)) is not None), None)


def _entry(journal: JournalFile, key: Key) -> Captured | None:
    entry = journal.get(key)
    return None if entry is None else captured_of(entry)


def before_of(text: str) -> tuple[Captured, Captured]:
    """The request before the one that a person names, and that itself.

    Raises:
        KvconsoleError: There is no such request, or nothing before it.
    """
    pair = paired(text)
    if pair.previous is None:
        none = f"{visible(text)} has no request before it in its conversation. Name two requests."
        raise JournalError(none) if is_kept(text) else CaptureError(none)
    return pair.previous, pair.current
