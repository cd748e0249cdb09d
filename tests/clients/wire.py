"""Request bodies in the three APIs' shapes, and the headers of the usual SDKs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from console.demo import openclaw_wire
from tests.clients.case import Sent, Spoken
from tests.clients.story import Ask, Model, Person, Said, Tool

Json: TypeAlias = dict[str, object]
Write: TypeAlias = Callable[[Person], object]
"""Gives the content of a user message: a string, or a list of parts."""

MODEL = "qwen3-coder-next"
MAX_TOKENS = 4
"""Of each answer: the random model's words are thrown away."""


def sent(
    ask: Ask,
    path: str,
    headers: Mapping[str, str],
    body: Json,
    *,
    lane: str = "main",
    spoken: Spoken | None = None,
) -> Sent:
    """The request of one moment."""
    content = {"Content-Type": "application/json", "Accept": "application/json"}
    return Sent(
        path, content | dict(headers), stringify(body).encode(), ask.turn, lane, spoken or speech(ask.answer)
    )


def speech(answer: Model, reasoning: bool = False) -> Spoken:
    """The answer as the model generates it; its JSON has spaces, as models write it."""
    call = (
        (answer.call.id, answer.call.name, json.dumps(answer.call.arguments, ensure_ascii=False))
        if answer.call
        else None
    )
    return Spoken(answer.text, answer.reasoning if reasoning else "", call)


def stringify(value: object) -> str:
    """What JavaScript's `JSON.stringify` writes."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def chat(messages: Sequence[Json], tools: Sequence[Json] = ()) -> tuple[str, Json]:
    """Path and body of a chat completion."""
    body: Json = {
        "model": MODEL,
        "messages": list(messages),
        "stream": True,
        "max_tokens": MAX_TOKENS,
    }
    if tools:
        body["tools"] = list(tools)
    return "/v1/chat/completions", body


def chat_messages(said: Iterable[Said], user: Write | None = None) -> list[Json]:
    """The conversation as chat messages; assistant and tool contents are strings."""
    messages: list[Json] = []
    for one in said:
        match one:
            case Person():
                messages.append({"role": "user", "content": user(one) if user else one.text})
            case Tool():
                messages.append({"role": "tool", "content": one.text, "tool_call_id": one.call_id})
            case Model(text=text, call=call):
                answer: Json = {"role": "assistant", "content": text or None}
                if call:
                    function = {"name": call.name, "arguments": stringify(call.arguments)}
                    answer["tool_calls"] = [{"id": call.id, "type": "function", "function": function}]
                messages.append(answer)
    return messages


def anthropic_messages(said: Iterable[Said], user: Write | None = None) -> list[Json]:
    """The conversation as Anthropic messages, without cache markers."""
    messages: list[Json] = []
    for one in said:
        match one:
            case Person():
                messages.append({"role": "user", "content": user(one) if user else one.text})
            case Tool():
                result = {"type": "tool_result", "tool_use_id": f"toolu_{one.call_id}", "content": one.text}
                messages.append({"role": "user", "content": [result]})
            case Model(text=text, call=call):
                parts: list[Json] = [{"type": "text", "text": text}] if text else []
                if call:
                    use = {"id": f"toolu_{call.id}", "name": call.name, "input": call.arguments}
                    parts.append({"type": "tool_use", **use})
                messages.append({"role": "assistant", "content": parts})
    return messages


def response_items(said: Iterable[Said], user: Write | None = None) -> list[Json]:
    """The conversation as items of the responses API."""
    items: list[Json] = []
    for one in said:
        match one:
            case Person():
                content = user(one) if user else one.text
                items.append(user_item(str(content)))
            case Tool():
                items.append(
                    {"type": "function_call_output", "call_id": f"call_{one.call_id}", "output": one.text}
                )
            case Model(text=text, call=call):
                if text:
                    content = [{"type": "output_text", "text": text}]
                    items.append({"type": "message", "role": "assistant", "content": content})
                if call:
                    arguments = stringify(call.arguments)
                    use = {"name": call.name, "arguments": arguments, "call_id": f"call_{call.id}"}
                    items.append({"type": "function_call", **use})
    return items


def user_item(text: str) -> Json:
    """A user item of the responses API."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def tools(names: Mapping[str, str] | Iterable[str]) -> list[Json]:
    """Some of the demo's tools: name, description, parameters; a mapping gives them other names."""
    wanted = names if isinstance(names, Mapping) else {name: name for name in names}
    known = {tool["name"]: tool for tool in openclaw_wire.tools()}
    return [{**known[name], "name": called} for name, called in wanted.items()]


def chat_tools(names: Mapping[str, str] | Iterable[str]) -> list[Json]:
    """The same, as chat completions declare them."""
    return [{"type": "function", "function": tool} for tool in tools(names)]


def anthropic_tools(names: Mapping[str, str] | Iterable[str]) -> list[Json]:
    """The same, as Anthropic's API declares them."""
    return [
        {"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]}
        for tool in tools(names)
    ]


def response_tools(names: Mapping[str, str] | Iterable[str]) -> list[Json]:
    """The same, as the responses API declares them."""
    return [{"type": "function", **tool, "strict": False} for tool in tools(names)]


def openai_js(agent: str = "OpenAI/JS 6.10.0") -> dict[str, str]:
    """Headers of OpenAI's JavaScript SDK, which a client may give a name of its own."""
    return {"User-Agent": agent, "Authorization": "Bearer sk-no-key-required", "X-Stainless-Lang": "js"}


def openai_python(agent: str = "OpenAI/Python 2.8.1") -> dict[str, str]:
    """Headers of OpenAI's Python SDK."""
    return {"User-Agent": agent, "Authorization": "Bearer sk-no-key-required", "X-Stainless-Lang": "python"}


def anthropic(agent: str) -> dict[str, str]:
    """Headers of a client of Anthropic's API."""
    return {"User-Agent": agent, "X-Api-Key": "sk-no-key-required", "anthropic-version": "2023-06-01"}
