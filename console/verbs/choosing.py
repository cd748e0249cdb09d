"""Which captured requests a verb works on."""

from __future__ import annotations

import re
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from console.streams import watched
from proxy_core import paths
from proxy_core.captures import Captured, Problem, Source, open_source
from proxy_core.captures.kept import JournalSource, captured_of
from proxy_core.captures.reading import Reading
from proxy_core.errors import CaptureError, JournalError
from proxy_core.journal import Key, Wanted, open_journal
from proxy_core.study.steps import Step
from proxy_core.visible import visible

_BAR_GONE = "\x1b[1A\x1b[2K"
"""Takes the cursor back to the line of a bar that has ended, and empties it."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_KEY = re.compile(r"[0-9a-f]{8}-\d+")


class Choice(NamedTuple):
    """What a person typed to say which requests are meant."""

    sources: tuple[str, ...] = ()
    """Files, `-` for standard input; none for the journal."""
    lane: str | None = None
    since: float | None = None
    """Seconds since the epoch."""
    last: int | None = None


def chosen(typed: dict[str, Any]) -> Choice:
    """Take the values of `options.source_options` out of `typed`."""
    since = typed.pop("since")
    return Choice(typed.pop("sources"), typed.pop("lane"), since and _when(since), typed.pop("last"))


class Requests(Iterator[Captured]):
    """The requests of some sources, and what was passed over so far."""

    def __init__(self, found: Iterator[Captured], sources: Sequence[Reading]) -> None:
        self._found = found
        self._sources = sources

    def __next__(self) -> Captured:
        return next(self._found)

    @property
    def problems(self) -> list[Problem]:
        """Broken entries, as far as they are told."""
        return [problem for source in self._sources for problem in source.problems]

    @property
    def broken(self) -> int:
        """How many there are."""
        return sum(source.broken for source in self._sources)


@contextmanager
def requests(choice: Choice, label: str, *, warn: bool = True) -> Iterator[Requests]:
    """The requests that are meant, oldest first, read as they are asked for.

    The numbers in their places are those by which `referred` finds them: of the requests of a file, not of
    its entries. While standard error is a terminal, it has a progress bar. What was passed over is told there
    in the end.
    `choice.lane` is only obeyed for the journal: in files, conversations are told apart later.

    Args:
        choice: What the person typed.
        label: What is being done, in a word or two.
        warn: Whether what was passed over is told here; False for a verb that reports it itself.

    Raises:
        KvconsoleError: A source cannot be opened.
    """
    with ExitStack() as stack:
        sources: list[Reading] = []
        if choice.sources:
            sources += (stack.enter_context(open_source(name)) for name in choice.sources)
        else:
            journal = stack.enter_context(open_journal(paths.journal_file()))
            sources.append(JournalSource(journal, Wanted(choice.lane, since=choice.since), choice.last))
        found = (one for source in sources for one in _counted(source))
        yield Requests(_newest(_since(_watched(found, sources, label), choice), choice), sources)
        for source in sources:
            if warn and source.summary is not None:
                click.echo(f"warning: {visible(source.summary)}", err=True)


def all_before(choice: Choice) -> Choice:
    """What to read to tell conversations apart: all of the files, so that a name means the same each time."""
    return choice._replace(since=None, last=None) if choice.sources else choice


def meant(steps: Iterable[Step], choice: Choice) -> Iterator[Step]:
    """The steps that a person chose of those that `all_before` gives; other conversations pass as well."""
    newest: deque[Step] = deque(maxlen=choice.last)
    for step in steps:
        at = step.captured.at
        if choice.lane is not None and step.lane != choice.lane:
            yield step
        elif choice.since is not None and at is not None and at < choice.since:
            continue
        elif choice.last is None:
            yield step
        else:
            newest.append(step)
    yield from newest


def referred(text: str) -> Captured:
    """One request, as a person names it: an id of the journal, a file, or `FILE#N` for the Nth of a file.

    Raises:
        KvconsoleError: There is no such request, or the file holds several and no number was given.
    """
    if is_kept(text):
        return _kept(text)
    name, number = numbered(text)
    found: Captured | None = None
    with open_source(name) as source:
        for at, one in enumerate(source, 1):
            if number is None and at == 2:
                several = f"{visible(name)} holds several requests. Name one: {visible(name)}#1 is the first."
                raise CaptureError(several)
            if number in (None, at):
                found = one
                if number is not None:
                    break
        if found is not None:
            return found
        raise missing(source, number)


def is_kept(text: str) -> bool:
    """Whether a person names a request of the journal."""
    return _KEY.fullmatch(text) is not None and not Path(text).exists()


def numbered(text: str) -> tuple[str, int | None]:
    """The file that a person names, and which request of it; None where that was not said."""
    name, mark, number = text.rpartition("#")
    if mark and name and number.isascii() and number.isdecimal() and not Path(text).exists():
        return name, int(number)
    return text, None


def missing(source: Source, number: int | None) -> CaptureError:
    """What to raise for a source that was read, and has no request, or none with that number."""
    told = f" {visible(source.summary)}" if source.summary else ""
    which = "no request" if number is None else f"no request {number}, but {source.read}"
    if number == 0:
        which = "no request 0: they are counted from 1"
    return CaptureError(f"{visible(source.name)} holds {which}.{told}")


def _kept(key: str) -> Captured:
    with open_journal(paths.journal_file()) as journal:
        entry = journal.get(Key.parse(key))
    found = None if entry is None else captured_of(entry)
    if found is None:
        raise JournalError(f"The journal has no request {key}, or no longer. `kvconsole inspect` lists them.")
    return found


def _when(text: str) -> float:
    """A moment as a person writes it, in seconds since the epoch.

    Raises:
        click.BadParameter: It is none.
    """
    if (ago := _AGO.fullmatch(text.strip())) is not None:
        return time.time() - float(ago[1]) * _UNITS[ago[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            f"{text!r} is no time. Write 30m, 2h or 3d for so long ago, 2026-02-18, or 2026-02-18T14:00.",
            param_hint="--since",
        ) from None


def _counted(source: Reading) -> Iterator[Captured]:
    if isinstance(source, JournalSource):
        yield from source
        return
    for one in source:
        yield msgspec.structs.replace(one, place=one.place._replace(number=source.read))


def _since(found: Iterator[Captured], choice: Choice) -> Iterator[Captured]:
    for one in found:
        if choice.since is None or one.at is None or one.at >= choice.since:
            yield one


def _newest(found: Iterator[Captured], choice: Choice) -> Iterator[Captured]:
    if choice.last is None or not choice.sources:
        return found
    kept: list[Captured] = []
    for one in found:
        kept.append(one)
        del kept[: -choice.last]
    return iter(kept)


def _watched(found: Iterator[Captured], sources: list[Reading], label: str) -> Iterator[Captured]:
    """The requests, with a progress bar on a terminal, which is gone at the end: what is read several times
    would fill the screen with bars."""
    if not watched():
        yield from found
        return
    shares = 0.0
    try:
        with click.progressbar(length=1000, label=label, file=sys.stderr, show_pos=False) as bar:
            for one in found:
                told = [source.share for source in sources]
                now = sum(share for share in told if share is not None) / len(told)
                bar.update(int(1000 * now) - int(1000 * shares))
                shares = now
                yield one
            bar.update(1000 - int(1000 * shares))
    finally:
        click.echo(_BAR_GONE, nl=False, err=True)
