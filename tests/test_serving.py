from __future__ import annotations

import asyncio
import errno
import logging

import pytest

from proxy_core.errors import ListenError
from proxy_core.serving import _ON_PURPOSE, bind, is_self


def test_bind_takes_a_free_port() -> None:
    with bind("127.0.0.1", 0) as first, bind("127.0.0.1", 0) as second:
        assert first.getsockname()[1] != second.getsockname()[1]
        assert not first.get_inheritable()


@pytest.mark.parametrize(
    ("number", "port", "advice"),
    [
        (errno.EADDRINUSE, 1234, "choose another port: --listen 127.0.0.1:1235."),
        (errno.EADDRINUSE, 65535, "choose another port: --listen 127.0.0.1:0."),
        (errno.EACCES, 80, "choose a port from 1024 up"),
        (errno.EADDRNOTAVAIL, 80, "Choose another --listen HOST:PORT."),
    ],
)
def test_why_it_cannot_listen(monkeypatch: pytest.MonkeyPatch, number: int, port: int, advice: str) -> None:
    def fail(_socket: object, _address: object) -> None:
        raise OSError(number, "the system says no")

    monkeypatch.setattr("socket.socket.bind", fail)
    with pytest.raises(ListenError) as error:
        bind("127.0.0.1", port)
    assert advice in error.value.message


@pytest.mark.parametrize(
    ("message", "error", "told"),
    [
        ("ASGI callable returned without completing response.", None, False),
        ("Cancel %s running task(s), timeout graceful shutdown exceeded", None, False),
        ("Exception in ASGI application\n", asyncio.CancelledError(), False),
        ("Exception in ASGI application\n", RuntimeError(), True),
        ("Invalid HTTP request received.", None, True),
    ],
)
def test_only_faults_are_told(message: str, error: BaseException | None, told: bool) -> None:
    info = (type(error), error, None) if error else None
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, message, (), info)
    assert _ON_PURPOSE.filter(record) == told


@pytest.mark.parametrize(
    ("upstream", "host", "port", "expected"),
    [
        ("http://127.0.0.1:1234", "127.0.0.1", 1234, True),
        ("http://localhost:1234/v1", "127.0.0.1", 1234, True),
        ("http://127.0.0.1:1234", "0.0.0.0", 1234, True),
        ("http://10.0.0.2:1234", "10.0.0.2", 1234, True),
        ("http://127.0.0.1:8080", "127.0.0.1", 1234, False),
        ("http://10.0.0.2:1234", "127.0.0.1", 1234, False),
        ("http://localhost", "127.0.0.1", 80, True),
    ],
)
def test_whether_it_would_talk_to_itself(upstream: str, host: str, port: int, expected: bool) -> None:
    assert is_self(upstream, host, port) == expected
