"""Turns explained by a running kvconsole under odd conditions: side by side, after restarts, with faults."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from proxy_core import explainer
from proxy_core.events import RecordChanged, UpstreamChanged
from proxy_core.exchange import Record
from tests.diagnosis.scenes import Scene, headline, scene, talk, verdict, words
from tests.diagnosis.told import Ran, Told
from tests.fake_upstream import Call, FakeUpstream, fake_upstream
from tests.real_llama import LlamaFactory, running_llama, stop
from tests.rules.talk import assistant, user
from tests.running import BOUND, Running, asked, running_engine

READ = Ran(1400, 0)


@pytest.fixture
def told(fake: FakeUpstream, tmp_path: Path) -> Iterator[Told]:
    """A scripted server without a log."""
    with scene(fake.url) as found:
        yield Told(found, fake, tmp_path / "nowhere.log")


def post(run: Running, body: dict[str, object], session: str = "main") -> None:
    sent = json.dumps(body).encode()
    url = f"{run.url}/v1/chat/completions"
    headers = {"X-Session-Id": session}
    httpx.post(url, content=sent, headers=headers, timeout=BOUND, trust_env=False).raise_for_status()


def leave(scene_: Scene, body: dict[str, object], seconds: float) -> Record:
    """Send a stream and go away after a while."""
    raw = json.dumps({**body, "stream": True}).encode()
    with asked(scene_.run, "POST", "/v1/chat/completions", raw, [("X-Session-Id", "main")]):
        time.sleep(seconds)
    return scene_.explained(logged=False)


def test_requests_side_by_side_are_no_eviction(llama_factory: LlamaFactory) -> None:
    server = llama_factory(parallel=2, cache_ram=0, threads=1)
    with scene(server.url, server.log_path) as two:
        two.ask(talk(2))

        def branch(number: int) -> None:
            messages = [*talk(2), assistant("So."), user(f"Branch {number}: {words(40, 'branch')}")]
            post(two.run, {"model": "tiny", "messages": messages, "max_tokens": 2000})

        with ThreadPoolExecutor() as both:
            list(both.map(branch, range(2)))
        first, second = two.explained(), two.explained()
        # Which of them the server takes first is its own affair.
        went_on, taken = sorted((first, second), key=lambda record: record.prompt_n or 0)
        assert headline(went_on) == "healthy"
        assert headline(taken) == f"slot taken: by request {went_on.id}, at the same time"


def test_a_prompt_that_was_left_half_way_is_no_loss_of_what_was_never_read(
    llama_factory: LlamaFactory,
) -> None:
    server = llama_factory(cache_ram=0, threads=1)
    with scene(server.url, server.log_path) as found:
        found.ask(talk(1))
        gone = leave(found, {"model": "tiny", "messages": talk(150), "max_tokens": 4}, 0.1)
        record = found.ask(talk(150))
        assert headline(gone) == "cancelled"
        assert record.diagnosis is not None
        assert record.diagnosis.predecessor == gone.id
        # How far the server came, and whether its log was joined, is a matter of milliseconds.
        assert verdict(record).cause in ("cancelled", "healthy")
        assert record.diagnosis.lost_n in (0, None)


@pytest.mark.parametrize("logged", [True, False])
def test_a_restart_that_kvconsole_saw_is_told_with_and_without_a_log(
    llama_factory: LlamaFactory, logged: bool
) -> None:
    server = llama_factory(cache_ram=0, threads=1)
    logs = (server.log_path,) if logged else ()
    with scene(server.url, *logs) as found:
        found.ask(talk(2), logged=logged)
        stop(server.process)

        def state(wanted: str) -> bool:
            told = found.run.of(UpstreamChanged)
            return bool(told) and told[-1].upstream.state == wanted

        found.run.wait_for(lambda: state("down"), "the server's end")
        port = int(server.url.rpartition(":")[2])
        with running_llama(server.log_path, port=port, cache_ram=0, threads=1):
            found.run.wait_for(lambda: state("up"), "the server's start")
            record = found.ask(talk(3), logged=logged)
            assert headline(record) == "cache lost: the server was restarted"


def test_one_slot_needs_no_log_to_know_who_took_it(llama_factory: LlamaFactory) -> None:
    server = llama_factory(cache_ram=0, threads=1)
    with scene(server.url) as found:
        found.run.wait_for(lambda: found.run.of(UpstreamChanged), "the server's facts")
        found.ask(talk(2), logged=False)
        side = found.ask([user(f"Write a title. {words(30, 'title')}")], session="side", logged=False)
        record = found.ask(talk(3), logged=False)
        assert headline(record).startswith("slot taken: by “Write a title.")
        assert f"Request {side.id} " in verdict(record).evidence[0]


def test_prompts_that_are_not_compared_are_judged_by_their_figures(llama_factory: LlamaFactory) -> None:
    server = llama_factory(cache_ram=0, threads=1)
    with scene(server.url, server.log_path) as found:
        first = found.send("/completion", {"prompt": words(50), "n_predict": 4})
        second = found.send("/completion", {"prompt": words(100), "n_predict": 4})
        assert headline(first) == "cold start"
        assert headline(second) == "healthy"
        assert second.diagnosis is not None
        assert second.diagnosis.why_none == "kvconsole does not compare prompts of this kind"


def test_a_conversation_that_kvconsole_joins_in_its_midst_is_not_cold(llama_factory: LlamaFactory) -> None:
    server = llama_factory(cache_ram=0, threads=1)
    body = {"messages": talk(2), "max_tokens": 4}
    url = f"{server.url}/v1/chat/completions"
    httpx.post(url, json=body, timeout=BOUND, trust_env=False).raise_for_status()
    with scene(server.url, server.log_path) as found:
        past = found.run.wait_for(lambda: list(found.run.records().values()), "the past turn")[0]
        assert past.exchange is None
        found._seen = past.id
        record = found.ask(talk(3))
        assert headline(record) == "healthy"
        assert any(f"request {past.id}" in line for line in verdict(record).evidence)


def test_a_fault_in_comparing_leaves_the_figures_to_judge_by(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.ask(talk(4), READ, logged=False)

    def broken(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(explainer, "compare", broken)
    assert verdict(told.ask(talk(5), Ran(1800, 1700), logged=False)).cause == "healthy"
    monkeypatch.undo()
    assert verdict(told.ask(talk(6), Ran(2000, 1800), logged=False)).cause == "healthy"


def test_a_fault_in_judging_costs_no_request(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no")

    insight = told.scene.run.engine._insight
    monkeypatch.setattr(explainer, "judge", broken)
    monkeypatch.setattr(insight._speed, "take", broken)
    raw = json.dumps({"model": "tiny", "messages": talk(4)}).encode()
    with asked(told.scene.run, "POST", "/v1/chat/completions", raw) as client:
        told._fake.next().answer(b'{"timings":{"cache_n":0,"prompt_n":1400,"prompt_ms":9.0}}')
        assert client.getresponse().read().startswith(b'{"timings"')
    [record] = told.scene.run.wait_ended(1)
    assert record.diagnosis is None
    monkeypatch.undo()
    told.scene._seen = record.id
    assert verdict(told.ask(talk(5), Ran(1800, 1400), logged=False)).cause == "healthy"


def test_why_tokens_were_not_counted_is_said(told: Told) -> None:
    told.ask(talk(4), READ, logged=False)
    record = told.ask(talk(5), Ran(1800, 1400), logged=False)
    told.scene.run.engine.look_closer(record.id)
    # Whether the model sleeps.
    told._fake.next().answer(b"{}")
    said = told.scene.when(
        record, lambda d: any("could not be counted" in line for line in d.verdict.evidence), "the reason"
    )
    assert "/apply-template" in said.verdict.evidence[-1]


def test_a_turn_is_told_in_a_handful_of_events(told: Told) -> None:
    for number in range(4, 12):
        record = told.ask(talk(number), Ran(200 * number, 200 * number - 200), logged=False)
    events = [event for event in told.scene.run.of(RecordChanged) if event.record.id == record.id]
    assert len(events) <= 8, [event.record for event in events]


def asked_for(fake: FakeUpstream, wanted: str) -> Call:
    """The next request for a path; what else kvconsole asks is refused."""
    while True:
        call = fake.next()
        if call.target.partition("?")[0] == wanted:
            return call
        call.answer(b"{}", status="501 Not Implemented")


def talks(fake: FakeUpstream, run: Running, turns: int, meanwhile: Callable[[], None] = lambda: None) -> None:
    """One turn of a conversation, whose answer comes when all is done that is to be done before."""
    raw = json.dumps({"messages": talk(turns)}).encode()
    with asked(run, "POST", "/v1/chat/completions", raw, [("X-Session-Id", "main")]) as client:
        call = asked_for(fake, "/v1/chat/completions")
        meanwhile()
        call.answer(b'{"timings":{"cache_n":0,"prompt_n":1400,"prompt_ms":9.0}}')
        client.getresponse().read()


def test_the_server_is_not_asked_to_count_while_somebody_waits_for_it() -> None:
    with fake_upstream(explaining=True) as fake, running_engine(fake.url, rules=False) as run:

        def nobody_counts() -> None:
            deadline = time.monotonic() + 2.0
            while time.monotonic() < deadline:
                if fake.idle():
                    time.sleep(0.02)
                    continue
                own = fake.next()
                assert b"Question" not in own.body, "counted while a prompt was evaluated"
                own.answer(b"{}", status="501 Not Implemented")

        talks(fake, run, 4)
        talks(fake, run, 5)
        # The turn before waits to be counted now; this one takes its time.
        talks(fake, run, 6, nobody_counts)


def test_the_end_does_not_wait_for_a_count(caplog: pytest.LogCaptureFixture) -> None:
    with fake_upstream(explaining=True) as fake:
        with running_engine(fake.url, rules=False) as run:
            talks(fake, run, 4)
            talks(fake, run, 5)
            record = Scene(run).explained(logged=False)
            run.engine.look_closer(record.id + 1)
            while b"Question" not in asked_for(fake, "/apply-template").body:
                pass
            began = time.monotonic()
        assert time.monotonic() - began < BOUND / 2, "the count that nobody answers would take 30 s"
    assert not caplog.records
