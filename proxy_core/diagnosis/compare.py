"""Two requests of a lane compared: as their client sent them, and as they were forwarded."""

from __future__ import annotations

from typing import NamedTuple

from proxy_core.diagnosis.divergence import diverge
from proxy_core.diagnosis.model import Divergence
from proxy_core.diagnosis.outline import ToolsAt, outline
from proxy_core.errors import PromptError
from proxy_core.exchange import Bodies
from proxy_core.prompt import Api, Prompt, parse


class Sent(NamedTuple):
    """A request's body in both forms, and how to read it."""

    api: Api
    bodies: Bodies


class Comparison(NamedTuple):
    """Where a request leaves its predecessor."""

    raw: Divergence
    normalized: Divergence


def compare(previous: Sent, current: Sent, tools_at: ToolsAt) -> Comparison | None:
    """Compare two requests; None when one of them cannot be read. A few milliseconds for long prompts."""
    try:
        normalized = _one(previous, current, tools_at, raw=False)
        return Comparison(_one(previous, current, tools_at, raw=True), normalized)
    except PromptError:
        return None


def prompt_of(sent: Sent, *, raw: bool) -> Prompt:
    """A request's prompt.

    Raises:
        PromptError: It is none.
    """
    return parse(sent.api, sent.bodies.raw if raw else sent.bodies.normalized)


def _one(previous: Sent, current: Sent, tools_at: ToolsAt, *, raw: bool) -> Divergence:
    before, now = (outline(prompt_of(sent, raw=raw), tools_at) for sent in (previous, current))
    return diverge(before, now)
