"""What `kvconsole diff` does."""

from __future__ import annotations

import json
from typing import Literal, NamedTuple

import click
import msgspec

from console.diff_text import echo_diff
from console.verbs.choosing import is_kept, numbered, referred
from console.verbs.diff import structure_lines
from console.verbs.predecessors import before_of
from console.verbs.redaction import masked, note, redactor_of, warn
from console.verbs.sink import Sink
from proxy_core.captures import Captured, html_page
from proxy_core.captures.bundle import Form, bundle
from proxy_core.captures.redact import Redactor
from proxy_core.diff.unified import unified
from proxy_core.errors import CaptureError
from proxy_core.study.comparing.comparison import Compared, compared, facts
from proxy_core.study.pairing import Pair
from proxy_core.visible import visible

Shape = Literal["structure", "unified", "json"]


class Asked(NamedTuple):
    """What a person wants to be compared."""

    first: str
    second: str | None
    """None to compare `first` with the request before it."""
    form: Form
    redact: str | None


class _Sides(NamedTuple):
    before: Captured
    after: Captured
    names: tuple[str, str]
    redactor: Redactor | None


def show(asked: Asked, shape: Shape) -> bool:
    """Print the comparison; gives whether the two differ.

    Raises:
        KvconsoleError: There is no such request, or it was not captured in that form.
    """
    sides = _sides(asked)
    found = _compared(sides, asked.form)
    if shape == "json":
        click.echo(json.dumps(facts(found, sides.names), indent=2))
    elif shape == "unified":
        if found.note is not None:
            click.echo(visible(found.note), err=True)
        echo_diff(unified(*found.bodies, found.api, sides.names))
    else:
        structure_lines.echo(found, sides.names)
    if sides.redactor is not None:
        warn(sides.redactor)
    return not found.identical


def page(asked: Asked, sink: Sink) -> bool:
    """Write the comparison as HTML; gives whether the two differ.

    Raises:
        KvconsoleError: As `show`, or it cannot be written there.
        click.UsageError: It would go to a terminal.
    """
    if sink.is_terminal:
        raise click.UsageError("A page is for a browser: --html diff.html writes it to a file.")
    sink.need(numbered(ref)[0] for ref in asked[:2] if ref is not None and not is_kept(ref))
    sides = _sides(asked)
    found = _compared(sides, asked.form)
    one = bundle(sides.after, sides.before, (asked.form,))
    with sink.opened() as file:
        for piece in html_page.write([one], note(sides.redactor)):
            file.write(piece.encode(errors="replace"))
    warn(sides.redactor)
    return not found.identical


def _sides(asked: Asked) -> _Sides:
    if asked.second is None:
        before, after = before_of(asked.first)
        names = (before.id or f"the one before {asked.first}", asked.first)
    else:
        if asked.first == asked.second == "-":
            raise click.UsageError("Standard input is one request: name a file for the other.")
        before, after = referred(asked.first), referred(asked.second)
        names = (asked.first, asked.second)
        if before.id is None or after.before != before.id:
            # A verdict tells of a request and its own predecessor.
            after = msgspec.structs.replace(after, finding=None)
    redactor = redactor_of(asked.redact)
    if redactor is not None:
        (pair,) = masked([Pair(after, before)], redactor)
        before, after = pair.previous or before, pair.current
    return _Sides(before, after, names, redactor)


def _compared(sides: _Sides, form: Form) -> Compared:
    for side, name in zip(sides[:2], sides.names, strict=True):
        if form == "forwarded" and side.forwarded is None:
            raise CaptureError(
                f"How {visible(name)} was forwarded is not known: the journal and kvconsole's own JSON Lines "
                "tell it of requests that went through kvconsole."
            )
    return compared(sides.before, sides.after, form)
