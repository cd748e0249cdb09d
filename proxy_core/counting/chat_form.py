"""The chat body that llama-server itself makes of a request to one of the other two APIs.

Only chat bodies can be rendered (`POST /apply-template`). The server turns requests for `/v1/responses` and
`/v1/messages` into them first; what becomes of each field was read off llama.cpp b10587 and compared with
the prompts that b11549 evaluates. What the server refuses, or fills in by means that are not visible from
outside (images, files), has no such form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from proxy_core.prompt import Prompt
from proxy_core.prompt.spans import raw_bytes

Json: TypeAlias = dict[str, Any]

_OWN_OF_RESPONSES = frozenset(
    {"input", "instructions", "tools", "max_output_tokens", "reasoning", "stream", "messages"}
)
"""What the server takes out of a responses body; everything else goes on under its own name."""

_STAMP = re.compile(r"(x-anthropic-billing-header:(?:(?!cch=).)*cch=).{5};", re.DOTALL)
"""Where Claude Code stamps each request."""

_UNSTAMPING = 8906
"""The first build that evaluates `fffff` instead of the stamp."""


class _NoFormError(Exception):
    """There is something in the request that has no faithful chat form."""


def chat_form(prompt: Prompt, build: int | None = None) -> bytes | None:
    """A body for `/apply-template` that is rendered to the very prompt of this request.

    It never asks for a stream.

    Args:
        prompt: A request to any of the three APIs.
        build: Number of the server's build; None is taken for a new one.

    Returns:
        None when the request holds images or files, or items that llama-server does not take.
    """
    stamped = build is not None and build < _UNSTAMPING
    top = {one.key: prompt.body[one.value.start : one.value.end] for one in prompt.top}
    try:
        if prompt.api == "chat":
            return _chat(prompt, top)
        converted = _responses(prompt, top) if prompt.api == "responses" else _messages(prompt, top, stamped)
        return msgspec.json.encode(converted)
    except (_NoFormError, msgspec.DecodeError, UnicodeError, ValueError, RecursionError, TypeError):
        return None


def _chat(prompt: Prompt, top: Mapping[str, bytes]) -> bytes:
    if any(message.others for message in prompt.messages):
        raise _NoFormError
    # Old servers refuse a body with tools that asks for a stream.
    kept = [msgspec.json.encode(key) + b":" + value for key, value in top.items() if key != "stream"]
    return b"{" + b",".join(kept) + b"}"


def _responses(prompt: Prompt, top: Mapping[str, bytes]) -> Json:
    """As of `/v1/responses`: items of one answer become one assistant message."""
    if _given(top, "previous_response_id"):
        raise _NoFormError
    said: list[Json] = []
    if "instructions" in top:
        said.append({"role": "system", "content": _text(_given(top, "instructions"))})
    for message in prompt.messages:
        item = msgspec.json.decode(message.raw)
        if prompt.listed is None:
            said.append({"role": "user", "content": item})
        else:
            _add_item(_object(item), said)
    body: Json = {key: msgspec.Raw(value) for key, value in top.items() if key not in _OWN_OF_RESPONSES}
    body["messages"] = said
    declared = [tool for tool in _objects(top, "tools") if _plain(tool, "type") == "function"]
    if declared:
        body["tools"] = [
            {"type": "function", "function": {key: tool[key] for key in tool if key != "type"}}
            for tool in declared
        ]
    effort = _object(_given(top, "reasoning") or {}).get("effort")
    if effort is not None:
        body["reasoning_effort"] = effort
    return body


def _add_item(item: Json, said: list[Json]) -> None:
    """Put an item of a responses request behind what was said, or into the answer that it belongs to."""
    what, role, content = item.get("type"), item.get("role"), item.get("content")
    if role in ("user", "system", "developer") and isinstance(content, str | list):
        said.append({"role": role, "content": _parts(content, ("input_text",))})
    elif role == "assistant" and what == "message":
        parts = _parts(content or [], ("output_text", "input_text"))
        answer = _answer(said)
        answer["content"] = [*(answer.get("content") or []), *parts]
    elif what == "function_call":
        function = {"name": _text(item.get("name")), "arguments": _text(item.get("arguments"))}
        call = {"id": _text(item.get("call_id")), "type": "function", "function": function}
        _answer(said).setdefault("tool_calls", []).append(call)
    elif what == "function_call_output":
        output = item.get("output")
        result = output if isinstance(output, str) else _parts(output, ("input_text",))
        said.append({"role": "tool", "tool_call_id": _text(item.get("call_id")), "content": result})
    elif what == "reasoning" and isinstance(content, list) and content:
        answer = _answer(said)
        answer.setdefault("content", [])
        answer["reasoning_content"] = _text(_object(content[0]).get("text"))
    else:
        raise _NoFormError


def _answer(said: list[Json]) -> Json:
    """The assistant's message at the end; a new one where somebody else spoke last."""
    if not said or said[-1]["role"] != "assistant":
        said.append({"role": "assistant"})
    return said[-1]


def _parts(content: object, types: Sequence[str]) -> list[Json]:
    """A content of the responses API as text parts."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise _NoFormError
    if any(_object(part).get("type") not in types for part in content):
        raise _NoFormError
    return [{"type": "text", "text": _text(part.get("text"))} for part in content]


def _messages(prompt: Prompt, top: Mapping[str, bytes], stamped: bool) -> Json:
    """As of `/v1/messages`: blocks of system text run together, results of tools become messages."""
    said: list[Json] = []
    system = _given(top, "system")
    if isinstance(system, str):
        system = [{"type": "text", "text": system}]
    if isinstance(system, list):
        blocks = [_object(block) for block in system]
        texts = [_text(block.get("text")) for block in blocks if block.get("type") == "text"]
        texts = texts if stamped else [_unstamped(text) for text in texts]
        said.append({"role": "system", "content": "".join(texts)})
    for message in prompt.messages:
        said += _spoken(_object(_loads(message.raw)))
    body: Json = {"messages": said}
    for key in ("model", "chat_template_kwargs"):
        if key in top:
            body[key] = msgspec.Raw(top[key])
    if top.get("tools", b"").startswith(b"["):
        body["tools"] = [_declared(tool) for tool in _objects(top, "tools")]
    choice = _given(top, "tool_choice")
    if isinstance(choice, dict) and choice.get("type") in ("auto", "any", "tool"):
        body["tool_choice"] = "auto" if choice["type"] == "auto" else "required"
    return body


def _spoken(message: Json) -> list[Json]:
    """The chat messages of one Anthropic message: what was said, then what tools returned."""
    content = message.get("content")
    if not isinstance(content, list):
        return [message] if "content" in message or message.get("role") != "assistant" else []
    blocks = [_object(block) for block in content]
    types = [block.get("type") for block in blocks]
    if "image" in types:
        raise _NoFormError
    texts = [block for block in blocks if block.get("type") == "text"]
    calls = [_call(block) for block in blocks if block.get("type") == "tool_use"]
    thoughts = "".join(_text(block.get("thinking")) for block in blocks if block.get("type") == "thinking")
    said: list[Json] = []
    if texts or calls or thoughts:
        said.append({"role": message.get("role", ""), "content": texts or ""})
        if calls:
            said[0]["tool_calls"] = calls
        if thoughts:
            said[0]["reasoning_content"] = thoughts
    return said + [_result(block) for block in blocks if block.get("type") == "tool_result"]


def _call(block: Json) -> Json:
    arguments = json.dumps(block.get("input", {}), ensure_ascii=False, separators=(",", ":"))
    function = {"name": _text(block.get("name")), "arguments": arguments}
    return {"id": _text(block.get("id")), "type": "function", "function": function}


def _result(block: Json) -> Json:
    content = block.get("content")
    if isinstance(content, list):
        parts = [_object(part) for part in content]
        if any(part.get("type") == "image" for part in parts):
            raise _NoFormError
        content = "".join(_text(part.get("text")) for part in parts if part.get("type") == "text")
    told = content if isinstance(content, str) else ""
    return {"role": "tool", "tool_call_id": _text(block.get("tool_use_id")), "content": told}


def _declared(tool: Mapping[str, msgspec.Raw]) -> Json:
    """A tool as it is declared to the template; one that runs at Anthropic has a name and nothing else."""
    function: Json = {
        "name": _plain(tool, "name") or "",
        "description": _plain(tool, "description") or "",
        "parameters": tool.get("input_schema", {}),
    }
    return {"type": "function", "function": function}


def _unstamped(text: str) -> str:
    found = _STAMP.match(text)
    return f"{found[1]}fffff;{text[found.end() :]}" if found else text


def _loads(raw: bytes) -> object:
    """JSON as the server reads it: a whole number beyond 64 bits is a fraction."""
    return json.loads(raw, parse_int=_whole)


def _whole(digits: str) -> int | float:
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(number)


def _given(top: Mapping[str, bytes], key: str) -> object:
    return msgspec.json.decode(top[key]) if key in top else None


def _objects(top: Mapping[str, bytes], key: str) -> list[dict[str, msgspec.Raw]]:
    """A list of objects whose values stay as they were written."""
    return msgspec.json.decode(top.get(key, b"[]"), type=list[dict[str, msgspec.Raw]])


def _plain(fields: Mapping[str, msgspec.Raw], key: str) -> str | None:
    value = msgspec.json.decode(raw_bytes(fields[key])) if key in fields else None
    return value if isinstance(value, str) else None


def _object(value: object) -> Json:
    if not isinstance(value, dict):
        raise _NoFormError
    return value


def _text(value: object) -> str:
    """A string; nothing where the server takes null for one.

    Raises:
        _NoFormError: Something else is there.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _NoFormError
    return value
