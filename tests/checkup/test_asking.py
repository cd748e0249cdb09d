"""Questions to whoever listens."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from proxy_core.checkup import asking
from proxy_core.checkup.asking import Asker, Reply
from tests.real_llama import LlamaServer
from tests.running import free_port


@contextmanager
def answering(*parts: bytes, repeat: int = 1) -> Iterator[str]:
    """A server that sends `parts` to one client, the last one `repeat` times, and then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                try:
                    for part in parts[:-1]:
                        connection.sendall(part)
                    for _ in range(repeat):
                        connection.sendall(parts[-1])
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


async def get(url: str) -> Reply:
    asker = Asker()
    try:
        return await asker.get(url)
    finally:
        await asker.close()


async def test_a_llama_server(llama: LlamaServer) -> None:
    reply = await get(f"{llama.url}/health")
    assert (reply.status, reply.server, reply.problem) == (200, "llama.cpp", "")
    assert reply.answered
    assert not reply.refused


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}", "http://nobody.invalid:{}", "https://127.0.0.1:{}"])
async def test_nobody(url: str) -> None:
    reply = await get(url.format(free_port()))
    assert reply.refused
    assert not reply.answered
    assert reply.problem


async def test_somebody_who_does_not_speak_http() -> None:
    with answering(b"220 smtp.example.com ESMTP\r\n") as url:
        reply = await get(url)
    assert not reply.answered
    assert not reply.refused
    assert "broke off" in reply.problem


async def test_somebody_who_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        reply = await get(f"http://127.0.0.1:{server.getsockname()[1]}")
    assert (reply.answered, reply.refused, reply.problem) == (False, False, "it did not answer in time")


async def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MOST_BYTES", 100_000)
    with answering(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, repeat=1000) as url:
        reply = await get(url)
    assert reply.status == 200
    assert 100_000 < len(reply.body) < 1_000_000


async def test_an_answer_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_ALTOGETHER", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        reply = await get(f"http://127.0.0.1:{server.getsockname()[1]}")
    assert reply.problem == "its answer does not end"


@pytest.mark.parametrize("url", ["http://", "nonsense", "http://[::1", "http://a b/", "http://\x00/"])
async def test_an_address_that_is_none(url: str) -> None:
    reply = await get(url)
    assert not reply.answered
    assert reply.problem
