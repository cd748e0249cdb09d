"""OpenAI chat completions: `messages`, each with a role and a content."""

from __future__ import annotations

from proxy_core.prompt.message import read_message
from proxy_core.prompt.model import member, need_list
from proxy_core.prompt.prompt import Prompt
from proxy_core.prompt.spans import Member, items


def parse(body: bytes, top: list[Member]) -> Prompt:
    """Read a body of `POST /v1/chat/completions`.

    Raises:
        PromptError: It has no list of messages.
    """
    listed = need_list(body, member(top, "messages"), "messages")
    spans = items(body, listed)
    read = [read_message("chat", body[span.start : span.end]) for span in spans]
    return Prompt("chat", body, tuple(top), None, tuple(read), tuple(spans), listed)
