"""Anthropic messages: a top-level `system`, then `messages` of user and assistant."""

from __future__ import annotations

from proxy_core.prompt.message import read_message, read_text
from proxy_core.prompt.model import member, need_list
from proxy_core.prompt.prompt import Prompt
from proxy_core.prompt.spans import Member, items


def parse(body: bytes, top: list[Member]) -> Prompt:
    """Read a body of `POST /v1/messages` or `/v1/messages/count_tokens`.

    Raises:
        PromptError: It has no list of messages.
    """
    listed = need_list(body, member(top, "messages"), "messages")
    system = member(top, "system")
    head = read_text("system", body[system.start : system.end]) if system else None
    spans = items(body, listed)
    read = [read_message("messages", body[span.start : span.end]) for span in spans]
    return Prompt("messages", body, tuple(top), head, tuple(read), tuple(spans), listed)
