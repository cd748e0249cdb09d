"""The segments of each API's body, and edits that touch nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.errors import PromptError
from proxy_core.prompt import Api, Change, Kind, Prompt, parse


def read(api: Api, body: dict[str, Any], **style: Any) -> Prompt:
    return parse(api, json.dumps(body, **style).encode())


def texts(prompt: Prompt) -> list[tuple[Kind, int | None, str]]:
    parts = [(None, prompt.head)] if prompt.head else []
    found = [*parts, *enumerate(prompt.messages)]
    return [(s.kind, index, s.text.decode()) for index, message in found for s in message.segments]


def test_chat_completions() -> None:
    prompt = read(
        "chat",
        {
            "model": "m",
            "messages": [
                {"role": "developer", "content": "be brief"},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {}}],
                },
                {"role": "assistant", "content": None, "tool_calls": []},
                {"role": "tool", "tool_call_id": "1", "content": "done"},
                {"role": "narrator", "content": "unknown"},
            ],
            "stream": True,
        },
    )
    assert texts(prompt) == [("system", 0, "be brief"), ("user", 1, "look"), ("tool", 3, "done")]
    assert (len(prompt.messages), prompt.stream, prompt.model) == (5, True, "m")


def test_responses() -> None:
    prompt = read(
        "responses",
        {
            "instructions": "be brief",
            "input": [
                {"role": "system", "content": "more"},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "look"}]},
                {"type": "function_call", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "1", "output": "done"},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "yes"}]},
            ],
        },
    )
    assert texts(prompt) == [
        ("system", None, "be brief"),
        ("system", 0, "more"),
        ("user", 1, "look"),
        ("tool", 3, "done"),
        ("assistant", 4, "yes"),
    ]
    assert texts(read("responses", {"input": "hello"})) == [("user", 0, "hello")]


def test_messages() -> None:
    prompt = read(
        "messages",
        {
            "system": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            "messages": [
                {"role": "user", "content": "look"},
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "1",
                            "content": [{"type": "text", "text": "done"}],
                        },
                        {"type": "tool_result", "tool_use_id": "2", "content": "too"},
                        {"type": "text", "text": "and now"},
                    ],
                },
            ],
        },
    )
    assert texts(prompt) == [
        ("system", None, "a"),
        ("system", None, "b"),
        ("user", 0, "look"),
        ("tool", 1, "done"),
        ("tool", 1, "too"),
        ("user", 1, "and now"),
    ]


@pytest.mark.parametrize(
    ("api", "body"),
    [
        ("chat", b"not json"),
        ("chat", b"[]"),
        ("chat", b"{}"),
        ("chat", b'{"messages": {}}'),
        ("responses", b'{"input": 3}'),
        ("messages", b'{"messages": "hi"}'),
        ("chat", b'{"messages":' + b"[" * 100_000),
    ],
)
def test_other_bodies_are_refused_in_words(api: Api, body: bytes) -> None:
    with pytest.raises(PromptError) as caught:
        texts(parse(api, body))
    assert caught.value.message


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(st.lists(TEXT, min_size=1, max_size=5), st.booleans(), st.sampled_from([None, 1]), st.data())
def test_an_edit_changes_its_place_and_not_a_byte_else(
    contents: list[str], ascii_only: bool, indent: int | None, data: st.DataObject
) -> None:
    body: dict[str, Any] = {
        "seed": 1.0,
        "messages": [{"role": "user", "content": text} for text in contents],
        "x": [1e3],
    }
    prompt = read("chat", body, ensure_ascii=ascii_only, indent=indent)
    index = data.draw(st.integers(0, len(contents) - 1))
    text = contents[index]
    bounds = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=2)))
    start, end = (len(text[:bound].encode()) for bound in bounds)
    new = data.draw(TEXT)
    changed = prompt.messages[index].edited({0: [Change(start, end, new.encode())]})
    edited = prompt.rebuilt(
        None, [(n, changed if n == index else m.raw) for n, m in enumerate(prompt.messages)], []
    )
    body["messages"][index]["content"] = text[: bounds[0]] + new + text[bounds[1] :]
    assert json.loads(edited) == body
    span = prompt.spans[index]
    assert edited[: span.start] == prompt.body[: span.start]
    assert edited.endswith(prompt.body[span.end :])
    untouched = [(n, message.raw) for n, message in enumerate(prompt.messages)]
    assert prompt.rebuilt(None, untouched, []) == prompt.body


def test_calls_and_their_answers_are_known_by_their_ids() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "ls", "arguments": "{}"}}
    chat = read(
        "chat",
        {
            "messages": [
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c1", "content": "a"},
            ]
        },
    )
    assert [(c.id, c.name) for c in chat.messages[0].calls] == [("c1", "ls")]
    assert chat.messages[1].answers == ("c1",)
    responses = read(
        "responses",
        {
            "input": [
                {"type": "function_call", "call_id": "c2", "name": "ls", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c2", "output": "a"},
            ]
        },
    )
    assert responses.messages[0].calls[0].id == "c2"
    assert responses.messages[1].answers == ("c2",)
    block = {"type": "tool_result", "tool_use_id": "c3", "content": "a"}
    messages = read(
        "messages",
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "c3", "name": "ls", "input": {}}],
                },
                {"role": "user", "content": [block]},
            ]
        },
    )
    assert [(c.id, c.arguments) for c in messages.messages[0].calls] == [("c3", None)]
    assert messages.messages[1].answers == ("c3",)


def test_tools_have_names_in_every_api() -> None:
    spelled = [
        {"type": "function", "function": {"name": "chat"}},
        {"type": "function", "name": "responses"},
        {"name": "messages", "input_schema": {}},
        {"type": "web_search"},
        {},
    ]
    prompt = read("chat", {"messages": [], "tools": spelled})
    assert [tool.name for tool in prompt.tools] == ["chat", "responses", "messages", "web_search", ""]
    assert read("chat", {"messages": [], "tools": None}).tools == ()


def test_messages_and_tools_can_be_left_out_added_and_moved() -> None:
    prompt = read(
        "messages",
        {"system": "s", "messages": [{"role": "user", "content": t} for t in "ab"], "tools": [{"name": "t"}]},
    )
    rebuilt = prompt.rebuilt(b'"S"', [(1, prompt.messages[1].raw), (None, b"3")], [b"1", b"2"])
    assert json.loads(rebuilt) == {
        "system": "S",
        "messages": [{"role": "user", "content": "b"}, 3],
        "tools": [1, 2],
    }


def test_a_message_that_comes_again_is_the_same_object() -> None:
    body = {"messages": [{"role": "user", "content": "said before"}]}
    assert read("chat", body).messages[0] is read("chat", body).messages[0]
    assert read("chat", body).messages[0] is not read("responses", {"input": body["messages"]}).messages[0]


def test_a_key_that_comes_twice_is_refused_where_its_value_is_long_too() -> None:
    long = json.dumps([{"role": "user", "content": "x" * 100_000}]).encode()
    with pytest.raises(PromptError):
        parse("chat", b'{"messages":' + long + b',"messages":' + long + b"}")


@pytest.mark.parametrize(
    "odd",
    [
        b'{"role":"user","content":"\xff"}',
        b'{"role":"user","role":"system","content":"a"}',
        b'{"role":"\xff","content":"a"}',
    ],
)
def test_a_message_that_cannot_be_read_does_not_hide_the_others(odd: bytes) -> None:
    prompt = parse("chat", b'{"messages":[' + odd + b',{"role":"user","content":"b"}]}')
    assert texts(prompt) == [("user", 1, "b")]
    assert prompt.messages[0].raw == odd


def test_system_text_that_cannot_be_read_is_left_to_the_server() -> None:
    prompt = parse("messages", b'{"system":"\xff","messages":[{"role":"user","content":"b"}]}')
    assert texts(prompt) == [("user", 0, "b")]


def test_what_is_no_text_counts_but_for_its_cache_marker() -> None:
    def image(**more: Any) -> Prompt:
        part = {"type": "image", "source": {"data": "AAAA"}, **more}
        return read("messages", {"messages": [{"role": "user", "content": [part]}]})

    [plain], [marked] = (
        image().messages[0].others,
        image(cache_control={"type": "ephemeral"}).messages[0].others,
    )
    assert plain == marked == b'{"data": "AAAA"}'
