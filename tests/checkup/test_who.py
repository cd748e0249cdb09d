"""Who answers at an address."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from proxy_core.checkup import who
from proxy_core.checkup.asking import Asker
from tests.checkup.test_asking import answering
from tests.real_llama import LlamaServer
from tests.running import free_port, running_engine

Pages = dict[str, tuple[int, object]]
"""Status and body by path; everything else is not found."""


@contextmanager
def pages(known: Pages, *, server: str = "", port: int = 0) -> Iterator[str]:
    """A server of a few pages."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = known.get(self.path, (404, {"error": {"code": 404}}))
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response_only(status)
            if server:
                self.send_header("Server", server)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as http:
        thread = Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


@pytest.fixture
async def asker() -> AsyncIterator[Asker]:
    made = Asker()
    yield made
    await made.close()


async def test_a_llama_server(asker: Asker, llama: LlamaServer) -> None:
    assert await who.kind_at(asker, llama.url) == "llama-server"
    server, models = await who.look(asker, llama.url)
    assert (server.url, server.state, server.model, server.slots, models) == (
        llama.url,
        "up",
        "tiny-random",
        1,
        (),
    )
    assert server.template is not None


async def test_a_kvconsole_hides_its_llama_server(asker: Asker, llama: LlamaServer) -> None:
    with running_engine(llama.url) as run:
        assert await who.kind_at(asker, run.url) == "kvconsole"
        assert (await who.look(asker, run.url))[0].model == "tiny-random"


async def test_others(asker: Asker) -> None:
    assert await who.kind_at(asker, f"http://127.0.0.1:{free_port()}") == "nobody"
    with pages({"/": (200, b"Ollama is running")}) as url:
        assert await who.kind_at(asker, url) == "ollama"
    with pages({}) as url:
        assert await who.kind_at(asker, url) == "other"
    with pages({"/kvconsole/version": (200, b"[]")}) as url:
        assert await who.kind_at(asker, url) == "other"


async def test_somebody_who_does_not_speak_http(asker: Asker) -> None:
    with answering(b"220 smtp.example.com ESMTP\r\n") as url:
        assert await who.kind_at(asker, url) == "silent"


async def test_nobody_is_down(asker: Asker) -> None:
    server, _ = await who.look(asker, f"http://127.0.0.1:{free_port()}")
    assert (server.state, server.reason) == ("down", "nobody listens there")


async def test_a_server_that_loads_or_wants_a_key(asker: Asker) -> None:
    with pages({"/health": (503, {})}) as url:
        assert (await who.look(asker, url))[0].state == "loading"
    with pages({"/health": (200, {}), "/props": (401, {})}) as url:
        server, _ = await who.look(asker, url)
    assert server.state == "up"
    assert "API key" in (server.reason or "")


async def test_a_router_tells_of_its_loaded_models(asker: Asker) -> None:
    states = {"a/b c": "loaded", "idle": "unloaded"}
    models = [{"id": name, "status": {"value": state}} for name, state in states.items()]
    known: Pages = {
        "/health": (200, {}),
        "/props": (200, {"role": "router", "model_path": "none"}),
        "/models": (200, {"data": models}),
        "/props?model=a%2Fb%20c&autoload=false": (200, {"model_alias": "a", "total_slots": 4}),
    }
    with pages(known) as url:
        server, loaded = await who.look(asker, url)
    assert server.model == "router"
    assert [(model.model, model.slots) for model in loaded] == [("a", 4)]


@pytest.mark.parametrize("models", [b"", b"[]", b'{"data":[{"id":1}]}', b'{"data":[{"id":"x"}]}', b"\xff"])
async def test_a_router_that_tells_nothing(asker: Asker, models: bytes) -> None:
    known: Pages = {"/health": (200, {}), "/props": (200, {"role": "router"}), "/models": (200, models)}
    with pages(known) as url:
        assert (await who.look(asker, url))[1] == ()


async def test_elsewhere(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = free_port()
    with pages({"/health": (200, {})}, server="llama.cpp") as url:
        monkeypatch.setattr(who, "_DEFAULT_PORTS", (gone, who.port_of(url)))
        assert await who.elsewhere(asker, f"http://localhost:{gone}") == url
        assert await who.elsewhere(asker, "http://gpu.lan:8080") is None
    with pages({"/health": (200, {})}) as stranger:
        monkeypatch.setattr(who, "_DEFAULT_PORTS", (gone, who.port_of(stranger)))
        assert await who.elsewhere(asker, f"http://127.0.0.1:{gone}") is None


@pytest.mark.parametrize(
    ("url", "port"),
    [("http://h", 80), ("https://h/x", 443), ("http://[::1]:8080/x", 8080), ("http://h:1", 1)],
)
def test_port_of(url: str, port: int) -> None:
    assert who.port_of(url) == port


def test_same_place() -> None:
    assert who.same_place("http://localhost:80", "http://127.0.0.1/v1")
    assert who.same_place("http://gpu:1", "http://gpu:1/")
    assert not who.same_place("http://gpu:1", "http://localhost:1")
    assert not who.same_place("http://localhost:1", "http://localhost:2")
