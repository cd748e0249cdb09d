"""Against a real server, which shows in /slots what it made of each request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.counting.chat_form import chat_form
from proxy_core.errors import PromptError
from proxy_core.prompt import Api, parse
from tests.real_llama import running_llama

PATHS: dict[Api, str] = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
}
LENGTH: dict[Api, str] = {"chat": "max_tokens", "responses": "max_output_tokens", "messages": "max_tokens"}

SCHEMA = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "number", "default": 1e5}}}
CHAT_TOOL = {"type": "function", "function": {"name": "read", "description": "Reads.", "parameters": SCHEMA}}
TOOL = {"type": "function", "name": "read", "description": "Reads.", "parameters": SCHEMA, "strict": False}
ANTHROPIC_TOOL = {"name": "read", "description": "Reads.", "input_schema": SCHEMA}

HI = {"role": "user", "content": "hi"}

STAMP = "x-anthropic-billing-header: cc_version=2.1.37; cch=a1b2c;"


def said(text: str, kind: str = "output_text") -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [{"type": kind, "text": text}]}


def thought(text: str) -> dict[str, Any]:
    return {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": text}]}


def called(name: str, arguments: str = '{"a": 1}') -> dict[str, Any]:
    return {"type": "function_call", "call_id": name, "name": name, "arguments": arguments}


def returned(output: object, name: str = "read") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": name, "output": output}


def inputs(*parts: str) -> list[dict[str, str]]:
    return [{"type": "input_text", "text": part} for part in parts]


def result(content: object = "out", **more: object) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "1", **({"content": content} if content else {}), **more}


def use(**arguments: object) -> dict[str, Any]:
    return {"type": "tool_use", "id": "1", "name": "read", "input": arguments}


def texts(*parts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": part} for part in parts]


ASKED: dict[str, tuple[Api, dict[str, Any]]] = {
    "chat": ("chat", {"messages": [{"role": "system", "content": "S"}, HI], "tools": [CHAT_TOOL]}),
    "chat, parts": ("chat", {"messages": [{"role": "user", "content": texts("a", "b")}]}),
    "chat, template's own switches": ("chat", {"messages": [HI], "reasoning_effort": "low"}),
    "input is one string": ("responses", {"input": "hi"}),
    "instructions": ("responses", {"input": "hi", "instructions": "S"}),
    "instructions are null": ("responses", {"input": "hi", "instructions": None}),
    "tools, one that the server has not": (
        "responses",
        {"input": "hi", "tools": [TOOL, {"type": "web_search"}, {**TOOL, "name": "write"}]},
    ),
    "only tools that the server has not": ("responses", {"input": "hi", "tools": [{"type": "web_search"}]}),
    "no call wanted": ("responses", {"input": "hi", "tools": [TOOL], "tool_choice": "none"}),
    "an answer in pieces": (
        "responses",
        {
            "input": [
                {"role": "system", "content": "S"},
                {"role": "user", "content": inputs("a", "b")},
                thought("hm"),
                called("read"),
                called("write", "{}"),
                returned("out"),
                returned(inputs("o1", "o2"), "write"),
                said("A"),
                said("B", "input_text"),
                called("read"),
                returned(""),
                {"role": "developer", "content": "D"},
                HI,
            ],
            "tools": [TOOL],
        },
    ),
    "an answer that ends with thoughts": ("responses", {"input": [HI, said("A"), thought("late"), HI]}),
    "effort": ("responses", {"input": "hi", "reasoning": {"effort": "low", "summary": "auto"}}),
    "format": ("responses", {"input": "hi", "text": {"format": {"type": "text"}}, "store": False}),
    "system": ("messages", {"messages": [HI], "system": "S"}),
    "empty system": ("messages", {"messages": [HI], "system": ""}),
    "system blocks": ("messages", {"messages": [HI], "system": texts("A\n", "B", STAMP + "C")}),
    "stamp": ("messages", {"messages": [HI], "system": STAMP}),
    "no stamp": ("messages", {"messages": [HI], "system": STAMP.replace("c;", "cc;") + " cch=a1b2c;"}),
    "declared": (
        "messages",
        {"messages": [HI], "tools": [ANTHROPIC_TOOL, {"type": "web_search_20250305", "name": "web_search"}]},
    ),
    "choice": (
        "messages",
        {"messages": [HI], "tools": [ANTHROPIC_TOOL], "tool_choice": {"type": "tool", "name": "read"}},
    ),
    "thinking, calls and results": (
        "messages",
        {
            "messages": [
                {"role": "user", "content": [{**texts("a")[0], "cache_control": {"type": "ephemeral"}}]},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "th", "signature": "s"},
                        {"type": "thinking", "thinking": "ought"},
                        *texts("t", "u"),
                        use(z=1.50, a=[12345678901234567890123, -7, 1e-7, 'é\u007f\u0001\\/"', True, None]),
                        use(),
                    ],
                },
                {"role": "user", "content": [result(is_error=True), *texts("more")]},
                {"role": "user", "content": [result(texts("p", "q"))]},
                {"role": "user", "content": [result(None)]},
                {"role": "assistant", "content": [use(path="a")]},
                {"role": "user", "content": [result()]},
            ],
            "tools": [ANTHROPIC_TOOL],
            "thinking": {"type": "enabled", "budget_tokens": 1024},
        },
    ),
    "empty messages": (
        "messages",
        {
            "messages": [
                HI,
                {"role": "user", "content": []},
                {"role": "assistant"},
                {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}]},
                HI,
            ]
        },
    ),
    "prefilled": ("messages", {"messages": [HI, {"role": "assistant", "content": "Well"}]}),
    "switches": ("messages", {"messages": [HI], "chat_template_kwargs": {"enable_thinking": False}}),
}

REFUSED: dict[str, tuple[Api, dict[str, Any]]] = {
    "stored": ("responses", {"input": "hi", "previous_response_id": "resp_1"}),
    "reference": ("responses", {"input": [HI, {"type": "item_reference", "id": "msg_1"}]}),
    "custom call": ("responses", {"input": [HI, {"type": "custom_tool_call", "name": "n", "input": "i"}]}),
    "sealed thoughts": ("responses", {"input": [{"type": "reasoning", "summary": []}, HI]}),
    "bare string": ("responses", {"input": ["hi"]}),
    "chat part": ("responses", {"input": [{"role": "user", "content": texts("a")}]}),
    "image": (
        "messages",
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64"}}]}]},
    ),
    "image of chat": (
        "chat",
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]},
    ),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server that shows prompts in /slots."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLAMA_SERVER_SLOTS_DEBUG", "1")
        log = tmp_path_factory.mktemp("llama") / "server.log"
        with running_llama(log) as llama, httpx.Client(base_url=llama.url, trust_env=False) as client:
            yield client


@pytest.mark.parametrize("name", ASKED)
def test_the_server_evaluates_what_the_form_is_rendered_to(server: httpx.Client, name: str) -> None:
    api, body = ASKED[name]
    form = chat_form(parse(api, json.dumps(body).encode()))
    assert form is not None
    rendered = server.post("/apply-template", content=form).raise_for_status().json()["prompt"]
    server.post(PATHS[api], json={LENGTH[api]: 1, **body}).raise_for_status()
    evaluated = server.get("/slots").json()[0]["prompt"]
    assert _tidied(rendered) == _tidied(evaluated)


def _tidied(prompt: str) -> str:
    """What /slots shows was put together from tokens, and that takes spaces before punctuation away."""
    return re.sub(r" (?=[.,?!])", "", prompt)


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_server_refuses_has_no_form(server: httpx.Client, name: str) -> None:
    api, body = REFUSED[name]
    assert server.post(PATHS[api], json={LENGTH[api]: 1, **body}).is_error
    assert chat_form(parse(api, json.dumps(body).encode())) is None


def test_a_chat_body_stays_as_it_is_but_asks_for_no_stream() -> None:
    told = b'"messages":[ {"role":"user","content":"\\u0041"} ]'
    body = b'{ "stream" : true,' + told + b', "top_k":1.50 ,"x":{"b":1,"a":2}}'
    form = chat_form(parse("chat", body))
    assert form == b"{" + told + b',"top_k":1.50,"x":{"b":1,"a":2}}'


def test_older_builds_evaluate_the_stamp() -> None:
    body = parse("messages", json.dumps({"messages": [HI], "system": STAMP}).encode())
    forms = [chat_form(body, build) for build in (8905, 8906, None)]
    assert [b"cch=a1b2c;" in form for form in forms if form is not None] == [True, False, False]


def test_the_order_and_spelling_of_declared_parameters_is_kept() -> None:
    body = b'{"messages":[],"tools":[{"name":"t","input_schema":{"z":1.0,"a":{"y":1e2,"b":"\\u00e9"}}}]}'
    form = chat_form(parse("messages", body))
    assert form is not None
    assert b'"parameters":{"z":1.0,"a":{"y":1e2,"b":"\\u00e9"}}' in form


KEYS = st.sampled_from(
    ["role", "type", "content", "text", "tool_use_id", "call_id", "name", "arguments", "output", "input"]
)
WORDS = st.sampled_from(
    [
        *("user", "assistant", "system", "tool", "text", "thinking", "tool_use", "tool_result", "image"),
        *("message", "reasoning", "function_call", "function_call_output", "input_text", "output_text", ""),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
ITEMS = st.lists(st.dictionaries(KEYS, VALUES, max_size=5), max_size=4)


@given(
    api=st.sampled_from(list(PATHS)),
    items=ITEMS,
    others=st.dictionaries(
        st.sampled_from(["system", "instructions", "tools", "tool_choice", "reasoning", "model"]), VALUES
    ),
)
def test_no_request_raises(api: Api, items: list[Any], others: dict[str, Any]) -> None:
    body = {**others, ("input" if api == "responses" else "messages"): items}
    try:
        prompt = parse(api, json.dumps(body).encode())
    except PromptError:
        return
    form = chat_form(prompt)
    assert form is None or isinstance(json.loads(form)["messages"], list)
