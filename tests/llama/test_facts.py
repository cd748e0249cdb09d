from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.llama.facts import Upstream, health_state, with_props

UP = Upstream("http://127.0.0.1:8080", "up")

# GET /props of b11549, shortened.
PROPS = {
    "default_generation_settings": {"params": {"seed": 1}, "n_ctx": 65536, "speculative": False},
    "total_slots": 4,
    "model_alias": "qwen3",
    "model_path": "/models/Qwen3-4B-Q4_K_M.gguf",
    "chat_template": "{% x %}",
    "chat_template_caps": {"supports_tools": True, "supports_preserve_reasoning": True},
    "endpoint_slots": True,
    "is_sleeping": False,
    "build_info": "b10587-1a2b3c4",
}


def props(**changes: object) -> Upstream:
    document = {key: value for key, value in {**PROPS, **changes}.items() if value is not None}
    return with_props(UP, 200, json.dumps(document).encode())


def test_all_facts() -> None:
    expected = Upstream(
        UP.url,
        "up",
        build="b10587",
        model="qwen3",
        slots=4,
        ctx=65536,
        build_info="b10587-1a2b3c4",
        slots_endpoint=True,
        supports_reasoning_preserve=True,
    )
    assert replace(props(), template=None) == expected


def test_builds_that_tell_less() -> None:
    told = props(chat_template=None, chat_template_caps=None, endpoint_slots=None, is_sleeping=None)
    assert (told.template, told.template_clock, told.supports_reasoning_preserve) == (None, None, None)
    assert (told.slots_endpoint, told.sleeping) == (None, False)


def test_another_template_is_noticed() -> None:
    digests = {
        props(chat_template="{% y %}").template,
        props().template,
        props(chat_template_tool_use="{% y %}").template,
    }
    assert len(digests) == 3
    assert all(digest and len(digest) == 16 for digest in digests)


def test_a_clock_in_the_template() -> None:
    assert props(chat_template="{{ strftime_now('%Y-%m-%d') }}").template_clock == "strftime_now('%Y-%m-%d')"


def test_sleep_is_told() -> None:
    assert props(is_sleeping=True).sleeping


@pytest.mark.parametrize(("status", "state"), [(200, "up"), (503, "loading"), (404, "up"), (401, "up")])
def test_health(status: int, state: str) -> None:
    assert health_state(status) == state


@pytest.mark.parametrize(
    ("info", "build"),
    [
        ("b10587-1a2b3c4", "b10587"),
        ("b7", "b7"),
        ("b0-unknown", None),
        ("", None),
        (None, None),
        ("0.6.0-with-a-long-tail", "0.6.0-with-a-lon"),
    ],
)
def test_build(info: str | None, build: str | None) -> None:
    assert props(build_info=info).build == build


@pytest.mark.parametrize(
    ("alias", "path", "model"),
    [
        (None, "/m/Qwen3-4B.gguf", "Qwen3-4B"),
        ("", "C:\\models\\a b.gguf", "a b"),
        ("org/name", "/m/x.gguf", "name"),
        (None, None, None),
    ],
)
def test_model(alias: str | None, path: str | None, model: str | None) -> None:
    assert props(model_alias=alias, model_path=path).model == model


def test_a_router_has_no_model_of_its_own() -> None:
    assert props(role="router").model == "router"


def test_a_locked_server_says_so() -> None:
    locked = with_props(UP, 401, b"{}")
    assert locked.state == "up"
    assert "API key" in (locked.reason or "")


@given(status=st.sampled_from([200, 404, 500]), body=st.binary(max_size=80))
def test_garbage_only_gives_a_reason(status: int, body: bytes) -> None:
    facts = with_props(UP, status, body)
    assert (facts.url, facts.state) == (UP.url, "up")
    if body.strip()[:1] != b"{":
        assert facts.reason == f"it answers /props with {status}: not a llama-server?"
