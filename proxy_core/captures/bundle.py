"""What a bug report needs to hold: a request, the one before it, and where the two part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from proxy_core import __version__
from proxy_core.captures.captured import Captured, Figures
from proxy_core.diagnosis.divergence import diverge
from proxy_core.diagnosis.outline import ToolsAt, outline
from proxy_core.diagnosis.words import count, share
from proxy_core.errors import PromptError
from proxy_core.prompt import parse
from proxy_core.verdict import Divergence, How
from proxy_core.visible import visible

UNKNOWN = "–"
"""Stands for what nobody told."""

BECAME: dict[How, str] = {
    "extended": "comes again whole",
    "changed": "reads otherwise",
    "added": "tools were added",
    "removed": "tools were removed",
    "reordered": "tools stand in another order",
    "redescribed": "tools are described otherwise",
    "rewritten": "reads otherwise",
    "pruned": "is missing, or was cleared",
    "compacted": "gave way to a summary",
    "reasoning": "came back without its reasoning",
    "shortened": "ends earlier than before",
}
"""What happened to a component, for a person."""


@dataclass(frozen=True)
class View:
    """The two requests in one form, compared."""

    title: str
    previous: bytes
    current: bytes
    divergence: Divergence | None
    """None where one of the two cannot be read."""


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


def bundle(current: Captured, previous: Captured | None, tools_at: ToolsAt = "after system") -> Bundle:
    """Compare a request with the one before it.

    Args:
        current: The request.
        previous: The one that it is compared with, where there is one.
        tools_at: Where the model's chat template writes the tools, where that is known.
    """
    if previous is None:
        return Bundle(current, None, ())
    views = [_view("as the client sent them", current, previous, previous.body, current.body, tools_at)]
    was, now = previous.forwarded, current.forwarded
    if was is not None and now is not None and (was, now) != (previous.body, current.body):
        views.append(_view("as kvconsole forwarded them", current, previous, was, now, tools_at))
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
        ("compared with", bundle.previous.id or _time(bundle.previous.at) if bundle.previous else None),
        ("answer", str(one.answer.status) if one.answer and one.answer.status else None),
        ("note", one.note),
        ("llama-server", one.server),
        ("kvconsole", __version__),
    )
    yield from ((label, one_line(value)) for label, value in told if value)


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


def one_line(text: str) -> str:
    """Foreign text on one line, without anything hidden in it."""
    return visible(text).replace("\n", "␊")


def pairs(captured: Iterable[Captured]) -> list[Bundle]:
    """Each request with the latest one before it of the same conversation and API.

    Requests that belong to no known conversation are taken for one another's successors.
    """
    latest: dict[tuple[str | None, str | None], Captured] = {}
    made: list[Bundle] = []
    for one in captured:
        key = (one.lane or one.session, one.api)
        made.append(bundle(one, latest.get(key)))
        latest[key] = one
    # The first request of a conversation is part of the pair behind it.
    return [one for one in made if one.previous is not None] or made


def _view(
    title: str, current: Captured, previous: Captured, was: bytes, now: bytes, tools_at: ToolsAt
) -> View:
    if current.api is None or previous.api != current.api:
        return View(title, was, now, None)
    try:
        before, after = (outline(parse(current.api, body), tools_at) for body in (was, now))
    except PromptError:
        return View(title, was, now, None)
    return View(title, was, now, diverge(before, after))


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
