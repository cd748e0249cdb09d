from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from console.demo.build_model import TEMPLATE
from console.demo.server import MODEL
from proxy_core.counting.template import tools_at
from proxy_core.diagnosis.outline import ToolsAt
from proxy_core.upstream import UpstreamClient
from tests.fake_upstream import FakeUpstream, fake_upstream
from tests.real_llama import LlamaFactory, LlamaServer

_TOOLS = (
    "{% macro declared() %}{% if tools %}<tools>{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
    "</tools>Call them as <tool_call>\n{}\n</tool_call>{% endif %}{% endmacro %}"
)
_LOOP = (
    "{% for message in messages %}BEFORE<|im_start|>{{ message.role }}\n{{ message.content }}"
    "{% for call in message.tool_calls or [] %}<tool_call>\n"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}'
    "\n</tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_TEMPLATES: dict[ToolsAt, str] = {
    "first": _TOOLS + "{{ declared() }}" + _LOOP.replace("BEFORE", ""),
    "before last user": _TOOLS
    + _LOOP.replace("BEFORE", "{% if loop.last and message.role == 'user' %}{{ declared() }}{% endif %}"),
    "nowhere": _LOOP.replace("BEFORE", ""),
}


def model_with(template: str, out: Path) -> Path:
    """The demo's model with another chat template, which must not be longer than its own."""
    own = TEMPLATE.read_bytes()
    model = MODEL.read_bytes()
    assert model.count(own) == 1
    new = template.encode()
    out.write_bytes(model.replace(own, new + b"{#" + b"-" * (len(own) - len(new) - 4) + b"#}"))
    return out


async def ask(url: str, model: str | None = None) -> ToolsAt | None:
    client = UpstreamClient(url, 5.0)
    try:
        return await tools_at(client, model)
    finally:
        await client.close()


async def test_the_demo_declares_tools_behind_the_system_text(llama: LlamaServer) -> None:
    assert await ask(llama.url) == "after system"
    assert await ask(llama.url, "any") == "after system"


@pytest.mark.parametrize("where", _TEMPLATES)
async def test_other_templates(llama_factory: LlamaFactory, tmp_path: Path, where: ToolsAt) -> None:
    model = model_with(_TEMPLATES[where], tmp_path / "model.gguf")
    assert await ask(llama_factory(model=model).url) == where


def test_the_probe_leaves_the_slot_alone(llama_factory: LlamaFactory) -> None:
    server = llama_factory()
    assert asyncio.run(ask(server.url)) == "after system"
    slots = httpx.get(f"{server.url}/slots", trust_env=False).json()
    assert [slot.get("id_task") for slot in slots] == [None]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("401 Unauthorized", b'{"error":{"message":"Invalid API Key"}}'),
        ("404 Not Found", b'{"error":{"message":"File Not Found"}}'),
        ("400 Bad Request", b'{"error":{"message":"model is not loaded"}}'),
        ("200 OK", b"<html>"),
        ("200 OK", b'{"prompt":"something else"}'),
    ],
)
async def test_who_cannot_tell_gives_nothing(fake: FakeUpstream, status: str, body: bytes) -> None:
    asked = asyncio.gather(ask(fake.url))
    call = await asyncio.to_thread(fake.next)
    assert call.target == "/apply-template?autoload=false"
    call.answer(body, status=status)
    [where] = await asked
    assert where is None


async def test_a_sleeping_server_is_not_woken() -> None:
    with fake_upstream(explaining=True, props=b'{"is_sleeping":true}') as fake:
        assert await ask(fake.url) is None
        assert fake.idle()


async def test_a_router_is_told_the_model(fake: FakeUpstream) -> None:
    asked = asyncio.gather(ask(fake.url, "org/a b"))
    props = await asyncio.to_thread(fake.next)
    assert props.target == "/props?model=org%2Fa%20b&autoload=false"
    props.answer(b"{}")
    call = await asyncio.to_thread(fake.next)
    assert json.loads(call.body)["model"] == "org/a b"
    call.answer(b"{}", status="400 Bad Request")
    [where] = await asked
    assert where is None


async def test_nobody_there_gives_nothing(fake: FakeUpstream) -> None:
    url = fake.url
    fake.stop()
    assert await ask(url) is None
