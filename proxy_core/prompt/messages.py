"""Anthropic messages: a top-level `system`, then `messages` of user and assistant."""

from __future__ import annotations

from proxy_core.prompt.chat import message
from proxy_core.prompt.content import segments
from proxy_core.prompt.model import Prompt, member, need_list, prompt_of
from proxy_core.prompt.spans import Member, items


def parse(body: bytes, top: list[Member]) -> Prompt:
    """Read a body of `POST /v1/messages` or `/v1/messages/count_tokens`.

    Raises:
        PromptError: It has no list of messages.
    """
    found = items(body, need_list(body, member(top, "messages"), "messages"))
    texts = list(segments(body, member(top, "system"), "system", None))
    texts += [segment for index, span in enumerate(found) for segment in message(body, span, index)]
    return prompt_of("messages", body, top, texts, len(found))
