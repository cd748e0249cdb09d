"""What a bug report needs to hold: a request, the one before it, and where the two part."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from proxy_core import __version__
from proxy_core.captures.captured import Captured, Figures
from proxy_core.diagnosis.divergence import diverge
from proxy_core.diagnosis.further import further
from proxy_core.diagnosis.outline import Outline, outline
from proxy_core.diagnosis.words import BECAME, count, plural, share
from proxy_core.errors import PromptError
from proxy_core.prompt import parse
from proxy_core.verdict import Divergence
from proxy_core.visible import visible

Form = Literal["sent", "forwarded"]

FORMS: dict[Form, str] = {"sent": "as the client sent them", "forwarded": "as kvconsole forwarded them"}

UNKNOWN = "–"
"""Stands for what nobody told."""


@dataclass(frozen=True)
class View:
    """The two requests in one form, compared."""

    title: str
    previous: bytes
    current: bytes
    divergence: Divergence | None
    """None where one of the two cannot be read."""
    further: tuple[str, ...] = ()
    """What else changed behind that place."""
    note: str | None = None
    """Why there is no divergence, in a sentence."""


@dataclass(frozen=True)
class Bundle:
    """A request and its predecessor."""

    current: Captured
    previous: Captured | None
    views: tuple[View, ...]
    """As their client sent them, and as they were forwarded where that is known and another thing."""

    @property
    def title(self) -> str:
        """What it is about, in one line."""
        if self.current.finding is not None:
            return one_line(self.current.finding.headline)
        for view in self.views:
            if view.divergence is not None:
                return where(view.divergence)
        return f"{self.current.method} {one_line(self.current.path)}"


def bundle(
    current: Captured, previous: Captured | None, forms: Collection[Form] = ("sent", "forwarded")
) -> Bundle:
    """Compare a request with the one before it.

    Args:
        current: The request.
        previous: The one that it is compared with, where there is one.
        forms: In which forms; as forwarded only where that is known, and another thing than what was sent.
    """
    if previous is None:
        return Bundle(current, None, ())
    views: list[View] = []
    if "sent" in forms:
        views.append(_view("sent", (previous, current), (previous.body, current.body)))
    was, now = previous.forwarded, current.forwarded
    known = "forwarded" in forms and was is not None and now is not None
    if known and (not views or (was, now) != (previous.body, current.body)):
        views.append(_view("forwarded", (previous, current), (was or b"", now or b"")))
    return Bundle(current, previous, tuple(views))


def facts(bundle: Bundle) -> Iterator[tuple[str, str]]:
    """What there is to say about the request, as a label and a value each; nothing that is unknown."""
    one = bundle.current
    told = (
        ("time", _time(one.at)),
        ("id", one.id),
        ("client", one.client or one.headers.get("user-agent")),
        ("request", f"{one.method} {one.path}"),
        ("conversation", one.lane),
        ("compared with", _named(bundle.previous)),
        ("answer", str(one.answer.status) if one.answer and one.answer.status else None),
        ("note", one.note),
        ("llama-server", one.server),
        ("rule set", one.ruleset),
        ("kvconsole", __version__),
    )
    yield from ((label, one_line(value)) for label, value in told if value)


def rule_rows(captured: Captured) -> Iterator[tuple[str, str]]:
    """The rules that changed the request, and how many edits each made."""
    return ((one_line(rule), plural(edits, "edit")) for rule, edits in captured.edited.items())


def figure_rows(figures: Figures | None) -> Iterator[tuple[str, str]]:
    """The figures as a label and a value each. What the answer and the log always tell is `–` if unknown."""
    known = figures or Figures()
    reused = UNKNOWN
    if known.cached_n is not None:
        of = f" ({share(known.cached_n / known.prompt_tokens)})" if known.prompt_tokens else ""
        reused = f"{count(known.cached_n)}{of}"
    yield "prompt tokens", _count(known.prompt_tokens)
    yield "reused", reused
    yield "evaluated", _count(known.prompt_n)
    yield "prompt eval", _ms(known.prompt_ms)
    yield "sim_best", UNKNOWN if known.sim is None else f"{known.sim:.3f}"
    yield "f_keep", UNKNOWN if known.f_keep is None else f"{known.f_keep:.3f}"
    if known.total_ms is not None:
        yield "whole request", _ms(known.total_ms)
    if known.lost_n:
        yield "lost", _with_time(known.lost_n, known.lost_ms)
    if known.saved_n:
        yield "saved by rules", _with_time(known.saved_n, known.saved_ms)


def where(divergence: Divergence) -> str:
    """Where two prompts part, in a line."""
    if divergence.how == "extended":
        return "The earlier prompt comes again whole"
    name = one_line(divergence.name) or "the prompt"
    detail = one_line(", ".join(divergence.names) or divergence.detail)
    return f"{name}: {BECAME[divergence.how]}" + (f" ({detail})" if detail and detail not in name else "")


def shared(divergence: Divergence) -> str | None:
    """How much of the earlier prompt comes before the place, in a sentence."""
    if divergence.how == "extended" or not divergence.previous_size:
        return None
    at = f", at its character {count(divergence.offset)}" if divergence.offset else ""
    return f"They part after {share(divergence.shared / divergence.previous_size)} of the earlier text{at}."


def behind(further: tuple[str, ...]) -> str | None:
    """What else changed behind the place, in a sentence."""
    return f"Behind that place more reads otherwise: {one_line('; '.join(further))}." if further else None


def one_line(text: str) -> str:
    """Foreign text on one line, without anything hidden in it."""
    return visible(text).replace("\n", "␊")


def _view(form: Form, sides: tuple[Captured, Captured], bodies: tuple[bytes, bytes]) -> View:
    outlines, why = outlined(sides, bodies)
    if outlines is None:
        return View(FORMS[form], *bodies, None, note=why)
    parted = diverge(*outlines)
    return View(FORMS[form], *bodies, parted, further(*outlines, parted))


def outlined(
    sides: tuple[Captured, Captured], bodies: tuple[bytes, bytes]
) -> tuple[tuple[Outline, Outline] | None, str | None]:
    """The components of two requests; or None and, in a sentence, why they cannot be compared by these.

    Args:
        sides: The two requests, the earlier one first.
        bodies: What is compared of each.
    """
    first, second = (side.api for side in sides)
    if first is None or second is None:
        return None, "One of the two is of no API whose prompts kvconsole reads: they are compared as texts."
    if first != second:
        return None, f"They are of different APIs ({first}, {second}), and compared as texts."
    try:
        return (
            outline(parse(first, bodies[0])),
            outline(parse(second, bodies[1])),
        ), None
    except PromptError as error:
        return None, f"One of the two cannot be read, so they are compared as texts: {error.message}."


def compared_as(view: View, api: str | None) -> str | None:
    """The API as which the bodies of a view are to be shown; None for bodies of different ones."""
    return None if view.divergence is None else api


def _named(captured: Captured | None) -> str | None:
    """A request in a few words: its id, else its time, else its place in the file."""
    if captured is None:
        return None
    number = captured.place.number
    return captured.id or _time(captured.at) or (None if number is None else f"entry {number} of its file")


def _time(at: float | None) -> str | None:
    if at is None:
        return None
    try:
        return datetime.fromtimestamp(at).astimezone().isoformat(" ", "milliseconds")
    except (ValueError, OverflowError, OSError):
        return None


def _count(value: int | None) -> str:
    return UNKNOWN if value is None else count(value)


def _with_time(tokens: int, ms: float | None) -> str:
    return f"{count(tokens)} tokens" + ("" if ms is None else f", about {_ms(ms)}")


def _ms(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    if value < 1000:
        return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"
    return f"{value / 1000:.1f} s"
