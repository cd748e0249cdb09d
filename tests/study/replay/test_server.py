"""The server that is played at."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from proxy_core.llama.facts import Upstream
from proxy_core.study.replay.server import ReplayError, ServerClient, meet, shared_with_others
from tests.fake_upstream import FakeUpstream, fake_upstream
from tests.real_llama import LlamaServer
from tests.running import free_port, running_engine


@contextmanager
def _loading(times: int) -> Iterator[str]:
    """A server that is still loading when it is asked for the first few times."""
    left = times

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            nonlocal left
            loads = self.path == "/health" and left > 0
            left -= loads
            self.send_response(503 if loads else 404 if "kvconsole" in self.path else 200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _met(url: str, told: list[str]) -> Upstream:
    async def met() -> Upstream:
        client = ServerClient(url, 1.0)
        try:
            return await meet(client, told.append)
        finally:
            await client.close()

    return asyncio.run(met())


def _others(url: str) -> bool | None:
    async def others() -> bool | None:
        client = ServerClient(url, 1.0)
        try:
            return await shared_with_others(client)
        finally:
            await client.close()

    return asyncio.run(others())


def test_a_server_tells_of_itself(llama: LlamaServer) -> None:
    told: list[str] = []
    found = _met(llama.url, told)
    assert (found.state, found.slots, found.ctx, told) == ("up", 1, 65536, [])
    assert _others(llama.url) is False


def test_a_server_that_loads_is_waited_for() -> None:
    told: list[str] = []
    with _loading(1) as url:
        assert _met(url, told).state == "up"
    assert told == ["llama-server loads its model; waiting for it up to 60 s."]


def test_nobody_there() -> None:
    with pytest.raises(ReplayError, match="cannot be reached: nobody listens there"):
        _met(f"http://127.0.0.1:{free_port()}", [])


def test_a_kvconsole_is_none_to_play_at(fake: FakeUpstream) -> None:
    with (
        running_engine(fake.url) as running,
        pytest.raises(ReplayError, match="rules would work on both arms"),
    ):
        _met(running.url, [])


@pytest.mark.parametrize(
    ("answers", "others"),
    [
        ([b'[{"id":0,"is_processing":true}]'] * 3, True),
        # The slot of our own last prompt is not free yet.
        ([b'[{"id":0,"is_processing":true}]', b'[{"id":0,"is_processing":false}]'], False),
        ([b"[]"], None),
        ([b'{"error":{}}'], None),
    ],
)
def test_slots_that_work_for_others(answers: list[bytes], others: bool | None) -> None:
    with fake_upstream(explaining=True) as fake:
        calls: list[str] = []

        def answer() -> None:
            for body in answers:
                call = fake.next()
                calls.append(call.target)
                call.answer(body)

        answering = threading.Thread(target=answer)
        answering.start()
        assert _others(fake.url) is others
        answering.join()
    assert calls == ["/slots"] * len(answers)
