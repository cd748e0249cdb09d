from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Sequence

import httpx
import pytest

from proxy_core.rules.actions.strip import Strip
from tests.fake_upstream import FakeUpstream
from tests.running import OPENCLAW, Running, asked, free_port, running_engine

PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
CHAT = b'{"messages":[{"role":"user","content":"hi"}],"stream":true}'
BODIES = {"chat": CHAT, "messages": CHAT, "responses": b'{"input":"hi","stream":true}'}
MARKED = b'{"messages":[{"role":"user","content":"[Wed 2026-02-18 20:48 UTC] hi"}]}'
"""A body that the time-stamp rule changes."""

DELTA = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'


def read_events(answer: http.client.HTTPResponse) -> list[str]:
    return [event for event in answer.read().decode().split("\n\n") if event]


@pytest.mark.parametrize("api", PATHS)
def test_each_chunk_is_forwarded_before_the_next_one_comes(
    run: Running, fake: FakeUpstream, api: str
) -> None:
    with asked(run, "POST", PATHS[api], BODIES[api]) as client:
        call = fake.next()
        call.start("text/event-stream")
        answer = client.getresponse()
        for chunk in (
            b":\n\n",
            DELTA,
            b":\n\n",
            b'data: {"half',
            b'":1}\n\n',
            b"\xff\x00",
            b"data: [DONE]\n\n",
        ):
            call.chunk(chunk)
            assert answer.read1(65536) == chunk
        call.chunk(b"")
        assert answer.read() == b""
    [record] = run.wait_ended(1)
    assert record.exchange is not None
    assert (record.exchange.status, record.exchange.stream) == ("done", True)


def test_headers_come_before_the_first_chunk(run: Running, fake: FakeUpstream) -> None:
    with asked(run, "GET", "/slow") as client:
        call = fake.next()
        call.start("text/plain", "X-Early: yes")
        assert client.getresponse().getheader("x-early") == "yes"
        call.chunk(b"")


@pytest.mark.parametrize("path", [*PATHS.values(), "/health"])
def test_an_upstream_that_is_down_is_named_in_the_shape_of_the_api(path: str) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with running_engine(url) as run:
        body = b'{"messages":[],"input":"hi"}'
        answer = httpx.post(run.url + path, content=body, trust_env=False)
        assert answer.status_code == 502
        document = answer.json()
        message = document["error"]["message"]
        assert url in message
        assert "Start llama-server there, or start kvconsole with --upstream URL" in message
        if path == "/v1/messages":
            assert (document["type"], document["error"]["type"]) == ("error", "api_error")
        else:
            assert document["error"]["type"] == "server_error"
            assert document["error"]["code"] == "upstream_unreachable"
        [record] = [r for r in run.records().values() if r.exchange and not r.open]
        assert record.exchange is not None
        assert (record.exchange.status, record.exchange.http_status) == ("error", 502)
        assert record.exchange.note == message


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("api", PATHS)
def test_a_stream_that_dies_ends_in_the_apis_error_event(
    run: Running, fake: FakeUpstream, api: str, reset: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with asked(run, "POST", PATHS[api], BODIES[api]) as client:
        call = fake.next()
        call.start("text/event-stream")
        answer = client.getresponse()
        # The server may die in the midst of an event, which the error must not be glued to.
        call.chunk(DELTA + b'data: {"cho')
        assert answer.read1(65536) == DELTA + b'data: {"cho'
        call.close(reset=reset)
        last = read_events(answer)[-1]
    name, _, data = last.rpartition("data: ")
    document = json.loads(data)
    message = {"chat": "error", "messages": "error"}.get(api)
    text = document[message]["message"] if message else document["message"]
    assert fake.url in text
    assert "incomplete" in text
    assert name == ("" if api == "chat" else "event: error\n")
    assert document.get("type") == (None if api == "chat" else "error")
    [record] = run.wait_ended(1)
    assert record.exchange is not None
    assert record.exchange.status == "error"
    assert record.exchange.note == text
    assert not caplog.records


@pytest.mark.parametrize("declared", [True, False])
def test_half_a_json_answer_is_visibly_short(
    run: Running, fake: FakeUpstream, declared: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with asked(run, "POST", PATHS["chat"], CHAT) as client:
        call = fake.next()
        if declared:
            call.send(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"a":')
        else:
            call.start("application/json")
            call.chunk(b'{"a":')
        answer = client.getresponse()
        assert answer.read1(65536) == b'{"a":'
        call.close()
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
    [record] = run.wait_ended(1)
    assert record.exchange is not None
    assert record.exchange.status == "error"
    # What kvconsole cut on purpose is no fault for the log.
    assert not caplog.records


def test_a_compressed_stream_that_dies_gets_no_plain_event(run: Running, fake: FakeUpstream) -> None:
    squeezed = gzip.compress(DELTA)
    with asked(run, "POST", PATHS["chat"], CHAT) as client:
        call = fake.next()
        call.start("text/event-stream", "Content-Encoding: gzip")
        answer = client.getresponse()
        call.chunk(squeezed)
        assert answer.read1(65536) == squeezed
        call.close()
        with pytest.raises(http.client.IncompleteRead) as short:
            answer.read()
        assert short.value.partial == b""


UNTOUCHED: Sequence[tuple[str, bytes, str]] = [
    ("chat", b"no json", "JSON"),
    ("chat", b"", "JSON"),
    ("chat", b'{"messages":[', "truncated"),
    ("chat", b'["messages"]', "no JSON object"),
    ("chat", b'{"messages":"text"}', '"messages" is not a list'),
    ("messages", b'{"prompt":"x"}', '"messages" is not a list'),
    ("responses", b'{"input":7}', "input"),
    ("chat", b'{"messages":' + b"[" * 1500, ""),
    ("chat", b"\xff\xfe{}", "JSON"),
]


@pytest.mark.parametrize(("api", "body", "why"), UNTOUCHED, ids=range(len(UNTOUCHED)))
def test_what_is_no_prompt_is_forwarded_as_it_came_and_marked(
    run: Running, fake: FakeUpstream, api: str, body: bytes, why: str
) -> None:
    with asked(run, "POST", PATHS[api], body) as client:
        call = fake.next()
        assert call.body == body
        call.answer(b'{"error":{"message":"what is that?"}}', status="400 Bad Request")
        assert client.getresponse().status == 400
    [record] = run.wait_ended(1)
    assert record.exchange is not None
    note = record.exchange.note or ""
    assert note.startswith("forwarded untouched: ")
    assert why in note
    assert note.endswith("what is that?")
    assert record.exchange.status == "error"


def test_a_compressed_body_is_forwarded_as_it_came_and_marked(run: Running, fake: FakeUpstream) -> None:
    body = gzip.compress(MARKED)
    with asked(run, "POST", PATHS["chat"], body, [("Content-Encoding", "gzip")]) as client:
        call = fake.next()
        assert (call.body, call.values("content-encoding")) == (body, ["gzip"])
        call.answer(b"{}")
        client.getresponse().read()
    [record] = run.wait_ended(1)
    assert record.exchange is not None
    assert record.exchange.note == "forwarded untouched: its body is gzip-encoded"
    assert record.exchange.edits == ()


def test_the_marked_body_is_edited_when_nothing_is_wrong(run: Running, fake: FakeUpstream) -> None:
    with asked(run, "POST", PATHS["chat"], MARKED, [*OPENCLAW, ("Content-Encoding", "identity")]) as client:
        call = fake.next()
        assert call.body == b'{"messages":[{"role":"user","content":"hi"}]}'
        call.answer(b"{}")
        client.getresponse().read()
    [record] = run.wait_ended(1)
    assert record.exchange is not None
    assert [edit.rule for edit in record.exchange.edits] == ["openclaw.timestamp"]
    bodies = run.engine.bodies(record.id)
    assert bodies == (MARKED, call.body)


def test_a_rule_that_raises_is_left_out(
    run: Running, fake: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Strip, text: bytes, matches: object) -> None:
        raise ZeroDivisionError("by the rule")

    monkeypatch.setattr(Strip, "apply", fail)
    with asked(run, "POST", PATHS["chat"], MARKED, OPENCLAW) as client:
        call = fake.next()
        assert call.body == MARKED
        call.answer(b"{}")
        assert client.getresponse().status == 200
    [record] = run.wait_ended(1)
    assert record.exchange is not None
    assert "rule openclaw.timestamp failed and was left out" in (record.exchange.note or "")


def test_a_fault_of_kvconsole_does_not_cost_the_request(
    run: Running, fake: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(api: str, body: bytes) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("proxy_core.intake.parse", fail)
    with asked(run, "POST", PATHS["messages"], MARKED) as client:
        call = fake.next()
        assert call.body == MARKED
        call.answer(b"{}")
        assert client.getresponse().status == 200
    [record] = run.wait_ended(1)
    assert record.exchange is not None
    assert record.exchange.note == "forwarded untouched after a fault: RuntimeError('a fault')"
