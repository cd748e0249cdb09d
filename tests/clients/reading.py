"""A request in the order in which a model reads it, and how much of it an earlier request began with.

System text first, tools behind it, then the messages, each in the demo template's frame: what most chat
templates write, whatever the API. Bytes are counted here, which needs no server; benches count tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from proxy_core.diff.marks import common_start
from tests.clients.case import Spoken

_OPEN, _CLOSE = "<|im_start|>", "<|im_end|>\n"
_ANSWER = f"{_OPEN}assistant\n"
_SHOWN = 48


class Part(NamedTuple):
    """A piece of a prompt."""

    label: str
    """Where it stands: `system`, `tools`, or `message 3 (user)`."""
    text: str


class Divergence(NamedTuple):
    """Where a prompt leaves an earlier one."""

    label: str
    """The part of the later prompt."""
    common: str
    """The last characters that both have."""
    before: str
    """How the earlier prompt goes on."""
    after: str
    """How the later one goes on."""


def read(path: str, body: bytes) -> tuple[Part, ...]:
    """The parts of a request in reading order."""
    request: dict[str, Any] = json.loads(body)
    messages = list(_messages(path, request))
    system = "".join(text for role, text in messages[:1] if role == "system")
    head = [Part("system", f"{_OPEN}system\n{system}"), Part("tools", _tools(request) + _CLOSE)]
    rest = messages[1:] if messages and messages[0][0] == "system" else messages
    return (
        *head,
        *(
            Part(f"message {n} ({role})", f"{_OPEN}{role}\n{text}{_CLOSE}")
            for n, (role, text) in enumerate(rest)
        ),
    )


def text(parts: Sequence[Part]) -> str:
    """A whole prompt."""
    return "".join(part.text for part in parts)


def answered(parts: Sequence[Part], spoken: Spoken) -> str:
    """A prompt and what the model said to it: what a slot holds afterwards."""
    return f"{text(parts)}{_ANSWER}{spelled(spoken)}"


def spelled(spoken: Spoken) -> str:
    """What the model said, in the template's spelling."""
    thought = f"<think>\n{spoken.reasoning}\n</think>\n\n" if spoken.reasoning else ""
    call = _call(spoken.call[1], spoken.call[2]) if spoken.call else ""
    return f"{thought}{spoken.text}{call}"


def divergence(before: str, after: Sequence[Part]) -> Divergence | None:
    """Where the later prompt leaves the earlier text; None where it holds all of it."""
    whole = text(after)
    at = common_start(before, whole)
    if at == len(before):
        return None
    place = 0
    label = "the end"
    for part in after:
        place += len(part.text)
        if at < place:
            label = part.label
            break
    return Divergence(
        label, whole[max(0, at - _SHOWN) : at], before[at : at + _SHOWN], whole[at : at + _SHOWN]
    )


def _messages(path: str, request: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "responses" in path:
        yield "system", request.get("instructions") or ""
        for item in request["input"]:
            yield _response_item(item)
    elif "/messages" in path:
        yield "system", _text(request.get("system"))
        for message in request["messages"]:
            yield from _anthropic(message)
    else:
        for message in request["messages"]:
            thought = message.get("reasoning_content")
            before = f"<think>\n{thought}\n</think>\n\n" if thought else ""
            calls = "".join(
                _replayed(call["function"]["name"], call["function"]["arguments"])
                for call in message.get("tool_calls") or ()
            )
            yield message["role"], f"{before}{_text(message.get('content'))}{calls}"


def _response_item(item: dict[str, Any]) -> tuple[str, str]:
    match item.get("type"):
        case "function_call":
            return "assistant", _replayed(item["name"], item["arguments"])
        case "function_call_output":
            return "tool", _text(item["output"])
        case _:
            return item["role"], _text(item["content"])


def _anthropic(message: dict[str, Any]) -> Iterator[tuple[str, str]]:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    own = ""
    for block in blocks:
        match block["type"]:
            case "tool_result":
                yield "tool", _text(block["content"])
            case "tool_use":
                own += _call(block["name"], json.dumps(block["input"], ensure_ascii=False))
            case _:
                own += block["text"]
    if own:
        yield message["role"], own


def _text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.get("text") or "" for part in content)


def _call(name: str, arguments: str) -> str:
    return f'\n<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


def _replayed(name: str, arguments: str) -> str:
    """A call as templates write it that take arguments as an object."""
    return _call(name, json.dumps(json.loads(arguments), ensure_ascii=False))


def _tools(request: dict[str, Any]) -> str:
    return "".join(json.dumps(tool, ensure_ascii=False) + "\n" for tool in request.get("tools") or ())
