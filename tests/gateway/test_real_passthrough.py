"""What a real llama-server answers, directly and through kvconsole."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from console.demo.openclaw_wire import Api
from tests.gateway.playing import conversation
from tests.real_llama import LlamaServer
from tests.running import running_engine

CONNECTION = {"connection", "keep-alive", "transfer-encoding", "date"}
VARYING = {"timings", "id", "created", "created_at", "completed_at"}
"""Keys of an answer's body that differ from one request to the next."""

SURE = {"temperature": 0, "seed": 1, "cache_prompt": False}

REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "/health", None),
    ("GET", "/props", None),
    ("GET", "/slots", None),
    ("GET", "/metrics", None),
    ("GET", "/v1/models", None),
    ("GET", "/models?a=b", None),
    ("HEAD", "/health", None),
    ("OPTIONS", "/v1/chat/completions", None),
    ("GET", "/", None),
    ("GET", "/nothing/here", None),
    ("DELETE", "/v1/nothing", None),
    ("POST", "/tokenize", {"content": "hello wörld", "add_special": True}),
    ("POST", "/detokenize", {"tokens": [1, 2, 3, 500]}),
    ("POST", "/apply-template", {"messages": [{"role": "user", "content": "hi"}]}),
    ("POST", "/completion", {"prompt": "once upon", "n_predict": 4, **SURE}),
    ("POST", "/v1/completions", {"prompt": "once upon", "max_tokens": 4, **SURE}),
    ("POST", "/infill", {"input_prefix": "a", "input_suffix": "b", "n_predict": 2}),
    ("POST", "/v1/embeddings", {"input": "x"}),
    ("POST", "/rerank", {"query": "a", "documents": ["b"]}),
    ("POST", "/v1/chat/completions", {"messages": "nonsense"}),
    ("POST", "/v1/messages", {"nonsense": 1}),
    (
        "POST",
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": "a"}], "max_tokens": 3, **SURE},
    ),
]


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS, ids=[f"{r[0]} {r[1]}" for r in REQUESTS])
def test_the_answer_is_the_servers_own(llama: LlamaServer, method: str, path: str, body: Any) -> None:
    headers = {"Origin": "http://web.example", "Accept-Encoding": "gzip"}
    with running_engine(llama.url) as run, httpx.Client(trust_env=False, timeout=60) as client:
        direct = client.request(method, llama.url + path, json=body, headers=headers)
        through = client.request(method, run.url + path, json=body, headers=headers)
    assert through.status_code == direct.status_code
    lengths = set() if direct.text == through.text else {"content-length"}
    assert shown(through, CONNECTION | lengths) == shown(direct, CONNECTION | lengths)
    if path == "/metrics":
        assert re.findall(r"^llamacpp:\w+", through.text, re.M) == re.findall(
            r"^llamacpp:\w+", direct.text, re.M
        )
    else:
        assert steady(through) == steady(direct)


def shown(answer: httpx.Response, without: set[str]) -> list[tuple[str, str]]:
    """The headers that say something about the answer and not about its connection."""
    return sorted((key, value) for key, value in answer.headers.multi_items() if key not in without)


def steady(answer: httpx.Response) -> object:
    """The body without what differs each time."""
    if "json" not in answer.headers.get("content-type", "") or not answer.content:
        return answer.content
    document = answer.json()
    if not isinstance(document, dict):
        return document
    return {key: value for key, value in document.items() if key not in VARYING}


COUNTS: dict[Api, str] = {
    "chat": "/v1/chat/completions/input_tokens",
    "responses": "/v1/responses/input_tokens",
    "messages": "/v1/messages/count_tokens",
}


@pytest.mark.parametrize("api", COUNTS)
def test_token_counts_are_those_of_the_normalized_request(llama: LlamaServer, api: Api) -> None:
    request = conversation(api, turns=1)[0]
    with running_engine(llama.url) as run, httpx.Client(trust_env=False, timeout=60) as client:
        direct = client.post(llama.url + COUNTS[api], content=request.body, headers=request.headers)
        counted = client.post(
            run.url + COUNTS[api] + "?beta=true", content=request.body, headers=request.headers
        )
        client.post(run.url + request.path, content=request.body, headers=request.headers)
        [record] = run.wait_ended(1)
    assert counted.json()["input_tokens"] == record.prompt_tokens
    assert counted.json()["input_tokens"] < direct.json()["input_tokens"]
