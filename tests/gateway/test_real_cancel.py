"""A client that goes away frees its slot, seen on a real llama-server."""

from __future__ import annotations

import json

import httpx

from proxy_core.events import LogRead
from proxy_core.exchange import Record
from proxy_core.llama.turns import Turn
from tests.real_llama import LlamaFactory, LlamaServer
from tests.running import Running, asked, running_engine

CHAT = "/v1/chat/completions"
CONTEXT = 65536


def is_processing(server: LlamaServer) -> bool:
    slots = httpx.get(f"{server.url}/slots", timeout=60, trust_env=False).json()
    return any(slot["is_processing"] for slot in slots)


def cancelled_turn(run: Running) -> Turn:
    """The turn that was logged as cancelled, once it is joined with its exchange."""

    def found() -> Record | None:
        return next((record for record in run.prompts() if record.turn is not None), None)

    record = run.wait_for(found, "the join of the cancelled turn")
    assert record.exchange is not None
    assert record.exchange.status == "cancelled"
    assert record.turn is not None
    assert record.turn.cancelled
    return record.turn


def test_leaving_in_a_stream_frees_the_slot(llama_factory: LlamaFactory) -> None:
    server = llama_factory(ctx=CONTEXT)
    body = {
        "messages": [{"role": "user", "content": "tell me everything"}],
        "stream": True,
        "ignore_eos": True,
        "max_tokens": 60_000,
    }
    with running_engine(server.url, log=(server.log_path,)) as run:
        with asked(run, "POST", CHAT, json.dumps(body).encode()) as client:
            answer = client.getresponse()
            assert b"data: " in answer.read1(65536)
            assert is_processing(server)
            answer.close()
        turn = cancelled_turn(run)
        assert not is_processing(server)
    # It would have gone on for a long time.
    assert turn.end_n is not None
    assert turn.end_n < 30_000


def test_leaving_in_a_prefill_frees_the_slot(llama_factory: LlamaFactory) -> None:
    server = llama_factory(ctx=CONTEXT)
    text = " ".join(f"number {number} of many" for number in range(11_000))
    body = json.dumps({"messages": [{"role": "user", "content": text}], "max_tokens": 1}).encode()
    with running_engine(server.url, log=(server.log_path,)) as run:
        counted = httpx.post(f"{run.url}{CHAT}/input_tokens", content=body, timeout=60, trust_env=False)
        with asked(run, "POST", CHAT, body):
            # Not seen in /slots: llama-server looks for clients that left only after a second in which it
            # answered nobody, so that frequent questions would keep it from looking (measured on b11549).
            run.wait_for(lambda: has_begun(run), "the beginning of the prefill")
        turn = cancelled_turn(run)
        assert not is_processing(server)
    assert turn.prompt_n is None
    assert turn.end_n is not None
    assert turn.end_n < counted.json()["input_tokens"]


def has_begun(run: Running) -> bool:
    return any("processing task" in line.text for event in run.of(LogRead) for line in event.lines)
