"""Requests for tests of the diagnosis, and strategies that make odd ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from proxy_core.diagnosis.divergence import diverge
from proxy_core.diagnosis.outline import Outline, ToolsAt, outline
from proxy_core.errors import PromptError
from proxy_core.prompt import Api, Prompt, parse
from proxy_core.verdict import Divergence

Json = dict[str, Any]


def chat(*messages: Json, tools: Sequence[Json] = ()) -> Outline:
    """The outline of a chat completion."""
    return outline(read("chat", {"messages": list(messages), "tools": list(tools)}))


def read(api: Api, body: Json) -> Prompt:
    """A request's prompt."""
    return parse(api, json.dumps(body, ensure_ascii=False).encode())


def parted(previous: Sequence[Json], current: Sequence[Json]) -> Divergence:
    """Where one list of chat messages leaves another."""
    return diverge(chat(*previous), chat(*current))


def system(text: str) -> Json:
    """A system message."""
    return {"role": "system", "content": text}


def user(text: str) -> Json:
    """A user message."""
    return {"role": "user", "content": text}


def assistant(text: str, thought: str = "", call: str = "") -> Json:
    """An answer, with what was thought before it, and the id of a call behind it."""
    made: Json = {"role": "assistant", "content": text}
    if thought:
        made["reasoning_content"] = thought
    if call:
        function = {"name": "exec", "arguments": '{"command":"ls"}'}
        made["tool_calls"] = [{"id": call, "type": "function", "function": function}]
    return made


def output(call: str, text: str) -> Json:
    """A tool's output."""
    return {"role": "tool", "tool_call_id": call, "content": text}


def tool(name: str, about: str = "Does things.") -> Json:
    """A declared tool."""
    parameters = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    return {"type": "function", "function": {"name": name, "description": about, "parameters": parameters}}


_WORDS = st.text("ab é🙂\n#<>:`0", max_size=12) | st.sampled_from(["ok", "<think>x</think> y", "# A\nb"])
_ROLES = st.sampled_from(["system", "user", "assistant", "tool", "developer", "narrator"])
_ODD = st.none() | st.booleans() | st.integers(-1, 9) | _WORDS
_PARTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["text", "input_text", "thinking", "tool_use", "tool_result", "image_url", "x"]
        )
    },
    optional={
        "text": _ODD,
        "thinking": _ODD,
        "name": _ODD,
        "input": st.dictionaries(_WORDS, _ODD, max_size=2),
        "content": _ODD
        | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": _ODD}), max_size=2),
        "tool_use_id": _ODD,
    },
)
_CALLS = st.lists(
    st.fixed_dictionaries(
        {"id": _ODD, "function": _ODD | st.fixed_dictionaries({"name": _ODD, "arguments": _ODD})}
    ),
    max_size=2,
)
_ITEMS = st.fixed_dictionaries(
    {"role": _ROLES},
    optional={
        "type": st.sampled_from(["message", "function_call", "function_call_output", "reasoning", "odd"])
        | _ODD,
        "content": _ODD | st.lists(_PARTS | _WORDS, max_size=3),
        "reasoning_content": _ODD,
        "tool_calls": _ODD | _CALLS,
        "tool_call_id": _ODD,
        "summary": _ODD | st.lists(_PARTS, max_size=1),
        "output": _ODD | st.lists(_PARTS, max_size=2),
        "name": _ODD,
        "arguments": _ODD,
        "call_id": _ODD,
    },
)
_TOOLS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["function", "web_search"])},
        optional={"name": _WORDS, "function": _ODD | st.fixed_dictionaries({"name": _WORDS, "x": _ODD})},
    )
    | _ODD,
    max_size=4,
)


@st.composite
def bodies(draw: st.DrawFn, api: Api) -> Json:
    """A request body of an API, most of them such as no client sends."""
    listed = draw(st.lists(_ITEMS | _ITEMS | _ODD, max_size=5))
    body: Json = {"input" if api == "responses" else "messages": listed}
    if draw(st.booleans()):
        body["tools"] = draw(_TOOLS)
    if api != "chat" and draw(st.booleans()):
        body["instructions" if api == "responses" else "system"] = draw(_ODD | st.lists(_PARTS, max_size=2))
    return body


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Outline, Outline]:
    """Two outlines of one API; the second request is like the first one in places."""
    api: Api = draw(st.sampled_from(["chat", "responses", "messages"]))
    at: ToolsAt = draw(st.sampled_from(["first", "after system", "before last user", "nowhere"]))
    first, second = draw(bodies(api)), draw(bodies(api))
    key = "input" if api == "responses" else "messages"
    kept = draw(st.integers(0, len(first[key])))
    second[key] = [*first[key][:kept], *second[key], *draw(st.sampled_from([[], first[key][kept + 1 :]]))]
    if draw(st.booleans()):
        second["tools"] = list(reversed(first.get("tools", [])))
    try:
        return outline(read(api, first), at), outline(read(api, second), at)
    except PromptError:
        return outline(read(api, {key: []}), at), outline(read(api, {key: []}), at)
