"""Which requests an export holds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import groupby, islice

import click

from console.verbs.choosing import Choice, is_kept, numbered, referred, requests
from console.verbs.predecessors import paired
from proxy_core import paths
from proxy_core.captures import Captured
from proxy_core.errors import CaptureError, JournalError
from proxy_core.journal import Summary, Wanted, open_journal
from proxy_core.study.pairing import Pair, pairs
from proxy_core.visible import visible

MOST_PAIRS = 20
"""Pairs of one file that a report holds, unless all are asked for."""


def names_one(ref: str) -> bool:
    """Whether a person names a single request, and not a whole file."""
    return is_kept(ref) or numbered(ref)[1] is not None


def single(
    refs: Sequence[str], choice: Choice, label: str = "exporting", *, warn: bool = True
) -> Iterator[Captured]:
    """The requests that are named, in that order, or those of the journal.

    Args:
        refs: Ids, files, and `FILE#N`; none for the journal.
        choice: Which of whole files, or of the journal.
        label: What is being done, in a word or two.
        warn: Whether what was passed over is told.

    Raises:
        KvconsoleError: There is no such request, or a source cannot be opened.
    """
    if not any(map(names_one, refs)):
        yield from _whole(choice._replace(sources=tuple(refs)), label, warn=warn)
        return
    for ref in refs:
        if names_one(ref):
            yield referred(ref)
        else:
            yield from _whole(choice._replace(sources=(ref,)), label, warn=warn)


def _whole(choice: Choice, label: str, *, warn: bool) -> Iterator[Captured]:
    if not choice.sources or choice.lane is None:
        with requests(choice, label, warn=warn) as found:
            yield from found
        return
    # Files do not tell conversations apart: it takes all requests to do so.
    with requests(choice._replace(since=None, last=None), label, warn=warn) as found:
        own = (pair.current for pair in pairs(found) if pair.lane == choice.lane)
        recent = (one for one in own if choice.since is None or one.at is None or one.at >= choice.since)
        yield from recent if choice.last is None else deque(recent, choice.last)


def reported(refs: Sequence[str], choice: Choice, *, every: bool) -> list[Pair]:
    """The requests around which a report is made, each with the one before it.

    Args:
        refs: Ids, files, and `FILE#N`; none for the newest of the journal whose prompt the client changed.
        choice: Which of whole files, or of the journal.
        every: Whether files give all their pairs, or `MOST_PAIRS`.

    Raises:
        KvconsoleError: There is no such request, or nothing to report.
    """
    if not refs:
        return [paired(str(told.key)) for told in _blamed(choice)]
    found: list[Pair] = []
    for one, group in groupby(refs, key=names_one):
        named = tuple(group)
        # Bodies of one conversation may be in a file each.
        found += map(paired, named) if one else _parting(named, choice, every=every)
    return found


def _blamed(choice: Choice) -> list[Summary]:
    """The newest requests whose prompt the client changed; where rules mended all, the newest of these."""
    most = choice.last or 1
    blamed: deque[Summary] = deque(maxlen=most)
    mended: deque[Summary] = deque(maxlen=most)
    kept = 0
    with open_journal(paths.journal_file()) as journal:
        for one in journal.summaries(Wanted(choice.lane, since=choice.since)):
            if one.verdict is None or one.raw_bytes is None:
                continue
            kept += 1
            if one.verdict.side == "client" and one.verdict.cause != "cancelled":
                blamed.append(one)
            elif one.saved_n:
                mended.append(one)
    found = blamed or mended
    if not kept:
        raise JournalError("The journal holds no request with a verdict that is meant by this.")
    if not found:
        raise JournalError(
            f"Of the {kept:,} requests of the journal that have a verdict, the client changed the prompt of "
            "none. Name the request that is meant; `kvconsole inspect` lists them."
        )
    why = "the newest whose prompt the client changed" if blamed else "the newest in which rules saved tokens"
    for one in found:
        verdict = "" if one.verdict is None else f" ({visible(one.verdict.headline)})"
        click.echo(f"Request {one.key}, {why}{verdict}. Name ids for others.", err=True)
    return list(found)


def _parting(files: tuple[str, ...], choice: Choice, *, every: bool) -> list[Pair]:
    """The requests of files that leave the one before them; where there is but one request, that."""
    only: list[Pair] = []
    parting: deque[Pair] = deque(maxlen=choice.last)
    prompts = parted = 0
    with requests(Choice(files), "comparing") as found:
        for pair in pairs(found):
            prompts += 1
            only = [pair] if prompts == 1 else []
            at = pair.current.at
            meant = (choice.lane in (None, pair.lane)) and (not choice.since or not at or at >= choice.since)
            if meant and pair.parts:
                parted += 1
                if every or choice.last is not None or parted <= MOST_PAIRS:
                    parting.append(pair)
    name = ", ".join(map(visible, files))
    if not prompts:
        raise CaptureError(f"{name} holds no request with a prompt.")
    if not parting and not only:
        raise CaptureError(
            f"No request of {name} leaves the one before it, so there is nothing to report. To see one all "
            f"the same, name it: {visible(files[0])}#1 is the first."
        )
    if len(parting) < parted and choice.last is None:
        click.echo(
            f"{name}: {len(parting)} of {parted:,} requests that leave the one before them; --all: all.",
            err=True,
        )
    return list(parting) or only


def counted(found: Iterator[Captured], none: str) -> Iterator[Captured]:
    """`found` as it is, when there is anything in it.

    Raises:
        CaptureError: There is nothing; `none` says so.
    """
    first = list(islice(found, 1))
    if not first:
        raise CaptureError(none)

    def all_of_them() -> Iterator[Captured]:
        yield from first
        yield from found

    return all_of_them()
