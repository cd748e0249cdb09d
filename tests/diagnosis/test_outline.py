"""What a prompt is made of, in the order in which the model sees it."""

from __future__ import annotations

import re

import httpx
import pytest

from proxy_core.diagnosis.outline import Outline, ToolsAt, outline
from proxy_core.errors import PromptError
from proxy_core.prompt import Api, parse
from tests.diagnosis.kit import Json, assistant, chat, output, read, system, tool, user
from tests.real_llama import LlamaServer

THINKING = {"type": "thinking", "thinking": "hm", "signature": "abc"}
USE = {"type": "tool_use", "id": "1", "name": "exec", "input": {"command": "ls"}}
RESULT = {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "a.txt"}]}
CALLED = '\n<tool_call>\n{"name": "exec", "arguments": {"command": "ls"}}\n</tool_call>'


def told(found: Outline) -> list[tuple[str, str, str]]:
    return [(c.kind, c.role, c.text.decode()) for c in found.components]


def test_a_chat_is_seen_as_the_template_writes_it() -> None:
    found = chat(
        system("be brief"),
        user("look"),
        assistant("I look.", "hm", "1"),
        output("1", "a.txt"),
        tools=[tool("exec")],
    )
    assert [c.name for c in found.components] == [
        *("system", "tool exec", "message 2 (user)", "message 3 (assistant)", "message 4 (tool)"),
    ]
    assert [c.message for c in found.components] == [0, None, 1, 2, 3]
    call = '\n<tool_call>\n{"name": "exec", "arguments": {"command":"ls"}}\n</tool_call>'
    assert found.components[3].text.decode() == f"<think>\nhm\n</think>\n\nI look.{call}"
    assert found.components[3].seen.said.decode() == f"I look.{call}"


def test_all_apis_look_alike_to_the_model() -> None:
    anthropic = outline(
        read(
            "messages",
            {
                "system": [{"type": "text", "text": "be brief"}],
                "messages": [
                    user("look"),
                    {"role": "assistant", "content": [THINKING, {"type": "text", "text": "I look."}, USE]},
                    {"role": "user", "content": [RESULT]},
                ],
            },
        )
    )
    assert told(anthropic) == [
        ("system", "system", "be brief"),
        ("message", "user", "look"),
        ("message", "assistant", f"<think>\nhm\n</think>\n\nI look.{CALLED}"),
        ("message", "tool", "a.txt"),
    ]
    responses = outline(
        read(
            "responses",
            {
                "instructions": "be brief",
                "input": [
                    {"role": "user", "content": [{"type": "input_text", "text": "look"}]},
                    {
                        "type": "reasoning",
                        "content": [{"type": "reasoning_text", "text": "hm"}],
                        "summary": [],
                    },
                    {
                        "type": "message",
                        "role": "assistant",
                        "content": [{"type": "output_text", "text": "I look."}],
                    },
                    {
                        "type": "function_call",
                        "name": "exec",
                        "arguments": '{"command": "ls"}',
                        "call_id": "1",
                    },
                    {"type": "function_call_output", "call_id": "1", "output": "a.txt"},
                ],
            },
        )
    )
    assert told(responses) == [
        ("system", "system", "be brief"),
        ("message", "user", "look"),
        ("message", "reasoning", "<think>\nhm\n</think>\n\n"),
        ("message", "assistant", "I look."),
        ("message", "assistant", CALLED),
        ("message", "tool", "a.txt"),
    ]


@pytest.mark.parametrize(
    ("at", "order"),
    [
        ("first", "exec system message message message"),
        ("after system", "system exec message message message"),
        ("before last user", "system message message exec message"),
        ("nowhere", "system message message message"),
    ],
)
def test_tools_stand_where_the_template_writes_them(at: ToolsAt, order: str) -> None:
    messages = [system("s"), user("a"), assistant("b"), user("c")]
    found = outline(read("chat", {"messages": messages, "tools": [tool("exec")]}), at)
    assert " ".join(c.tool or c.kind for c in found.components) == order


@pytest.mark.parametrize("at", ["after system", "before last user"])
def test_without_the_message_that_they_belong_to_tools_stand_at_an_end(at: ToolsAt) -> None:
    found = outline(read("chat", {"messages": [assistant("b")], "tools": [tool("exec")]}), at)
    assert [c.kind for c in found.components] == (
        ["tools", "message"] if at == "after system" else ["message", "tools"]
    )


def test_later_system_messages_are_messages() -> None:
    found = chat(system("a"), system("b"), user("c"), system("d"))
    assert [(c.kind, c.name) for c in found.components] == [
        ("system", "system"),
        ("system", "system"),
        ("message", "message 3 (user)"),
        ("message", "message 4 (system)"),
    ]


@pytest.mark.parametrize(
    ("api", "one", "other"),
    [
        # llama-server takes three members of a tool and leaves the order of the others to nobody.
        (
            "chat",
            {"function": {"name": "f", "description": "d", "parameters": {"a": 1}}, "type": "function"},
            {
                "type": "function",
                "function": {"parameters": {"a": 1}, "strict": True, "description": "d", "name": "f"},
            },
        ),
        (
            "messages",
            {"name": "f", "description": "d", "input_schema": {}},
            {"cache_control": {"type": "ephemeral"}, "description": "d", "name": "f", "input_schema": {}},
        ),
        (
            "responses",
            {"type": "function", "name": "f", "description": "d", "parameters": {}},
            {"strict": False, "name": "f", "parameters": {}, "description": "d", "type": "function"},
        ),
    ],
)
def test_what_the_server_leaves_out_of_a_tool_makes_no_difference(api: Api, one: Json, other: Json) -> None:
    first, second = (_tool_of(api, declared) for declared in (one, other))
    assert first.tools[0].same(second.tools[0])
    changed = _tool_of(
        api, {**one, **{"name": "g"}, **({"function": {"name": "g"}} if api == "chat" else {})}
    )
    assert not first.tools[0].same(changed.tools[0])


def _tool_of(api: Api, declared: Json) -> Outline:
    key = "input" if api == "responses" else "messages"
    return outline(read(api, {key: [], "tools": [declared]}))


def test_order_of_keys_in_parameters_reaches_the_model() -> None:
    one, other = tool("f"), tool("f")
    other["function"]["parameters"] = dict(reversed(other["function"]["parameters"].items()))
    assert not chat(tools=[one]).tools[0].same(chat(tools=[other]).tools[0])


def test_tools_that_the_server_skips_are_not_seen() -> None:
    body = {"input": [], "tools": [{"type": "web_search"}, {"type": "function", "name": "f"}]}
    assert [c.tool for c in outline(read("responses", body)).tools] == ["f"]


def test_cache_marks_and_ids_of_calls_are_not_seen() -> None:
    marked = {"type": "text", "text": "look", "cache_control": {"type": "ephemeral"}}
    plain = outline(read("messages", {"messages": [user("look"), {"role": "user", "content": [RESULT]}]}))
    other = {"role": "user", "content": [{**RESULT, "tool_use_id": "2"}]}
    found = outline(read("messages", {"messages": [{"role": "user", "content": [marked]}, other]}))
    assert all(a.same(b) for a, b in zip(plain.components, found.components, strict=True))


def test_images_are_told_apart() -> None:
    one, other = (
        chat({"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:{data}"}}]})
        for data in ("aaaa", "aaab")
    )
    assert not one.components[0].same(other.components[0])
    assert re.fullmatch(rb"\[image_url [0-9a-f]{8}\]", one.components[0].text)


def test_thoughts_within_the_text_are_thoughts() -> None:
    seen = chat(assistant("<think>\nhm\n</think>\n\nyes")).components[0].seen
    assert (seen.text[: seen.thought], seen.said) == (b"<think>\nhm\n</think>\n\n", b"yes")


def test_the_billing_line_is_masked_as_the_server_does() -> None:
    def head(checksum: str) -> Outline:
        line = f"x-anthropic-billing-header: cc_version=2.1.101.e51; cch={checksum};You are Claude Code."
        return outline(read("messages", {"system": [{"type": "text", "text": line}], "messages": []}))

    assert head("a5145").components[0].same(head("b0f42").components[0])
    assert not head("a5145").components[0].same(head("a51455").components[0])


def test_a_picture_weighs_more_than_its_name() -> None:
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    with_picture = chat({"role": "user", "content": [{"type": "text", "text": "look"}, part]})
    assert with_picture.size > chat(user("look [image_url 0123abcd]")).size + 1000


@pytest.mark.parametrize("depth", [100, 900, 990])
def test_deep_nesting_is_no_trouble(depth: int) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    content = b'[{"type":"x","y":' + deep + b"}]"
    body = b'{"messages":[{"role":"user","content":' + content + b'}],"tools":[' + deep + b"]}"
    try:
        prompt = parse("chat", body)
    except PromptError:
        return
    assert outline(prompt).size > 0


@pytest.mark.parametrize(
    "raw",
    [
        b'{"role":"user","content":"a","x":1e999}',
        b"17",
        b"9" * 5000,
        b"null",
        b'{"role":"user","role":"user"}',
        b'"a"',
        b"[[]]",
    ],
)
def test_what_cannot_be_read_is_seen_as_it_is_or_not_at_all(raw: bytes) -> None:
    (found,) = outline(parse("chat", b'{"messages":[' + raw + b"]}")).components
    assert found.size >= len(found.text)


def test_what_was_read_is_not_read_again() -> None:
    prompt = read("chat", {"messages": [user("remembered"), assistant("yes")]})
    again = read("chat", {"messages": [user("remembered"), assistant("no")]})
    first, second = outline(prompt), outline(again)
    assert first.components[0] is second.components[0]
    assert first.components[1] is not second.components[1]


def test_sizes_add_up_and_digits_weigh_more() -> None:
    found = chat(user("abcd"), user("1234"), user("éé"))
    words, digits, foreign = (c.size for c in found.components)
    assert found.size == words + digits + foreign
    assert (digits - words, foreign - words) == (8, 4)


def test_a_real_template_writes_what_is_seen_in_that_order(llama: LlamaServer) -> None:
    thoughtful = assistant("I look.", "hm", "1")
    body = {
        "messages": [system("be brief"), user("look"), thoughtful, output("1", "a.txt"), user("and?")],
        "tools": [tool("exec", 'Says "é".'), tool("read")],
    }
    answer = httpx.post(f"{llama.url}/apply-template", json=body, trust_env=False).raise_for_status()
    rendered = answer.json()["prompt"]
    at = 0
    for component in outline(read("chat", body)).components:
        text = component.text.decode().replace('{"command":"ls"}', '{"command": "ls"}')
        assert text in rendered[at:], component.name
        at = rendered.index(text, at) + len(text)
