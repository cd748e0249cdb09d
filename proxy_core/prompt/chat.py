"""OpenAI chat completions: `messages`, each with a role and a content."""

from __future__ import annotations

from collections.abc import Iterator

from proxy_core.prompt.content import segments
from proxy_core.prompt.model import KINDS, Prompt, Segment, member, need_list, opens, prompt_of, text_of
from proxy_core.prompt.spans import Member, Span, items, members


def parse(body: bytes, top: list[Member]) -> Prompt:
    """Read a body of `POST /v1/chat/completions`.

    Raises:
        PromptError: It has no list of messages.
    """
    found = items(body, need_list(body, member(top, "messages"), "messages"))
    texts = [segment for index, span in enumerate(found) for segment in message(body, span, index)]
    return prompt_of("chat", body, top, texts, len(found))


def message(body: bytes, span: Span, index: int) -> Iterator[Segment]:
    """The segments of one message, in any API that names a `role`; none where the role is unknown."""
    if not opens(body, span, b"{"):
        return
    fields = members(body, span)
    kind = KINDS.get(text_of(body, member(fields, "role")) or "")
    if kind is not None:
        yield from segments(body, member(fields, "content"), kind, index)
