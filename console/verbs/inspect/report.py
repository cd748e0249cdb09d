"""What `kvconsole inspect` found, for a person."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import click

from console.figures import UNKNOWN, count, duration, level, plural, share
from console.verbs.inspect.candidates import candidate_lines, known_to
from console.verbs.inspect.table import Column, clipped, kilobytes, table, wrapped
from proxy_core.study.inspecting.inspection import Changed, Conversation, Inspection, Request
from proxy_core.study.inspecting.trial import Suggested
from proxy_core.visible import visible

_COLOURS = {"good": "green", "fair": "yellow", "poor": "red"}
_MOST_NOTES = 10
_FOLDED = frozenset({"client", "api", "lane", "stream"})
"""Columns that are told once where all requests have the same there."""

_LEGEND = (
    (("s/u/a/t",), "items of the system, the user, the assistant, and tools"),
    (("calls", "defs"), "tool calls, declared tools"),
    (("system", "tools", "history", "newest"), "kB of text in the prompt"),
    (("body",), "kB of the request"),
    (
        ("sent", "rules"),
        "how much of the prompt before it comes again, as the client sent both, and as the rules forward "
        "them",
    ),
)

_CHANGED_LEGEND = (
    "turns: those in which a part changed. first: of these, those in which nothing before it had changed; "
    "what stands behind it is what was read again."
)


def report(
    found: Inspection, told: Suggested, sources: Sequence[str], width: int | None, *, writes: bool
) -> Iterator[str]:
    """The report, line by line.

    Args:
        found: What was found; at least one request.
        told: What became of drafts.
        sources: Files as the person named them; none for the journal.
        width: Cells of a line; None for as many as it takes.
        writes: Whether the drafts are written to a file.
    """
    yield from _requests(found.requests, sources, width)
    yield from _conversations(found, width)
    yield from candidate_lines(found, told, width, writes=writes)


def _requests(requests: Sequence[Request], sources: Sequence[str], width: int | None) -> Iterator[str]:
    one_file = sources[0] if len(sources) == 1 else None
    short = one_file is not None and all(request.id.startswith(f"{one_file}#") for request in requests)
    names = [request.id[len(one_file or "") :] if short else request.id for request in requests]
    days = {datetime.fromtimestamp(one.at).date() for one in requests if one.at is not None}
    form = "%H:%M:%S" if len(days) < 2 else "%m-%d %H:%M"
    items, sizes = ([getattr(one, key) for one in requests] for key in ("items", "sizes"))

    def item(*keys: str) -> list[str]:
        return [UNKNOWN if one is None else "/".join(str(getattr(one, key)) for key in keys) for one in items]

    def size(key: str) -> list[str]:
        return [UNKNOWN if one is None else kilobytes(getattr(one, key)) for one in sizes]

    # The weights say which columns go first where a line is short; --json has all of them.
    columns = [
        Column("request", [visible(name) for name in names], shrinks=len(sources) > 1, tail=True),
        Column("time", [_time(one.at, form) for one in requests], weight=4),
        Column("client", [visible(one.client or UNKNOWN) for one in requests], weight=5, shrinks=True),
        Column("api", [one.api or one.label for one in requests], weight=8),
        Column("lane", [visible(one.lane or UNKNOWN) for one in requests], shrinks=True),
        Column("stream", ["yes" if one.stream else "no" for one in requests], weight=9),
        Column("s/u/a/t", item("system", "user", "assistant", "tool"), right=True, weight=3),
        Column("calls", item("calls"), right=True, weight=6),
        Column("defs", item("tools"), right=True, weight=7),
        Column("system", size("system"), right=True, weight=1),
        Column("tools", size("tools"), right=True, weight=1),
        Column("history", size("history"), right=True, weight=1),
        Column("newest", size("newest"), right=True, weight=1),
        Column("body", [kilobytes(one.size) for one in requests], right=True, weight=2),
        Column("sent", [share(one.raw) for one in requests], right=True),
        Column("rules", [share(one.normalized) for one in requests], right=True),
    ]
    same = {
        one.head: one.cells[0]
        for one in columns
        if len(set(one.cells)) == 1 and (one.head in _FOLDED or one.cells[0] == UNKNOWN)
    }
    names_of = ("standard input" if name == "-" else visible(name) for name in sources)
    where = ", ".join(names_of) or "The journal"
    alike = ", ".join(f"{head} {cell}" for head, cell in same.items() if cell != UNKNOWN)
    each = f"; {'each: ' if len(requests) > 1 else ''}{alike}" if alike else ""
    yield from wrapped(f"{where}: {plural(len(requests), 'request')}{each}", width)
    yield ""
    shown = [one for one in columns if one.head not in same]
    lines, gone = table(shown, width)
    left = [one.head for one in shown if one.head not in gone]
    yield click.style(lines[0], bold=True)
    yield from lines[1:]
    yield ""
    yield from wrapped(_legend(left, gone), width)
    if "-" not in sources:
        yield from _to_see(requests, width)
    yield from _notes(requests, names, width)


def _to_see(requests: Sequence[Request], width: int | None) -> Iterator[str]:
    """How to look at the request that lost most."""
    parted = (one for one in requests if one.raw is not None and one.raw < 1)
    worst = min(parted, key=lambda one: one.raw or 0, default=None)
    if worst is not None and worst.follows is not None:
        pair = " ".join(visible(_typed(name)) for name in (worst.follows, worst.id))
        yield from wrapped(f"To see what changed in {visible(worst.id)}: kvconsole diff {pair}", width)


def _typed(name: str) -> str:
    """A request's name as a shell takes it: a # within a word is nothing special to it."""
    bare = name.replace("#", "")
    return name if shlex.quote(bare) == bare else shlex.quote(name)


def _time(at: float | None, form: str) -> str:
    return UNKNOWN if at is None else datetime.fromtimestamp(at).strftime(form)


def _legend(shown: Sequence[str], gone: Sequence[str]) -> str:
    """What the columns mean."""
    told = [f"{', '.join(heads)}: {text}" for heads, text in _LEGEND if set(heads) & set(shown)]
    if gone:
        told.append(f"Left out for want of width: {', '.join(gone)}; --json has everything")
    return " ".join(f"{text}." for text in told)


def _notes(requests: Iterable[Request], names: Sequence[str], width: int | None) -> Iterator[str]:
    """Why requests stay as they are, each reason once."""
    first: dict[str, str] = {}
    times: Counter[str] = Counter()
    for request, name in zip(requests, names, strict=True):
        for note in [request.note] if request.note else []:
            first.setdefault(note, name)
            times[note] += 1
        if request.status is not None and request.status >= 400:
            note = f"answered with HTTP {request.status}"
            first.setdefault(note, name)
            times[note] += 1
    for note, number in times.most_common(_MOST_NOTES):
        more = f" and {number - 1} more" if number > 1 else ""
        yield from wrapped(f"{visible(first[note])}{more}: {visible(note)}", width)


def _conversations(found: Inspection, width: int | None) -> Iterator[str]:
    alone = 0
    for told in found.conversations.values():
        if not told.turns:
            alone += 1
            continue
        yield ""
        yield click.style(clipped(f"Conversation {visible(told.lane)}", width), bold=True)
        yield from wrapped(_about(told), width)
        yield from wrapped(_reuse(told), width)
        yield from _changed("Changed as the client sent it", told.changed_raw, told.turns, width)
        if told.changed or not told.changed_raw:
            yield from _changed("Changed as the rules forward it", told.changed, told.turns, width)
        else:
            yield from wrapped("  With the rules nothing changed.", width)
    if any(told.changed_raw or told.changed for told in found.conversations.values()):
        yield ""
        yield from wrapped(_CHANGED_LEGEND, width)
    if alone:
        yield ""
        conversations = "1 conversation has" if alone == 1 else f"{count(alone)} conversations have"
        yield from wrapped(f"{conversations} one request only, so that there is nothing to compare.", width)


def _about(told: Conversation) -> str:
    clients = ", ".join(map(visible, told.clients)) or "an unknown client"
    text = f"  {plural(told.requests, 'request')} of {clients}"
    if told.first_at is None or told.last_at is None:
        return text
    begin, end = (f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M:%S}" for at in (told.first_at, told.last_at))
    return f"{text}, {begin} to {end} ({duration(told.last_at - told.first_at)})"


def _reuse(told: Conversation) -> str:
    def styled(value: float | None) -> str:
        return click.style(share(value), fg=_COLOURS[level(value)])

    raw, sent = told.raw.share, told.normalized.share
    return (
        f"  Reuse: {styled(raw)} as sent, {styled(sent)} with the rules. Read again: "
        f"{kilobytes(told.again_raw)} kB of text as sent, {kilobytes(told.again)} kB with the rules."
    )


def _changed(title: str, changed: dict[str, Changed], turns: int, width: int | None) -> Iterator[str]:
    if not changed:
        yield from wrapped(f"  {title}: nothing.", width)
        return
    rows = sorted(changed.values(), key=lambda one: (-one.cost, -one.times))
    columns = [
        Column(f"  {title}", [f"    {visible(_called(one))}" for one in rows], shrinks=True, short=14),
        Column("turns", [f"{one.times} of {turns}" for one in rows], right=True),
        Column("first", [str(one.first) for one in rows], right=True, weight=1),
        Column("read again, kB", [kilobytes(one.cost) if one.first else UNKNOWN for one in rows], right=True),
    ]
    yield from table(columns, width)[0]
    for one in rows:
        if one.rules:
            yield from wrapped(f"    {visible(one.part)}: {known_to(one.rules)}", width)


def _called(one: Changed) -> str:
    return f"{one.part} ({one.detail})" if one.detail and one.detail not in one.part else one.part
