"""OpenAI responses: `instructions`, then `input`, a string or a list of typed items."""

from __future__ import annotations

from proxy_core.errors import PromptError
from proxy_core.prompt.message import read_message, read_text
from proxy_core.prompt.model import member, opens
from proxy_core.prompt.prompt import Prompt
from proxy_core.prompt.spans import Member, items


def parse(body: bytes, top: list[Member]) -> Prompt:
    """Read a body of `POST /v1/responses`.

    Raises:
        PromptError: It has no `input` that is a string or a list.
    """
    told = member(top, "instructions")
    head = read_text("system", body[told.start : told.end]) if told else None
    source = member(top, "input")
    if source is not None and opens(body, source, b'"'):
        said = read_text("user", body[source.start : source.end])
        return Prompt("responses", body, tuple(top), head, (said,), (source,), None)
    if source is None or not opens(body, source, b"["):
        raise PromptError('"input" is neither a string nor a list')
    spans = items(body, source)
    read = [read_message("responses", body[span.start : span.end]) for span in spans]
    return Prompt("responses", body, tuple(top), head, tuple(read), tuple(spans), source)
