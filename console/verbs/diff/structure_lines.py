"""Two requests compared part by part, as a table for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

import click
from rich.cells import cell_len, set_cell_size

from console.diff_text import COLOURS
from console.figures import UNKNOWN, count, plural
from console.streams import output_width
from proxy_core.captures.bundle import FORMS, behind, one_line, shared, where
from proxy_core.captures.captured import Captured
from proxy_core.diagnosis.outline import Component
from proxy_core.diagnosis.sections import section
from proxy_core.diff.marks import common_start
from proxy_core.study.comparing.comparison import Compared
from proxy_core.study.comparing.structure import Change, Piece, Setting
from proxy_core.verdict import Excerpt
from proxy_core.visible import visible

SIGNS: dict[Change, str] = {"same": "=", "changed": "~", "added": "+", "removed": "-", "moved": ">"}
_TONES: dict[Change, str] = {"changed": "yellow", "added": "green", "removed": "red", "moved": "cyan"}
_QUOTED = 60
"""Characters of a text's beginning that are quoted."""
_NAME = 44
"""Cells of a component's name."""
_VALUE = 60
"""Characters of a setting that are shown."""


class _Line(NamedTuple):
    change: Change
    name: str
    before: int | None
    after: int | None
    """Bytes of text."""
    told: str = ""


def echo(found: Compared, names: tuple[str, str]) -> None:
    """Print the comparison; on a terminal, no line of the table is wider than it."""
    width = output_width()
    for label, side, body, name in zip(("before", "after"), found.sides, found.bodies, names, strict=True):
        click.echo(f"{label:<8}{_told(side, body, name)}")
    click.echo(f"compared {FORMS[found.form]}\n")
    if found.identical:
        click.echo("They are equal, byte for byte.")
        return
    if found.divergence is None:
        click.echo(f"{one_line(found.note or '')} --unified prints what differs.")
        return
    lines = list(_lines(found.pieces))
    for line in table(lines, width):
        click.echo(line)
    click.echo()
    if found.settings:
        click.echo("settings")
        for setting in found.settings:
            click.echo(f"  {_setting(setting)}")
        click.echo()
    elif all(piece.change == "same" for piece in found.pieces):
        click.echo("The model sees the same in both: the bytes differ in spelling, or in what it never sees.")
        return
    _echo_place(found)


def table(lines: Sequence[_Line], width: int | None) -> Iterator[str]:
    """The lines below their headings; on a terminal of `width` cells, what they quote is cut."""
    rows = [(SIGNS[line.change], line.name, _bytes(line.before), _bytes(line.after)) for line in lines]
    head = ("", "bytes of text", "before", "after")
    columns = [max(cell_len(row[at]) for row in (head, *rows)) for at in range(4)]
    for row, line in zip((head, *rows), (None, *lines), strict=True):
        name = row[1] + " " * (columns[1] - cell_len(row[1]))
        text = f"{row[0] or ' '} {name}  {row[2]:>{columns[2]}}  {row[3]:>{columns[3]}}"
        if line is not None and line.told:
            text += f"  {line.told}"
        if width is not None:
            text = _fitted(text, width)
        tone = None if line is None else _TONES.get(line.change)
        yield click.style(text.rstrip(), fg=tone, dim=True if tone is None else None)


def _lines(pieces: Sequence[Piece]) -> Iterator[_Line]:
    """A line for each piece, and one for all unchanged ones of a kind that follow one another."""
    for (change, kind), run in groupby(pieces, key=lambda piece: (piece.change, piece.component.kind)):
        several = list(run)
        if change == "same" and len(several) > 1:
            sizes = (_sum(piece.before for piece in several), _sum(piece.after for piece in several))
            yield _Line(change, _several(several, kind), *sizes)
        else:
            yield from (_line(piece) for piece in several)


def _line(piece: Piece) -> _Line:
    one = piece.component
    name = one_line(one.name)
    old, new = piece.before, piece.after
    if old is not None and new is not None and old.name != new.name and one.message is not None:
        name += "" if old.message is None else f", was {old.message + 1}"
    return _Line(piece.change, _fitted(name, _NAME), _size(old), _size(new), _what(piece))


def _what(piece: Piece) -> str:
    """What there is to say of a piece: where it reads otherwise, or how it begins."""
    old, new = piece.before, piece.after
    if piece.change == "changed" and old is not None and new is not None:
        at = common_start(old.text, new.text)
        where = one_line(section(old.text, new.text, at))
        offset = len(new.text[:at].decode(errors="replace"))
        return f"from character {count(offset)}" + (f", {where}" if where else "")
    if piece.change == "moved":
        return "moved, and otherwise the same"
    if piece.component.kind == "tools":
        return ""
    begin = " ".join(one_line(piece.component.text[: 8 * _QUOTED].decode(errors="replace")).split())
    begin = begin.replace("␊", " ").strip()
    return f"“{begin[:_QUOTED]}{'…' if len(begin) > _QUOTED else ''}”" if begin else ""


def _several(pieces: Sequence[Piece], kind: str) -> str:
    if kind == "tools":
        return plural(len(pieces), "tool")
    if kind == "system":
        return plural(len(pieces), "system text")
    first, last = (piece.component.message for piece in (pieces[0], pieces[-1]))
    if first is None or last is None:
        return plural(len(pieces), "message")
    return f"messages {first + 1} to {last + 1}"


def _sum(components: Iterator[Component | None]) -> int:
    return sum(len(one.text) for one in components if one is not None)


def _size(one: Component | None) -> int | None:
    return None if one is None else len(one.text)


def _bytes(size: int | None) -> str:
    return UNKNOWN if size is None else count(size)


def _told(side: Captured, body: bytes, name: str) -> str:
    """A request in a line."""
    at = ""
    if side.at is not None:
        try:
            at = datetime.fromtimestamp(side.at).astimezone().isoformat(" ", "seconds")
        except (ValueError, OverflowError, OSError):
            at = ""
    facts = (at, side.client, side.api or f"{side.method} {side.path}", f"{count(len(body))} bytes")
    return "  ".join((one_line(name), *(one_line(fact) for fact in facts if fact)))


def _fitted(text: str, cells: int) -> str:
    return text if cell_len(text) <= cells else f"{set_cell_size(text, max(0, cells - 1)).rstrip()}…"


def _setting(setting: Setting) -> str:
    sides = (setting.before, setting.after)
    old, new = ("(not there)" if side is None else _fitted(one_line(side), _VALUE) for side in sides)
    return f"{one_line(setting.name)}: {old} → {new}"


def _echo_place(found: Compared) -> None:
    """Where they part, in sentences, with the text there."""
    parted = found.divergence
    if parted is None:
        return
    more = f": {parted.detail}" if parted.how == "extended" else ""
    click.echo(click.style(one_line(f"{where(parted)}{more}."), bold=True))
    for sentence in (shared(parted), behind(found.further)):
        if sentence is not None:
            click.echo(sentence)
    if parted.excerpt is not None and parted.how != "extended":
        click.echo()
        for line in _excerpt(parted.excerpt):
            click.echo(line)


def _excerpt(excerpt: Excerpt) -> Iterator[str]:
    *above, begun = visible(excerpt.shared).split("\n")
    yield from (f"  {line}" for line in above)
    for sign, run, rest in (
        ("-", excerpt.previous, excerpt.previous_rest),
        ("+", excerpt.current, excerpt.current_rest),
    ):
        # Each line is styled by itself: some pagers end a style with its line.
        parts = [click.style(part, bold=True, underline=True) for part in visible(run).split("\n")]
        text = f"{begun}{chr(10).join(parts) if run else ''}{visible(rest)}" or "(nothing)"
        for line in text.split("\n"):
            yield f"{click.style(sign, fg=COLOURS[sign])} {line}"
