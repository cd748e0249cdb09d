"""A check for people: a block for each turn that failed, then what came out."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click
from rich.cells import cell_len, set_cell_size

from proxy_core.captures import bundle
from proxy_core.diagnosis.words import count
from proxy_core.study.checking import words
from proxy_core.study.checking.report import Report, Spot, Turn, Unread

_LOOK = {"fail": ("FAIL", "red"), "allowed": ("allowed", "yellow"), "pass": ("pass", "green")}
_SIGNS = {"-": "red", "+": "green"}
_STATE = 9
"""Cells of the result, and of the text below it that is indented."""
_INDENT = "    "


def lines(report: Report, *, verbose: bool, width: int | None = None) -> Iterator[str]:
    """The report, line by line.

    Args:
        report: What the check found.
        verbose: Whether turns that passed are listed as well.
        width: Cells of a line; None for as many as it takes.
    """
    shown = [turn for turn in report.turns if verbose or turn.result != "pass"]
    columns = _columns(shown, width)
    for turn in shown:
        yield _row(turn, columns)
        if turn.result != "pass":
            yield from _details(turn, report.wanted.min_reuse, width)
    for one in report.unread:
        yield from _unread(one, width)
    if report.more_unread:
        yield f"{'unread':<{_STATE}}and {count(report.more_unread)} more"
    if shown or report.unread:
        yield ""
    colour = "green" if report.fine else "red"
    for line in _wrapped(words.result(report), width, ""):
        yield click.style(line, fg=colour, bold=True)
    for text in (words.not_compared(report), words.not_checked(report), _how(report)):
        if text:
            yield from _wrapped(text, width, "")
    failed = report.of("fail")
    if failed:
        yield from _wrapped("kvconsole inspect tells which rules would help, or drafts one.", width, "")
        both = [_named(spot) for spot in (failed[0].before, failed[0].spot)]
        if None not in both:
            yield f"kvconsole diff {both[0]} {both[1]}"


def _columns(turns: list[Turn], width: int | None) -> tuple[int, int]:
    """Cells for the places, and for the conversations, which are shortened first."""
    place = max((cell_len(turn.spot.place) for turn in turns), default=0)
    lane = max((cell_len(bundle.one_line(turn.lane)) for turn in turns), default=0)
    if width is None:
        return place, lane
    room = max(16, width - _STATE - len("  ") * 3 - len("100.0 %") - len("reasoning dropped"))
    lane = min(lane, max(4, room - place))
    return min(place, max(8, room - lane)), lane


def _row(turn: Turn, columns: tuple[int, int]) -> str:
    name, colour = _LOOK[turn.result]
    place, lane = _padded(turn.spot.place, columns[0]), _padded(bundle.one_line(turn.lane), columns[1])
    state = click.style(f"{name:<{_STATE}}", fg=colour, bold=turn.result == "fail")
    return f"{state}{place}  {lane}  {words.percent(turn.reuse):>7}  {turn.cause or ''}".rstrip()


def _details(turn: Turn, min_reuse: float, width: int | None) -> Iterator[str]:
    texts = [f"{turn.where[:1].upper()}{turn.where[1:]}.", words.sentence(turn, min_reuse)]
    texts += [f"Note: {bundle.one_line(turn.note)}"] if turn.note else []
    for text in texts:
        yield from _wrapped(text, width)
    for line in words.excerpt_lines(turn.excerpt):
        shown = line if width is None else _clipped(line, width - len(_INDENT))
        colour = _SIGNS.get(line[:1])
        yield _INDENT + (click.style(shown, fg=colour) if colour else shown)


def _unread(one: Unread, width: int | None) -> Iterator[str]:
    told = f"{one.spot.place}: {bundle.one_line(one.reason)}"
    first, *rest = _wrapped(told, None if width is None else width - _STATE, "")
    yield click.style(f"{'unread':<{_STATE}}", fg="yellow") + first
    yield from (" " * _STATE + line for line in rest)


def _how(report: Report) -> str:
    settings = report.settings
    if report.wanted.raw:
        mode = "as the client sent them"
    else:
        mode = f"as the rules forward them (level {settings.get('level')})"
    by = "by tokens, as the server counts them" if settings.get("measure") == "tokens" else "by their text"
    return f"Prompts were compared {mode}, {by}; {words.limit(report.wanted.min_reuse)} is wanted."


def _named(spot: Spot) -> str | None:
    """The request as a shell and `kvconsole diff` take it; None where they cannot."""
    if spot.file is not None:
        # No command takes a name for an option that does not begin like one.
        here = "./" if spot.file.startswith("-") else ""
        name = None if spot.entry is None else f"{here}{spot.file}#{spot.entry}"
    else:
        # What came by standard input is gone.
        name = spot.id if spot.line is None and spot.entry is None else None
    return shlex.quote(name) if name is not None and name.isprintable() else None


def _wrapped(text: str, width: int | None, indent: str = _INDENT) -> Iterator[str]:
    if width is None:
        yield f"{indent}{text}"
        return
    yield from click.wrap_text(text, max(20, width), initial_indent=indent, subsequent_indent=indent).split(
        "\n"
    )


def _padded(text: str, size: int) -> str:
    """Exactly `size` cells; of a text that is too long the end is worth more than the beginning."""
    if cell_len(text) <= size:
        return text + " " * (size - cell_len(text))
    while cell_len(text) > size - 1:
        text = text[1:]
    return f"…{text}" + " " * (size - 1 - cell_len(text))


def _clipped(text: str, size: int) -> str:
    return text if cell_len(text) <= size else f"{set_cell_size(text, max(0, size - 1)).rstrip()}…"
