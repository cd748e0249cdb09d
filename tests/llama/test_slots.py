from __future__ import annotations

import json
import threading
import time

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.llama.slots import SlotState, read_slots
from tests.real_llama import LlamaFactory


def read(*slots: dict[str, object]) -> tuple[SlotState, ...]:
    states = read_slots(json.dumps(slots).encode())
    assert states is not None
    return states


@pytest.mark.parametrize(
    ("slot", "state"),
    [
        pytest.param(
            # b11549 while a prompt is evaluated.
            {
                "id": 1,
                "n_ctx": 65536,
                "speculative": False,
                "is_processing": True,
                "id_task": 17,
                "n_prompt_tokens": 22279,
                "n_prompt_tokens_processed": 2048,
                "n_prompt_tokens_cache": 18183,
                "params": {"seed": 1},
                "next_token": [{"has_next_token": False, "n_remain": 200, "n_decoded": 0}],
            },
            SlotState(1, True, 17, 65536, 22279, 2048, 18183, 0),
            id="b9276 and later",
        ),
        pytest.param(
            {"id": 0, "n_ctx": 65536, "speculative": False, "is_processing": False},
            SlotState(0, False, None, 65536, None, None, None),
            id="never used",
        ),
        pytest.param(
            {
                "id": 0,
                "id_task": 5,
                "n_ctx": 4096,
                "is_processing": True,
                "prompt": "text",
                "next_token": {"has_next_token": True, "n_decoded": 3, "stopping_word": ""},
            },
            SlotState(0, True, 5, 4096, None, None, None, 3),
            id="an object, until b6722",
        ),
        pytest.param(
            {"id": 0, "task_id": 5, "state": 1, "n_ctx": 512, "next_token": {"n_decoded": 0}},
            SlotState(0, True, 5, 512, None, None, None, 0),
            id="a state, 2024",
        ),
        pytest.param(
            {"id": 0, "id_task": -1, "state": 0, "next_token": []},
            SlotState(0, False, None, None, None, None, None),
            id="no task",
        ),
    ],
)
def test_every_era(slot: dict[str, object], state: SlotState) -> None:
    assert read(slot) == (state,)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"error":{"code":501}}', b"[1]", b'[{"id":"x"}]', b"\xff", b"[" * 5000]
)
def test_what_is_no_list_of_slots(body: bytes) -> None:
    assert read_slots(body) is None


@given(st.binary(max_size=60))
def test_no_answer_raises(body: bytes) -> None:
    states = read_slots(body)
    assert states is None or all(isinstance(state, SlotState) for state in states)


def test_what_the_figures_mean_on_a_real_server(llama_factory: LlamaFactory) -> None:
    server = llama_factory(parallel=1, ctx=131072, threads=1)
    text = "word and thing number " * 8_000

    def ask(prompt: str) -> dict[str, int]:
        body = {"prompt": prompt, "n_predict": 1}
        reply = httpx.post(f"{server.url}/completion", json=body, timeout=120, trust_env=False)
        timings: dict[str, int] = reply.json()["timings"]
        return timings

    first = ask(text[:40_000])
    answers: list[dict[str, int]] = []
    thread = threading.Thread(target=lambda: answers.append(ask(text)))
    thread.start()
    seen: list[SlotState] = []
    while thread.is_alive():
        (state,) = read_slots(httpx.get(f"{server.url}/slots", timeout=60, trust_env=False).content) or ()
        seen.append(state)
        time.sleep(0.01)
    thread.join()
    evaluating = [state for state in seen if state.busy and not state.n_generated and state.n_cached]
    assert evaluating, "the prompt was over before anybody looked"
    whole = answers[0]["cache_n"] + answers[0]["prompt_n"]
    assert answers[0]["cache_n"] >= first["prompt_n"] - 1
    for state in evaluating:
        assert state.n_cached == answers[0]["cache_n"]
        assert state.n_prompt is not None
        assert state.n_done is not None
        assert state.n_cached + state.n_done <= state.n_prompt <= whole
    done = [state.n_done or 0 for state in evaluating]
    assert done == sorted(done)
    assert len(set(done)) > 1
