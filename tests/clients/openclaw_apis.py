"""Some of OpenClaw's eras over the other two APIs, where a carrier and a tool result have other shapes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

from tests.clients.case import Case, Sent
from tests.clients.openclaw import Era, era_c, era_g, era_h, era_i, era_j
from tests.clients.openclaw_system import tool_names
from tests.clients.story import Ask, asks
from tests.clients.wire import (
    MAX_TOKENS,
    MODEL,
    Json,
    anthropic,
    anthropic_tools,
    openai_js,
    response_tools,
    sent,
    user_item,
)

Api: TypeAlias = Literal["responses", "messages"]


def responses(ask: Ask, short: bool, era: Era) -> Sent:
    """A request of the responses API, keyed by the session."""
    system, messages = era(ask, short)
    items: list[Json] = [{"role": "system", "content": system}]
    for number, message in enumerate(messages):
        items += _items(number, message)
    body: Json = {
        "model": MODEL,
        "input": items,
        "stream": True,
        "prompt_cache_key": ask.session,
        "store": False,
        "max_output_tokens": MAX_TOKENS,
        "tools": response_tools(tool_names(short)),
    }
    return sent(ask, "/v1/responses", openai_js(), body)


def messages(ask: Ask, short: bool, era: Era) -> Sent:
    """A request of Anthropic's API, with a cache marker on the newest block that moves on each time."""
    system, said = era(ask, short)
    marker: Json = {"cache_control": {"type": "ephemeral"}}
    turned = [_anthropic(message) for message in said]
    blocks: Sequence[Json] = turned[-1]["content"]
    turned[-1] = {**turned[-1], "content": [*blocks[:-1], {**blocks[-1], **marker}]}
    body: Json = {
        "model": MODEL,
        "messages": turned,
        "max_tokens": MAX_TOKENS,
        "stream": True,
        "system": [{"type": "text", "text": system, **marker}],
        "tools": anthropic_tools(tool_names(short)),
    }
    return sent(ask, "/v1/messages", anthropic("Anthropic/JS 0.73.0"), body)


def _items(number: int, message: Json) -> Iterator[Json]:
    content: Any = message["content"]
    if message["role"] == "user":
        yield user_item(_text(content))
    elif message["role"] == "tool":
        yield {
            "type": "function_call_output",
            "call_id": f"call_{message['tool_call_id']}",
            "output": content,
        }
    else:
        if content:
            # The id is made from the place in the list, so it changes when something before it goes.
            text = [{"type": "output_text", "text": content, "annotations": []}]
            own = {"role": "assistant", "content": text, "status": "completed", "id": f"msg_{number}"}
            yield {"type": "message", **own}
        for call in _calls(message):
            named = {"call_id": f"call_{call['id']}", **call["function"]}
            yield {"type": "function_call", "id": f"fc_{call['id']}", **named}


def _anthropic(message: Json) -> dict[str, Any]:
    content: Any = message["content"]
    if message["role"] == "tool":
        result = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": content}
        return {"role": "user", "content": [{**result, "is_error": False}]}
    blocks: list[Json] = [{"type": "text", "text": _text(content)}] if content else []
    for call in _calls(message):
        function = call["function"]
        use = {"id": call["id"], "name": function["name"], "input": json.loads(function["arguments"])}
        blocks.append({"type": "tool_use", **use})
    return {"role": message["role"], "content": blocks}


def _calls(message: Json) -> list[Any]:
    calls: Any = message.get("tool_calls")
    return calls or []


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _case(letter: str, api: Api, about: str, era: Era) -> Case:
    write: Callable[[Ask, bool, Era], Sent] = responses if api == "responses" else messages

    def requests(short: bool) -> Iterator[Sent]:
        for ask in asks(short):
            yield write(ask, short, era)

    return Case(f"openclaw-{letter}-{api}", "openclaw", about, requests)


_APIS: tuple[Api, ...] = ("responses", "messages")
_ERAS = {"c": era_c, "g": era_g, "h": era_h, "i": era_i, "j": era_j}

CASES = tuple(
    _case(letter, api, f"era {letter.upper()} over another API", era)
    for letter, era in _ERAS.items()
    for api in _APIS
)
