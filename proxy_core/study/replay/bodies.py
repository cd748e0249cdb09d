"""The body that is posted for a captured one: all of its prompt, and nothing that acts.

Every byte stays as captured, but for these members at the top, whose meaning was read off llama.cpp b10587
and tried with b11549:

- `max_tokens` (`max_output_tokens` of responses) says how many tokens to generate. The others that say so
  (`n_predict` and `max_completion_tokens`, which take precedence) go.
- `stream` is false; of responses it is true, since only their streams carry `timings`. `stream_options`,
  `return_progress` and `timings_per_token` go with the stream that the client wanted.
- `n` is 1 where it is given, and `n_cmpl` goes: more answers than one take more slots than one.
- `id_slot` goes: it would take the choice of the slot away from the server.
- `previous_response_id`, `conversation`, `store` and `background` go: they name or make what other servers
  keep of responses. llama-server refuses the first one.
- `model` is another one, where that is asked for.

And a salt of digits stands before the prompt, so that nothing of it is in any cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from proxy_core.diagnosis.outline import ToolsAt
from proxy_core.errors import PromptError
from proxy_core.prompt import Api, Message, Prompt
from proxy_core.prompt.model import member, opens, spliced, text_of
from proxy_core.prompt.spans import Span, items, members

PATHS: dict[Api, str] = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
}
"""Where each API is asked."""

SALT_DIGITS = 18
"""So many that none comes twice. Most tokenizers cut digits one by one or by threes, so that salts of one
length are of one length in tokens as well."""

_COUNT: dict[Api, str] = {"chat": "max_tokens", "responses": "max_output_tokens", "messages": "max_tokens"}
_COUNTS = frozenset({"max_tokens", "max_output_tokens", "max_completion_tokens", "n_predict"})
_DROPPED = frozenset(
    {
        *("stream_options", "return_progress", "timings_per_token", "n_cmpl", "id_slot"),
        *("previous_response_id", "conversation", "store", "background"),
    }
)
_STAMPED = b'"x-anthropic-billing-header:'
"""Claude Code's first system text. llama-server masks the stamp in it only as long as it begins like this."""

_Cut = tuple[int, int, bytes]


@dataclass(frozen=True)
class Asking:
    """What replayed prompts ask for."""

    max_tokens: int = 1
    """Tokens to generate."""
    model: str | None = None
    """The model to ask; None asks for the one that the client asked for."""
    tools_at: ToolsAt | None = None
    """Where the chat template writes the declared tools; None where that is not known."""


def prepared(prompt: Prompt, salt: str, asking: Asking) -> bytes:
    """The body to post for a captured prompt.

    Args:
        prompt: As captured, or as rules forward it.
        salt: `SALT_DIGITS` digits, the same for all prompts that may share their beginnings.
        asking: What to ask for.

    Raises:
        PromptError: The prompt holds no text before which a salt could stand.
    """
    text = f"{salt}\\n".encode()
    cuts = [_before_first_text(prompt, text)]
    if asking.tools_at in ("first", None):
        cuts += _before_first_tool(prompt, text)
    wanted = {
        _COUNT[prompt.api]: str(asking.max_tokens).encode(),
        "stream": b"true" if prompt.api == "responses" else b"false",
    }
    if member(prompt.top, "n") is not None:
        wanted["n"] = b"1"
    if asking.model is not None:
        wanted["model"] = msgspec.json.encode(asking.model)
    cuts += _top(prompt, wanted, (_COUNTS | _DROPPED) - wanted.keys())
    return spliced(prompt.body, cuts)


def _before_first_text(prompt: Prompt, salt: bytes) -> _Cut:
    head = member(prompt.top, "system" if prompt.api == "messages" else "instructions")
    parts: list[tuple[Span, Message]] = list(zip(prompt.spans, prompt.messages, strict=True))
    if prompt.head is not None and head is not None:
        parts.insert(0, (head, prompt.head))
    found = next(((span.start, part.segments[0]) for span, part in parts if part.segments), None)
    if found is None:
        raise PromptError("the prompt holds no text")
    start, segment = found
    stamped = segment.literal.startswith(_STAMPED)
    at = start + segment.span.start + (len(_STAMPED) if stamped else 1)
    return at, at, b" " + salt[:-2] if stamped else salt


def _before_first_tool(prompt: Prompt, salt: bytes) -> Iterator[_Cut]:
    """The salt before the description of the first tool that the model may see, if there is one."""
    body, listed = prompt.body, member(prompt.top, "tools")
    if not opens(body, listed, b"[") or listed is None:
        return
    for span in items(body, listed):
        if not opens(body, span, b"{"):
            continue
        try:
            fields = members(body, span)
            inner = member(fields, "function") if prompt.api == "chat" else span
            if inner is None or not opens(body, inner, b"{"):
                continue
            if prompt.api == "responses" and text_of(body, member(fields, "type")) != "function":
                continue
            told = members(body, inner)
        except PromptError:
            return
        description = member(told, "description")
        if description is None:
            first = inner.start + 1
            yield first, first, b'"description":"' + salt + (b'",' if told else b'"')
        elif opens(body, description, b'"'):
            yield description.start + 1, description.start + 1, salt
        else:
            yield description.start, description.end, b'"' + salt + b'"'
        return


def _top(prompt: Prompt, wanted: dict[str, bytes], dropped: frozenset[str]) -> Iterator[_Cut]:
    """What makes the members at the top say what is wanted."""
    top = prompt.top
    last = max(index for index, one in enumerate(top) if one.key not in dropped)
    for index, one in enumerate(top[: last + 1]):
        if one.key in dropped:
            yield one.start, top[index + 1].start, b""
        elif one.key in wanted and prompt.body[one.value.start : one.value.end] != wanted[one.key]:
            yield one.value.start, one.value.end, wanted[one.key]
    new = wanted.keys() - {one.key for one in top}
    added = b"".join(b"," + msgspec.json.encode(key) + b":" + wanted[key] for key in wanted if key in new)
    yield top[last].value.end, top[-1].value.end, added
