from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import httpx
import pytest

from proxy_core.exchange import Exchange
from proxy_core.tasks import spawn
from proxy_core.upstream import UpstreamClient, forwarded
from tests.fake_upstream import FakeUpstream
from tests.running import Running, asked, running_engine

ODD = "/x%20y/%2F..;a?b=%41&&c"
LIMIT = 4096


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE", "PROPFIND"])
def test_method_path_query_and_body_arrive_as_they_were_sent(
    run: Running, fake: FakeUpstream, method: str
) -> None:
    with asked(run, method, ODD, b"\x00\xffbody") as client:
        call = fake.next()
        assert (call.method, call.target, call.body) == (method, ODD, b"\x00\xffbody")
        call.answer(b"{}")
        assert client.getresponse().read() == b"{}"


@pytest.mark.parametrize(
    "target", ["/", "//a//b", "/a?", "/a?q=http://x/?y", "*", "/a/../b/./c", "/%e4%bd%a0", "/a+b?c+d=~"]
)
def test_no_target_is_tidied_up(run: Running, fake: FakeUpstream, target: str) -> None:
    with asked(run, "OPTIONS", target) as client:
        call = fake.next()
        # An empty query is lost in the HTTP server, which does not tell it from none.
        assert call.target == target.removesuffix("?")
        call.answer(b"")
        client.getresponse().read()


def test_request_headers_pass_save_those_of_the_connection(run: Running, fake: FakeUpstream) -> None:
    sent = [
        ("Authorization", "Bearer sk-1"),
        ("X-Api-Key", "key-2"),
        ("X-Twice", "a"),
        ("X-Twice", "b"),
        ("Accept-Encoding", "br;q=0.5"),
        ("Cookie", "a=b; c=d"),
        ("X-Empty", ""),
        ("X-Padded", "spaced \t"),
        ("X-Latin", "caf\xe9"),
    ]
    hop = [
        ("Connection", "keep-alive, X-Mine"),
        ("X-Mine", "1"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Proxy-Connection", "keep-alive"),
    ]
    with asked(run, "GET", "/headers", headers=sent + hop) as client:
        call = fake.next()
        call.answer(b"{}")
        client.getresponse().read()
    host = fake.url.removeprefix("http://")
    expected = [(name.lower(), value.strip()) for name, value in sent]
    assert sorted((name.lower(), value) for name, value in call.headers) == sorted(
        [*expected, ("host", host)]
    )
    assert call.values("x-twice") == ["a", "b"]


def test_status_headers_and_body_of_the_answer_pass(run: Running, fake: FakeUpstream) -> None:
    with asked(run, "GET", "/teapot") as client:
        fake.next().answer(
            b"\x00short and stout\xff",
            "Content-Type: x/y",
            "Set-Cookie: a=1",
            "Set-Cookie: b=2",
            "Server: llama.cpp",
            "Access-Control-Allow-Origin: *",
            "Keep-Alive: timeout=5, max=100",
            status="418 I'm a teapot",
        )
        answer = client.getresponse()
        assert answer.status == 418
        assert answer.read() == b"\x00short and stout\xff"
    assert sorted((name.lower(), value) for name, value in answer.getheaders()) == [
        ("access-control-allow-origin", "*"),
        ("content-length", "17"),
        ("content-type", "x/y"),
        ("server", "llama.cpp"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ]


def test_redirects_are_the_clients_business(run: Running, fake: FakeUpstream) -> None:
    with asked(run, "GET", "/old") as client:
        fake.next().answer(b"", "Location: /new", status="302 Found")
        answer = client.getresponse()
    assert (answer.status, answer.getheader("location")) == (302, "/new")
    assert fake.idle()


def test_head_has_the_length_and_no_body(run: Running, fake: FakeUpstream) -> None:
    with asked(run, "HEAD", "/v1/models") as client:
        call = fake.next()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 1234\r\n\r\n")
        call.done.set()
        answer = client.getresponse()
        assert (answer.read(), answer.getheader("content-length")) == (b"", "1234")
        # The connection is still in step: the next answer is read from its beginning.
        client.request("GET", "/next")
        fake.next().answer(b"next")
        assert client.getresponse().read() == b"next"


def test_a_preflight_passes(run: Running, fake: FakeUpstream) -> None:
    ask = [("Origin", "http://web.example"), ("Access-Control-Request-Method", "POST")]
    with asked(run, "OPTIONS", "/v1/chat/completions", headers=ask) as client:
        call = fake.next()
        assert call.values("origin") == ["http://web.example"]
        call.answer(b"", "Access-Control-Allow-Methods: GET, POST", "Access-Control-Allow-Headers: *")
        answer = client.getresponse()
    assert answer.status == 200
    assert answer.getheader("access-control-allow-methods") == "GET, POST"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answers_without_a_body(run: Running, fake: FakeUpstream, status: str) -> None:
    with asked(run, "GET", "/empty") as client:
        call = fake.next()
        call.send(f"HTTP/1.1 {status}\r\nX-A: b\r\n\r\n".encode())
        call.done.set()
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (int(status[:3]), b"")
    assert [(name.lower(), value) for name, value in answer.getheaders()] == [("x-a", "b")]


def test_multipart_bytes_pass(run: Running, fake: FakeUpstream) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="\xc3\xa4.wav"\r\n\r\n'
    body = head + b"\x00RIFF\r\n--b--\r\n"
    kind = [("Content-Type", "multipart/form-data; boundary=b")]
    with asked(run, "POST", "/v1/audio/transcriptions", body, kind) as client:
        call = fake.next()
        assert (call.body, call.values("content-type")) == (body, ["multipart/form-data; boundary=b"])
        call.answer(b"{}")
        client.getresponse().read()


def test_a_chunked_body_arrives_whole(run: Running, fake: FakeUpstream) -> None:
    def parts() -> Iterator[bytes]:
        yield from (b"one", b"two", b"three")

    with asked(run, "GET", "/warm-up") as client:
        fake.next().answer(b"")
        client.getresponse().read()
        client.request("POST", "/upload", parts(), encode_chunked=True)
        call = fake.next()
        assert (call.body, call.values("content-length")) == (b"onetwothree", ["11"])
        assert call.values("transfer-encoding") == []
        call.answer(b"{}")
        client.getresponse().read()


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/v1/chat/completions", "openai"), ("/v1/messages", "anthropic"), ("/upload", "openai")],
)
@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_is_refused_in_the_shape_of_the_api(
    run: Running, fake: FakeUpstream, path: str, kind: str, declared: bool
) -> None:
    parts: bytes | Iterator[bytes] = b"x" * (LIMIT + 1) if declared else iter([b"x" * LIMIT, b"x"])
    with httpx.Client(trust_env=False) as client:
        answer = client.post(run.url + path, content=parts)
        assert answer.status_code == 413
        document = answer.json()
        assert "body_limit" in document["error"]["message"]
        if kind == "anthropic":
            assert (document["type"], document["error"]["type"]) == ("error", "api_error")
        else:
            assert document["error"]["code"] == "request_too_large"
    assert fake.idle()
    [exchange] = run.wait_for(lambda: refused(run), "its record")
    assert "body_limit" in (exchange.note or "")


def refused(run: Running) -> list[Exchange]:
    exchanges = [record.exchange for record in run.records().values()]
    return [exchange for exchange in exchanges if exchange is not None and exchange.http_status == 413]


def test_a_body_at_the_limit_passes(run: Running, fake: FakeUpstream) -> None:
    with asked(run, "POST", "/upload", b"x" * LIMIT) as client:
        call = fake.next()
        assert len(call.body) == LIMIT
        call.answer(b"{}")
        client.getresponse().read()


def test_the_upstreams_own_path_prefix_stands_before_every_path(fake: FakeUpstream) -> None:
    with running_engine(f"{fake.url}/llama/a%20b/") as run, asked(run, "GET", ODD) as client:
        # Its own questions stand below the prefix too, and so count as anybody's here.
        targets: list[str] = []
        while not targets or targets[-1] != "/llama/a%20b" + ODD:
            call = fake.next()
            targets.append(call.target)
            call.answer(b"{}")
        assert client.getresponse().status == 200
        assert all(target.startswith("/llama/a%20b/") for target in targets)


def test_a_kept_connection_that_the_upstream_closes_is_tried_once_more(
    run: Running, fake: FakeUpstream
) -> None:
    with asked(run, "GET", "/first") as client:
        fake.next().answer(b"1")
        client.getresponse().read()
        client.request("POST", "/second", b"payload")
        fake.next().close()
        again = fake.next()
        assert (again.method, again.target, again.body) == ("POST", "/second", b"payload")
        again.answer(b"2")
        assert client.getresponse().read() == b"2"


async def test_a_request_that_may_have_been_read_is_not_sent_twice(fake: FakeUpstream) -> None:
    """On a connection of its own: a prompt that ends the server must not come again when it is back."""
    upstream = UpstreamClient(fake.url, 5.0)
    sending = spawn(upstream.send("POST", b"/unlucky", [], b"x"), "unlucky")
    call = await asyncio.to_thread(fake.next)
    call.close()
    with pytest.raises(httpx.RemoteProtocolError):
        await sending
    await upstream.close()
    assert fake.idle()


def test_connections_to_the_upstream_are_kept(run: Running, fake: FakeUpstream) -> None:
    seen = set()
    with asked(run, "GET", "/0") as client:
        for number in range(1, 6):
            call = fake.next()
            seen.add(call.connection)
            call.answer(b"{}")
            client.getresponse().read()
            client.request("GET", f"/{number}")
        fake.next().answer(b"")
        client.getresponse().read()
    # kvconsole's own questions may hold one of them for a moment.
    assert len(seen) <= 2


def test_old_clients_are_served(run: Running, fake: FakeUpstream) -> None:
    with socket.create_connection(run.address) as client:
        client.sendall(b"GET /old HTTP/1.0\r\n\r\n")
        fake.next().answer(b"{}")
        answer = b""
        while part := client.recv(4096):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n{}")


def test_headers_named_by_connection_are_dropped_however_they_are_written() -> None:
    headers = [(b"Connection", b"close, X-A"), (b"connection", b" x-B "), (b"X-a", b"1"), (b"x-b", b"2")]
    assert forwarded([*headers, (b"X-C", b" 3\t")]) == [(b"x-c", b"3")]
