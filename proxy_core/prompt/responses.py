"""OpenAI responses: `instructions`, then `input`, a string or a list of typed items."""

from __future__ import annotations

from collections.abc import Iterator

from proxy_core.errors import PromptError
from proxy_core.prompt.chat import message
from proxy_core.prompt.content import segments
from proxy_core.prompt.model import Prompt, Segment, member, opens, prompt_of, text_of
from proxy_core.prompt.spans import Member, Span, items, members


def parse(body: bytes, top: list[Member]) -> Prompt:
    """Read a body of `POST /v1/responses`.

    Raises:
        PromptError: It has no `input` that is a string or a list.
    """
    texts = list(segments(body, member(top, "instructions"), "system", None))
    source = member(top, "input")
    if source is not None and opens(body, source, b'"'):
        count = 1
        texts += segments(body, source, "user", 0)
    elif source is not None and opens(body, source, b"["):
        found = items(body, source)
        count = len(found)
        texts += [segment for index, span in enumerate(found) for segment in _item(body, span, index)]
    else:
        raise PromptError('"input" is neither a string nor a list')
    return prompt_of("responses", body, top, texts, count)


def _item(body: bytes, span: Span, index: int) -> Iterator[Segment]:
    """An item without a type is a message; outputs of tools hold their text in `output`."""
    if not opens(body, span, b"{"):
        return
    fields = members(body, span)
    what = text_of(body, member(fields, "type"))
    if what in (None, "message"):
        yield from message(body, span, index)
    elif what == "function_call_output":
        yield from segments(body, member(fields, "output"), "tool", index)
