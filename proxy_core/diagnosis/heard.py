"""What a lane would remember of the model's answers that stand in a request, had its rules been on."""

from __future__ import annotations

from proxy_core.prompt import Message, Prompt
from proxy_core.prompt.model import member, text_of
from proxy_core.prompt.spans import members, string, whole
from proxy_core.rules.anchors import Frame
from proxy_core.rules.generated import NAME, REASONING, arguments_of
from proxy_core.rules.identity import START, identity, links
from proxy_core.rules.past import LANE, known_by

_REASONING_KEY = "reasoning_content"


def heard(prompt: Prompt, frame: Frame | None) -> dict[tuple[str, str], bytes]:
    """Reasoning and call arguments of a request's answers, as `rules.generated` would have remembered them.

    Args:
        prompt: A request as its client sent it.
        frame: How the client decorates messages.
    """
    writes: dict[tuple[str, str], bytes] = {}
    before = START
    for message, link in zip(prompt.messages, links(prompt.messages, frame), strict=True):
        own = identity(message, frame)
        if own is None or link is None:
            continue
        details = _details(prompt, message)
        if details:
            writes |= {(LANE, key): value for key, value in known_by(before, own, link).items()}
            writes |= {(NAME, f"{what}.{link.hex()}"): value for what, value in details}
        before = own
    return writes


def _details(prompt: Prompt, message: Message) -> list[tuple[str, bytes]]:
    if message.kind != "assistant":
        return []
    found = [
        (arguments_of(number), string(message.raw, call.arguments).encode())
        for number, call in enumerate(message.calls)
        if call.arguments is not None
    ]
    if prompt.api == "chat":
        thought = text_of(message.raw, member(members(message.raw, whole(message.raw)), _REASONING_KEY))
        found += [(REASONING, thought.encode())] if thought else []
    return found
