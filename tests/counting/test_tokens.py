"""Counts against those of a real server, and against what it measures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import httpx
import msgspec
import pytest

from console.demo.openclaw_wire import Api
from proxy_core.counting.tokens import TokenCounter
from proxy_core.prompt import Prompt, parse
from proxy_core.upstream import UpstreamClient
from tests.counting.test_chat_form import ANTHROPIC_TOOL, CHAT_TOOL, TOOL
from tests.fake_upstream import FakeUpstream, fake_upstream
from tests.gateway.playing import conversation
from tests.real_llama import LlamaFactory, LlamaServer

APIS: tuple[Api, ...] = ("chat", "responses", "messages")

COUNTERS: dict[Api, str] = {
    "chat": "/v1/chat/completions/input_tokens",
    "responses": "/v1/responses/input_tokens",
    "messages": "/v1/messages/count_tokens",
}


class Spying(UpstreamClient):
    """Remembers how much it was made to send."""

    def __init__(self, base: str) -> None:
        super().__init__(base, 5.0)
        self.posted: list[tuple[str, int]] = []

    async def post(self, path: str, body: bytes, read_timeout: float) -> tuple[int, bytes]:
        self.posted.append((path.partition("?")[0], len(body)))
        return await super().post(path, body, read_timeout)

    def tokenized(self) -> list[int]:
        """Bytes of each request to cut a text, since the last call."""
        found = [size for path, size in self.posted if path == "/tokenize"]
        self.posted.clear()
        return found


@pytest.fixture
async def client(llama: LlamaServer) -> AsyncIterator[Spying]:
    client = Spying(llama.url)
    yield client
    await client.close()


@pytest.fixture
def counter(client: Spying) -> TokenCounter:
    return TokenCounter(client)


def spoken(api: Api) -> list[Prompt]:
    """OpenClaw's first requests, tool loops included."""
    return [parse(api, request.body) for request in conversation(api, turns=3, stream=False)]


def changed(prompt: Prompt, change: Callable[[dict[str, Any]], None]) -> Prompt:
    """The same request, with something else in it."""
    body = json.loads(prompt.body)
    change(body)
    return parse(prompt.api, json.dumps(body).encode())


def chat(*texts: str, **more: object) -> Prompt:
    roles = ("system", "user", "assistant")
    messages = [
        {"role": roles[min(number, 2 - number % 2)], "content": text} for number, text in enumerate(texts)
    ]
    return parse("chat", msgspec.json.encode({"messages": messages, **more}))


@pytest.mark.parametrize("api", APIS)
async def test_a_conversation_counts_as_the_server_counts(
    llama: LlamaServer, counter: TokenCounter, api: Api
) -> None:
    prompts = spoken(api)
    async with httpx.AsyncClient(base_url=llama.url, trust_env=False) as own:
        counts = []
        for prompt in prompts:
            answer = (await own.post(COUNTERS[api], content=prompt.body)).raise_for_status()
            counts.append(answer.json()["input_tokens"])
    for number in range(1, len(prompts)):
        shared = await counter.shared(prompts[number - 1], prompts[number])
        assert shared is not None
        assert (shared.previous, shared.current) == (counts[number - 1], counts[number])


async def test_everything_of_a_prompt_that_goes_on(counter: TokenCounter) -> None:
    previous, current = chat("S", "one"), chat("S", "one", "two", "three")
    shared = await counter.shared(previous, current)
    assert shared is not None
    assert shared.tokens == shared.previous < shared.current
    assert shared.excerpt is None


async def test_one_token_is_always_evaluated(counter: TokenCounter) -> None:
    shared = await counter.shared(chat("S", "one"), chat("S", "one", stream=True))
    assert shared is not None
    assert shared.tokens == shared.current - 1 == shared.previous - 1
    shared = await counter.shared(chat("S", "one", "two", "three"), chat("S", "one"))
    assert shared is not None
    assert shared.tokens == shared.current - 1


async def test_the_text_around_the_difference(counter: TokenCounter) -> None:
    shared = await counter.shared(
        chat("First line.\nIt is Märch now.\nLast line.", "hi"),
        chat("First line.\nIt is Märtz now.\nLast line.", "hi"),
    )
    assert shared is not None
    assert shared.excerpt is not None
    assert shared.excerpt.shared.endswith("First line.\nIt is Mär")
    assert (shared.excerpt.previous, shared.excerpt.current) == ("ch", "tz")
    assert shared.text_offset == len("<|im_start|>system\nFirst line.\nIt is Mär".encode())


def _system(body: dict[str, Any]) -> None:
    system = body.get("system") or body.get("instructions")
    if isinstance(system, str):
        body["system" if "system" in body else "instructions"] = _edited(system)
        return
    told = system[0] if system else body["input" if "input" in body else "messages"][0]
    key = "text" if system else "content"
    if isinstance(told[key], str):
        told[key] = _edited(told[key])
    else:
        told[key][0]["text"] = _edited(told[key][0]["text"])


def _edited(text: str) -> str:
    half = len(text) // 2
    return f"{text[:half]} MOVED {text[half:]}"


def _tools(body: dict[str, Any]) -> None:
    body["tools"][3:5] = reversed(body["tools"][3:5])


def _message(body: dict[str, Any]) -> None:
    said = body.get("input") or body["messages"]
    [*_, asked] = [one for one in said[:4] if one.get("role") == "user"]
    content = asked["content"]
    if isinstance(content, str):
        asked["content"] = _edited(content)
    else:
        content[-1]["text"] = _edited(content[-1]["text"])


@pytest.mark.parametrize("change", [_system, _tools, _message])
@pytest.mark.parametrize("api", APIS)
async def test_the_server_reuses_what_was_counted(
    llama_factory: LlamaFactory, counter: TokenCounter, api: Api, change: Callable[[dict[str, Any]], None]
) -> None:
    previous, now = spoken(api)[1:3]
    current = changed(now, change)
    shared = await counter.shared(previous, current)
    assert shared is not None
    assert 20 < shared.tokens < shared.previous - 20
    paths: dict[Api, str] = {"chat": "/v1/chat/completions", "responses": "/v1/responses"}
    async with httpx.AsyncClient(base_url=llama_factory().url, trust_env=False, timeout=60.0) as own:
        for prompt in (previous, current):
            answer = await own.post(paths.get(api, "/v1/messages"), content=prompt.body)
            usage = answer.raise_for_status().json()["usage"]
    if api == "messages":
        measured = usage["cache_read_input_tokens"]
    else:
        details = usage.get("prompt_tokens_details") or usage["input_tokens_details"]
        measured = details["cached_tokens"]
    assert abs(measured - shared.tokens) <= 1


async def test_a_known_prompt_is_not_asked_for_again(client: Spying, counter: TokenCounter) -> None:
    first, second = spoken("chat")[:2]
    await counter.shared(first, second)
    client.posted.clear()
    assert await counter.shared(first, second) is not None
    assert client.posted == []
    counter.forget()
    await counter.shared(first, second)
    assert len(client.posted) == 4


@pytest.mark.parametrize("api", APIS)
async def test_what_begins_alike_is_cut_from_the_difference_on(
    llama: LlamaServer, client: Spying, counter: TokenCounter, api: Api
) -> None:
    prompts = spoken(api)
    pairs = [
        *pairwise(prompts),
        (prompts[2], changed(prompts[2], _message)),
        (prompts[2], _longer(prompts[2])),
    ]
    for before, now in pairs:
        found = await counter.shared(before, now)
        cut = client.tokenized()
        fresh = UpstreamClient(llama.url, 5.0)
        assert found == await TokenCounter(fresh).shared(before, now)
        await fresh.close()
    assert found is not None
    assert found.tokens > found.previous - 10
    assert len(cut) == 1
    assert cut[0] < len(now.body) / 10


def _longer(prompt: Prompt) -> Prompt:
    said = {"role": "user", "content": "And now?"}
    return changed(
        prompt, lambda body: body["input" if prompt.api == "responses" else "messages"].append(said)
    )


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        ("401 Unauthorized", b'{"error":{"message":"Invalid API Key"}}', "API key"),
        ("404 Not Found", b'{"error":{"message":"File Not Found"}}', "no /apply-template"),
        ("400 Bad Request", b'{"error":{"message":"model is\\nnot loaded"}}', "400: model is not loaded"),
        ("503 Service Unavailable", b"<html>", "503: no reason given"),
        ("200 OK", b"<html>", "holds no prompt"),
        ("200 OK", b'{"prompt":3}', "holds no prompt"),
    ],
)
async def test_a_refusal_is_told(fake: FakeUpstream, status: str, body: bytes, problem: str) -> None:
    client = UpstreamClient(fake.url, 5.0)
    counter = TokenCounter(client)
    asked = asyncio.gather(counter.shared(chat("a"), chat("b")))
    call = await asyncio.to_thread(fake.next)
    call.answer(body, status=status)
    [shared] = await asked
    assert shared is None
    assert problem in (counter.problem or "")
    await client.close()


async def test_tokens_that_cannot_be_read_are_told(fake: FakeUpstream) -> None:
    client = UpstreamClient(fake.url, 5.0)
    counter = TokenCounter(client)
    asked = asyncio.gather(counter.shared(chat("a"), chat("b")))
    (await asyncio.to_thread(fake.next)).answer(b'{"prompt":"a"}')
    (await asyncio.to_thread(fake.next)).answer(b'{"tokens":"a"}')
    [shared] = await asked
    assert shared is None
    assert "/tokenize" in (counter.problem or "")
    await client.close()


async def test_a_router_is_told_the_model(fake: FakeUpstream) -> None:
    client = UpstreamClient(fake.url, 5.0)
    asked = asyncio.gather(TokenCounter(client).shared(chat("a", model="m"), chat("a", model="m", x=1)))
    (await asyncio.to_thread(fake.next)).answer(b"{}")
    for number, answer in enumerate([b'{"prompt":"ab"}', b'{"tokens":[1,2]}'] * 2):
        call = await asyncio.to_thread(fake.next)
        assert json.loads(call.body)["model"] == "m"
        assert call.target.endswith("?autoload=false")
        assert call.values("content-type") == ["application/json"]
        assert call.target.startswith("/tokenize" if number % 2 else "/apply-template")
        call.answer(answer)
    [shared] = await asked
    assert shared is not None
    assert (shared.tokens, shared.previous, shared.current) == (1, 2, 2)
    await client.close()


async def test_a_sleeping_server_is_not_woken() -> None:
    with fake_upstream(explaining=True, props=b'{"is_sleeping":true}') as fake:
        client = UpstreamClient(fake.url, 5.0)
        counter = TokenCounter(client)
        assert await counter.shared(chat("a"), chat("b")) is None
        assert "sleep" in (counter.problem or "")
        assert fake.idle()
        await client.close()


async def test_a_server_that_does_not_answer_is_told(
    fake: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy_core.counting.tokens._SECONDS", 0.2)
    client = UpstreamClient(fake.url, 5.0)
    counter = TokenCounter(client)
    assert await counter.shared(chat("a"), chat("b")) is None
    assert fake.next().target.startswith("/apply-template")
    assert counter.problem
    await client.close()


async def test_little_room_costs_time_and_no_figure(
    client: Spying, counter: TokenCounter, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = spoken("chat")[:2]
    plenty = await counter.shared(first, second)
    monkeypatch.setattr("proxy_core.counting.tokens._KEPT_BYTES", 1)
    counter.forget()
    assert await counter.shared(first, second) == plenty
    client.posted.clear()
    assert await counter.shared(first, second) == plenty
    assert len(client.posted) == 4


async def test_nobody_there_is_told(fake: FakeUpstream) -> None:
    client = UpstreamClient(fake.url, 5.0)
    fake.stop()
    counter = TokenCounter(client)
    assert await counter.shared(chat("a"), chat("b")) is None
    assert "cannot be asked" in (counter.problem or "")
    await client.close()


async def test_what_is_too_long_or_no_text_is_not_sent(client: Spying, counter: TokenCounter) -> None:
    assert await counter.shared(chat("a" * 2_200_000), chat("b")) is None
    assert "2 MB" in (counter.problem or "")
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}
    assert await counter.shared(chat("b"), parse("chat", json.dumps({"messages": [image]}).encode())) is None
    assert "Images" in (counter.problem or "")
    assert [path for path, _ in client.posted] == ["/apply-template", "/tokenize"]
    assert await counter.shared(chat("a"), chat("b")) is not None
    assert counter.problem is None


@pytest.mark.parametrize(
    ("api", "tool"), [("chat", CHAT_TOOL), ("responses", TOOL), ("messages", ANTHROPIC_TOOL)]
)
async def test_a_tool_more(counter: TokenCounter, api: Api, tool: dict[str, Any]) -> None:
    previous = spoken(api)[0]
    current = changed(previous, lambda body: body["tools"].append(tool))
    shared = await counter.shared(previous, current)
    assert shared is not None
    assert shared.current > shared.previous > shared.tokens
    assert shared.excerpt is not None
