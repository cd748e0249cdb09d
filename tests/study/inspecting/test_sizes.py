from __future__ import annotations

import msgspec
import pytest

from proxy_core.diagnosis.outline import outline
from proxy_core.prompt import Api, parse
from proxy_core.study.inspecting.sizes import Items, items_of, shared_bytes, sizes_of, text_size

_CALL = {"id": "a", "type": "function", "function": {"name": "ls", "arguments": "{}"}}
_TOOL = {"type": "function", "function": {"name": "ls", "parameters": {"type": "object"}}}

_BODIES: dict[Api, dict[str, object]] = {
    "chat": {
        "tools": [_TOOL],
        "messages": [
            {"role": "system", "content": "Help."},
            {"role": "user", "content": "List."},
            {"role": "assistant", "content": "Yes.", "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "a", "content": "a.py"},
        ],
    },
    "responses": {
        "instructions": "Help.",
        "tools": [{"type": "function", "name": "ls", "parameters": {"type": "object"}}],
        "input": [
            {"role": "user", "content": "List."},
            {"type": "reasoning", "summary": []},
            {"type": "function_call", "call_id": "a", "name": "ls", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "a.py"},
        ],
    },
    "messages": {
        "system": "Help.",
        "tools": [{"name": "ls", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "List."},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "a", "name": "ls", "input": {}}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "a.py"},
                    {"type": "tool_result", "tool_use_id": "b", "content": "b.py"},
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
    },
}


@pytest.mark.parametrize(
    ("api", "items"),
    [
        ("chat", Items(system=1, user=1, assistant=1, tool=1, calls=1, tools=1)),
        ("responses", Items(system=1, user=1, assistant=1, tool=1, calls=1, tools=1, other=1)),
        ("messages", Items(system=1, user=2, assistant=1, tool=2, calls=1, tools=1)),
    ],
)
def test_items_by_role(api: Api, items: Items) -> None:
    assert items_of(parse(api, msgspec.json.encode(_BODIES[api]))) == items


@pytest.mark.parametrize("api", _BODIES)
def test_sizes_by_component_are_the_whole_text(api: Api) -> None:
    read = outline(parse(api, msgspec.json.encode(_BODIES[api])))
    sizes = sizes_of(read)
    assert sum(sizes) == text_size(read)
    assert sizes.system == len("Help.")
    assert sizes.tools > 0
    assert sizes.history >= len("List.")
    assert sizes.newest >= len("a.py")


def test_shared_bytes_end_where_the_prompts_part() -> None:
    def read(system: str, *more: str) -> bytes:
        messages = [{"role": "system", "content": system}]
        messages += ({"role": "user", "content": text} for text in more)
        return msgspec.json.encode({"messages": messages})

    def shared(old: bytes, new: bytes) -> int:
        return shared_bytes(*(outline(parse("chat", body)) for body in (old, new)))

    assert shared(read("Help.", "One."), read("Help.", "One.", "Two.")) == len("Help.One.")
    assert shared(read("Help 17.", "One."), read("Help 18.", "One.")) == len("Help 1")
    assert shared(read("Help.", "One."), read("Help.")) == len("Help.")
