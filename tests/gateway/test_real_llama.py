"""The main promise on a real llama-server: OpenClaw's conversation keeps its cache, on every API."""

from __future__ import annotations

import json

import httpx
import pytest

from console.demo.openclaw_wire import Api
from proxy_core.exchange import Record
from tests.gateway.playing import conversation, logged, play, reused_at_turn_starts
from tests.real_llama import LlamaFactory
from tests.running import Running, asked, running_engine

TURNS = 5
APIS: tuple[Api, ...] = ("chat", "responses", "messages")
ROUNDING_MS = 0.0051
"""The log has two decimals, the answer three."""


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("api", APIS)
def test_turns_reuse_the_prompt_through_kvconsole_and_not_directly(
    llama_factory: LlamaFactory, api: Api, stream: bool
) -> None:
    played = conversation(api, turns=TURNS, stream=stream)
    direct, behind = llama_factory(), llama_factory()
    play(direct.url, played)
    lost = reused_at_turn_starts(played, logged(direct.log_path, len(played)))
    with running_engine(behind.url, log=(behind.log_path,)) as run:
        play(run.url, played)
        records = run.wait_for(lambda: joined(run, len(played)), "the join of every request with its turn")
    kept = reused_at_turn_starts(played, logged(behind.log_path, len(played)))
    assert len(lost) == len(kept) == TURNS - 1
    assert max(lost) < 0.35
    assert min(kept) > 0.95
    for record in records:
        check_record(record, api)
    assert [record.sim is not None for record in records] == [False] + [True] * (len(records) - 1)
    assert all(record.f_keep is not None for record in records[1:])
    tasks = [record.turn.task or 0 for record in records if record.turn]
    assert tasks == sorted(set(tasks))


def joined(run: Running, count: int) -> list[Record] | None:
    records = [record for record in run.prompts() if not record.open and record.turn is not None]
    return records if len(records) == count else None


def check_record(record: Record, api: Api) -> None:
    """What the answer says of its cost is what the log says of the turn."""
    assert record.exchange is not None
    assert record.turn is not None
    answer, turn = record.exchange.answer, record.turn
    assert record.exchange.status == "done"
    assert record.exchange.client == "openclaw"
    assert record.exchange.edits
    assert answer.prompt_n == turn.prompt_n == record.prompt_n
    assert answer.cached_n == turn.cached_n == record.cached_n
    assert answer.gen_n == turn.gen_n
    assert record.prompt_ms is not None
    assert turn.prompt_ms is not None
    assert abs(record.prompt_ms - turn.prompt_ms) <= ROUNDING_MS
    if api == "chat":
        assert answer.prompt_ms == record.prompt_ms


@pytest.mark.parametrize("api", APIS)
def test_without_a_log_turns_show_from_their_answers(llama_factory: LlamaFactory, api: Api) -> None:
    played = conversation(api, turns=2)
    with running_engine(llama_factory().url) as run:
        play(run.url, played)
        records = run.wait_ended(len(played))
        assert len(records) == len(played)
        assert all(record.turn is None and record.sim is None and record.f_keep is None for record in records)
        assert all(record.reused is not None and record.reused > 0.95 for record in records[1:])
        # Anthropic's usage has no times.
        assert [record.prompt_ms is not None for record in records] == [api != "messages"] * len(records)


def test_without_rules_the_server_sees_what_the_client_sent(llama_factory: LlamaFactory) -> None:
    played = conversation("chat", turns=3)
    server = llama_factory()
    with running_engine(server.url, rules=False) as run:
        play(run.url, played)
        assert not any(record.exchange.edits for record in run.wait_ended(len(played)) if record.exchange)
    assert max(reused_at_turn_starts(played, logged(server.log_path, len(played)))) < 0.35


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_requests_beside_a_running_one_join_their_own_turns(llama_factory: LlamaFactory, path: str) -> None:
    server = llama_factory(parallel=2)
    long = {"stream": True, "ignore_eos": True, "max_tokens": 10_000, "messages": [user("go on and on")]}
    with running_engine(server.url, log=(server.log_path,)) as run:
        with asked(run, "POST", "/v1/chat/completions", json.dumps(long).encode()) as client:
            answer = client.getresponse()
            assert answer.read1(65536)
            for words in (300, 400, 500):
                short = {"stream": True, "max_tokens": 5, "messages": [user("word " * words)]}
                httpx.post(run.url + path, json=short, timeout=60, trust_env=False).raise_for_status()
            answer.read()
        records = run.wait_for(lambda: joined(run, 4), "the join of all four")
    for record in records:
        assert record.exchange is not None
        assert record.turn is not None
        answered = record.exchange.answer
        assert (answered.prompt_n, answered.gen_n) == (record.turn.prompt_n, record.turn.gen_n)
    tasks = [record.turn.task for record in records if record.turn]
    slots = [record.turn.slot for record in records if record.turn]
    assert len(set(tasks)) == 4
    assert slots[0] not in slots[1:]


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def test_a_turn_of_a_direct_client_is_a_record_of_its_own(
    llama_factory: LlamaFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy_core.join.GRACE", 0.2)
    server = llama_factory()
    with running_engine(server.url, log=(server.log_path,)) as run:
        httpx.post(f"{server.url}/completion", json={"prompt": "a b c", "n_predict": 2}, trust_env=False)
        record = run.wait_for(
            lambda: next((r for r in run.records().values() if r.exchange is None), None), "a turn alone"
        )
        assert record.at is not None
        assert record.turn is not None
        assert (record.prompts, record.open, record.total_ms) == (True, False, record.turn.total_ms)
        assert record.prompt_ms is not None
