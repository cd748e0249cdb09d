"""Request bodies and headers as OpenClaw 2026.2.17 sends them, for each of the three APIs.

Order and choice of keys are those of its provider layer (the `pi-ai` package) for a server on one's own
machine; bodies are what `JSON.stringify` writes; headers are those of the official JavaScript SDKs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias, TypedDict

from console.demo.openclaw_system import DATA

Api: TypeAlias = Literal["chat", "responses", "messages"]
Json: TypeAlias = dict[str, object]

_MODEL = "qwen3-coder-next"
_KEY = "sk-no-key-required"


@dataclass(frozen=True)
class Request:
    """One HTTP POST."""

    path: str
    """Path on the server, such as `/v1/chat/completions`."""
    body: bytes
    headers: dict[str, str]
    """All that the SDK sets; `Host` and `Content-Length` are left to whoever sends it."""
    turn: int
    """The logical turn that it belongs to, from 1; a tool loop makes several requests of one turn."""


@dataclass(frozen=True)
class User:
    """What a person wrote, decorated."""

    text: str


@dataclass(frozen=True)
class Call:
    """A tool call; the id is 32 letters and digits, as llama-server makes them."""

    id: str
    name: str
    arguments: Json


@dataclass(frozen=True)
class Assistant:
    """What the model answered: text, a call, or both."""

    text: str
    call: Call | None = None


@dataclass(frozen=True)
class Result:
    """What a tool returned."""

    call_id: str
    name: str
    text: str


Message: TypeAlias = User | Assistant | Result


@dataclass(frozen=True)
class Conversation:
    """What one request says, whatever the API."""

    session: str
    turn: int
    system: str
    history: tuple[Message, ...]


class _Tool(TypedDict):
    name: str
    description: str
    parameters: Json


@cache
def tools() -> tuple[_Tool, ...]:
    """The declared functions: name, description and JSON schema, in the order of that version."""
    return tuple(json.loads((DATA / "tools.json").read_text(encoding="utf-8")))


def encode(api: Api, conversation: Conversation, stream: bool, max_tokens: int) -> Request:
    """The request that carries `conversation` to `api`."""
    path, body = {"chat": _chat, "responses": _responses, "messages": _messages}[api](
        conversation, stream, max_tokens
    )
    headers = _anthropic_headers() if api == "messages" else _openai_headers()
    return Request(path, _stringify(body).encode(), headers, conversation.turn)


def _stringify(value: object) -> str:
    """What JavaScript's `JSON.stringify` writes: no spaces, letters of every script as they are."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _chat(conversation: Conversation, stream: bool, max_tokens: int) -> tuple[str, Json]:
    messages: list[Json] = [{"role": "system", "content": conversation.system}]
    messages += [_chat_message(message) for message in conversation.history]
    body: Json = {"model": _MODEL, "messages": messages, "stream": stream}
    if stream:
        body["stream_options"] = {"include_usage": True}
    body["store"] = False
    body["max_completion_tokens"] = max_tokens
    body["tools"] = [{"type": "function", "function": {**tool, "strict": False}} for tool in tools()]
    return "/v1/chat/completions", body


def _chat_message(message: Message) -> Json:
    match message:
        case User(text):
            return {"role": "user", "content": [{"type": "text", "text": text}]}
        case Result(call_id, _, text):
            return {"role": "tool", "content": text, "tool_call_id": call_id}
        case Assistant(text, call):
            # This version sent the assistant's text as parts; a plain string came a month later.
            answer: Json = {
                "role": "assistant",
                "content": [{"type": "text", "text": text}] if text else None,
            }
            if call:
                function = {"name": call.name, "arguments": _stringify(call.arguments)}
                answer["tool_calls"] = [{"id": call.id, "type": "function", "function": function}]
            return answer


def _responses(conversation: Conversation, stream: bool, max_tokens: int) -> tuple[str, Json]:
    items: list[Json] = [{"role": "system", "content": conversation.system}]
    for index, message in enumerate(conversation.history):
        items += _response_items(index, message)
    return "/v1/responses", {
        "model": _MODEL,
        "input": items,
        "stream": stream,
        "prompt_cache_key": conversation.session,
        "store": False,
        "max_output_tokens": max_tokens,
        "tools": [{"type": "function", **tool, "strict": False} for tool in tools()],
    }


def _response_items(index: int, message: Message) -> list[Json]:
    match message:
        case User(text):
            return [{"role": "user", "content": [{"type": "input_text", "text": text}]}]
        case Result(call_id, _, text):
            return [{"type": "function_call_output", "call_id": f"call_{call_id}", "output": text}]
        case Assistant(text, call):
            items: list[Json] = []
            if text:
                content = [{"type": "output_text", "text": text, "annotations": []}]
                items.append(
                    {
                        "type": "message",
                        "role": "assistant",
                        "content": content,
                        "status": "completed",
                        "id": f"msg_{index}",
                    }
                )
            if call:
                items.append(
                    {
                        "type": "function_call",
                        "id": f"fc_{call.id}",
                        "call_id": f"call_{call.id}",
                        "name": call.name,
                        "arguments": _stringify(call.arguments),
                    }
                )
            return items


def _messages(conversation: Conversation, stream: bool, max_tokens: int) -> tuple[str, Json]:
    last = len(conversation.history) - 1
    marker: Json = {"cache_control": {"type": "ephemeral"}}
    return "/v1/messages", {
        "model": _MODEL,
        "messages": [
            _anthropic_message(message, marker if index == last else {})
            for index, message in enumerate(conversation.history)
        ],
        "max_tokens": max_tokens,
        "stream": stream,
        "system": [{"type": "text", "text": conversation.system, **marker}],
        "tools": [
            {"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]}
            for tool in tools()
        ],
    }


def _anthropic_message(message: Message, marker: Json) -> Json:
    """One message; the newest one bears the cache marker and needs blocks to bear it on.

    The marker moves with every request. llama-server ignores it, and a block renders as the string did.
    """
    match message:
        case User(text):
            return {"role": "user", "content": [{"type": "text", "text": text, **marker}] if marker else text}
        case Result(call_id, _, text):
            block = {"type": "tool_result", "tool_use_id": call_id, "content": text, "is_error": False}
            return {"role": "user", "content": [{**block, **marker}]}
        case Assistant(text, call):
            content: list[Json] = [{"type": "text", "text": text}] if text else []
            if call:
                content.append(
                    {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
                )
            return {"role": "assistant", "content": content}


def _openai_headers() -> dict[str, str]:
    return _sdk_headers("OpenAI/JS", "6.10.0") | {"Authorization": f"Bearer {_KEY}"}


def _anthropic_headers() -> dict[str, str]:
    return _sdk_headers("Anthropic/JS", "0.73.0") | {
        "anthropic-dangerous-direct-browser-access": "true",
        "anthropic-version": "2023-06-01",
        "X-Api-Key": _KEY,
    }


def _sdk_headers(name: str, version: str) -> dict[str, str]:
    return {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "User-Agent": f"{name} {version}",
        "X-Stainless-Arch": "x64",
        "X-Stainless-Lang": "js",
        "X-Stainless-OS": "Linux",
        "X-Stainless-Package-Version": version,
        "X-Stainless-Retry-Count": "0",
        "X-Stainless-Runtime": "node",
        "X-Stainless-Runtime-Version": "v22.22.0",
        "X-Stainless-Timeout": "600",
    }
