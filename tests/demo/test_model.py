from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from console.demo.build_model import build
from console.demo.conversation import requests
from console.demo.openclaw_system import system_prompt
from console.demo.server import MODEL
from tests.real_llama import LlamaServer

_TOOL = {"type": "function", "function": {"name": "read", "description": "Reads.", "parameters": {}}}


def _rendered(llama: LlamaServer, messages: list[dict[str, Any]], **rest: Any) -> str:
    answer = httpx.post(f"{llama.url}/apply-template", json={"messages": messages, **rest})
    answer.raise_for_status()
    prompt: str = answer.json()["prompt"]
    return prompt


def _tokens(llama: LlamaServer, text: str) -> list[int]:
    tokens: list[int] = httpx.post(f"{llama.url}/tokenize", json={"content": text}).json()["tokens"]
    return tokens


def test_the_shipped_file_is_what_the_script_builds(tmp_path: Path) -> None:
    build(tmp_path / "again.gguf")
    assert (tmp_path / "again.gguf").read_bytes() == MODEL.read_bytes()


def test_it_is_small() -> None:
    assert MODEL.stat().st_size < 500_000


@pytest.mark.parametrize("text", ["Evening Pip.", "4.1 °C – “quoted” 🐚", "\x00\x1b[31m\ttab\r\n", "日本語"])
def test_every_text_survives_the_tokenizer(llama: LlamaServer, text: str) -> None:
    back = httpx.post(f"{llama.url}/detokenize", json={"tokens": _tokens(llama, text)})
    assert back.json()["content"] == text


def test_the_system_prompt_has_a_realistic_number_of_tokens(llama: LlamaServer) -> None:
    assert 12_000 < len(_tokens(llama, system_prompt("6955"))) < 16_000


def test_both_shapes_of_content_render_alike(llama: LlamaServer) -> None:
    texts = [("user", "one two"), ("assistant", "three"), ("user", "four")]
    plain = [{"role": role, "content": text} for role, text in texts]
    parts = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in texts]
    turns = [f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in texts]
    expected = "".join([*turns, "<|im_start|>assistant\n"])
    assert _rendered(llama, plain) == _rendered(llama, parts) == expected


def test_tools_stand_behind_the_system_text(llama: LlamaServer) -> None:
    messages = [{"role": "system", "content": "Be Pip."}, {"role": "user", "content": "hi"}]
    prompt = _rendered(llama, messages, tools=[_TOOL])
    assert prompt.startswith("<|im_start|>system\nBe Pip.\n\n# Tools\n")
    assert prompt.count("# Tools") == 1
    assert '"name": "read"' in prompt[: prompt.index("<|im_start|>user")]
    assert "# Tools" in _rendered(llama, messages[1:], tools=[_TOOL])
    assert "# Tools" not in _rendered(llama, messages)


def test_a_tool_loop_is_rendered(llama: LlamaServer) -> None:
    function = {"name": "read", "arguments": '{"path": "a.txt"}'}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "Look.",
            "tool_calls": [{"id": "x", "type": "function", "function": function}],
        },
        {"role": "tool", "content": "tea", "tool_call_id": "x"},
    ]
    prompt = _rendered(llama, messages, tools=[_TOOL])
    answer = prompt[prompt.index("<|im_start|>assistant") :]
    assert answer == (
        "<|im_start|>assistant\n<think>\nLook.\n</think>\n\n\n<tool_call>\n"
        '{"name": "read", "arguments": {"path": "a.txt"}}\n</tool_call><|im_end|>\n'
        "<|im_start|>tool\ntea<|im_end|>\n<|im_start|>assistant\n"
    )


def test_answers_are_words_and_end_at_the_limit(llama: LlamaServer) -> None:
    (request,) = requests(
        "chat", turns=1, stream=False, max_tokens=40, start=datetime(2026, 2, 18, tzinfo=UTC)
    )
    answer = httpx.post(llama.url + request.path, content=request.body, headers=request.headers, timeout=60)
    choice = json.loads(answer.content.decode())["choices"][0]
    assert choice["finish_reason"] == "length"
    words = choice["message"]["content"].split()
    assert len(words) > 30
    assert all(word.isalpha() and word.islower() for word in words)
