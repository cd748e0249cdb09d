"""Two requests of a lane compared: as their client sent them, and as they were forwarded."""

from __future__ import annotations

from typing import NamedTuple

from proxy_core.diagnosis.divergence import diverge
from proxy_core.diagnosis.further import further
from proxy_core.diagnosis.outline import Outline, ToolsAt, outline
from proxy_core.errors import PromptError
from proxy_core.exchange import Bodies
from proxy_core.prompt import Api, Prompt, parse
from proxy_core.verdict import Divergence


class Sent(NamedTuple):
    """A request's body in both forms, and how to read it."""

    api: Api
    bodies: Bodies


class Comparison(NamedTuple):
    """Where a request leaves its predecessor."""

    raw: Divergence
    normalized: Divergence
    further: tuple[str, ...] = ()
    """What else changed behind that place, as forwarded."""
    thoughtful: bool = False
    """Whether the earlier request has messages with what the model thought."""


def compare(previous: Sent, current: Sent, tools_at: ToolsAt) -> Comparison | None:
    """Compare two requests; None when one of them cannot be read. A few milliseconds for long prompts."""
    try:
        outlines = _outlines(previous, current, tools_at, raw=False)
        normalized = diverge(*outlines)
        raw = normalized
        if not all(sent.bodies.raw is sent.bodies.normalized for sent in (previous, current)):
            raw = diverge(*_outlines(previous, current, tools_at, raw=True))
        thoughtful = any(component.seen.thought for component in outlines[0].components)
        return Comparison(raw, normalized, further(*outlines, normalized), thoughtful)
    except PromptError:
        return None


def prompt_of(sent: Sent, *, raw: bool) -> Prompt:
    """A request's prompt.

    Raises:
        PromptError: It is none.
    """
    return parse(sent.api, sent.bodies.raw if raw else sent.bodies.normalized)


def _outlines(previous: Sent, current: Sent, tools_at: ToolsAt, *, raw: bool) -> tuple[Outline, Outline]:
    before, now = (outline(prompt_of(sent, raw=raw), tools_at) for sent in (previous, current))
    return before, now
