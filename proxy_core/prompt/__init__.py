"""A request body seen as an ordered prompt: one file per API, one model."""

from __future__ import annotations

from proxy_core.errors import PromptError
from proxy_core.prompt import chat, messages, responses
from proxy_core.prompt.message import forget_messages, read_message
from proxy_core.prompt.model import Api, Change, Kind, Message, Segment, Tool, opens
from proxy_core.prompt.prompt import Prompt
from proxy_core.prompt.spans import members, whole

__all__ = [
    "Api",
    "Change",
    "Kind",
    "Message",
    "Prompt",
    "Segment",
    "Tool",
    "forget_messages",
    "parse",
    "read_message",
]

_PARSERS = {"chat": chat.parse, "responses": responses.parse, "messages": messages.parse}


def parse(api: Api, body: bytes) -> Prompt:
    """See `body` as the prompt of a request to `api`.

    Raises:
        PromptError: The body is not JSON, or not a request of that API. Its message says which.
    """
    span = whole(body)
    try:
        if not opens(body, span, b"{"):
            raise PromptError("the body is no JSON object")
        return _PARSERS[api](body, members(body, span))
    except RecursionError:
        raise PromptError("the body is nested too deeply") from None
