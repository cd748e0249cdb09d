"""The HTTP server inside the engine's thread."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import uvicorn

from proxy_core import asgi
from proxy_core.errors import KvconsoleError, ListenError

_GRACE_SECONDS = 2
"""How long open answers may go on when the engine stops; then they are cut."""

_CUT = ("ASGI callable returned without completing response", "Cancel %s running task(s)")


class _OnPurpose(logging.Filter):
    """Drops what uvicorn reports as faults when kvconsole cuts an answer, which the record tells already."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to report `record`."""
        cancelled = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
        return not cancelled and not record.msg.startswith(_CUT)


_ON_PURPOSE = _OnPurpose()


class Server(uvicorn.Server):
    """uvicorn without its signal handling: the process belongs to the console."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signals alone."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    uvicorn would end the process over a port that is taken, so the socket is bound before it starts.

    Raises:
        ListenError: The address cannot be had; the message says what to do.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ListenError(_advice(host, port, error)) from error
    listener.set_inheritable(False)
    return listener


def is_self(upstream: str, host: str, port: int) -> bool:
    """Whether a listener on `host` and `port` would forward to itself."""
    url = urlsplit(upstream)
    standard = 443 if url.scheme == "https" else 80
    if (url.port or standard) != port:
        return False
    every = {"0.0.0.0", "::", ""}
    here = {"localhost", "127.0.0.1", "::1"}
    return url.hostname in {host, *here, *every} if host in {*every, *here} else url.hostname == host


def server(app: asgi.App) -> Server:
    """A server for `app` that adds no headers of its own and writes no log."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=75,
    )
    logging.getLogger("uvicorn.error").addFilter(_ON_PURPOSE)
    return Server(config)


def routed(prefix: str, own: asgi.App, other: asgi.App) -> asgi.App:
    """Paths at `prefix` go to one app, everything else to another."""

    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] != "http":
            return
        ours = scope["path"] == prefix or scope["path"].startswith(f"{prefix}/")
        await (own if ours else other)(scope, receive, send)

    return app


async def until_started(http: Server, serving: asyncio.Task[None]) -> None:
    """Wait until a server listens.

    Raises:
        KvconsoleError: It ended before that.
    """
    while not http.started:
        if serving.done():
            await serving
            raise KvconsoleError("The HTTP server ended before it began to serve.")
        await asyncio.sleep(0.005)


def _advice(host: str, port: int, error: OSError) -> str:
    where = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"{where} is taken by another program. Stop that one, or choose another port: "
            f"--listen {host}:{port + 1 if port < 65535 else 0}."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{where} is not allowed for you: choose a port from 1024 up, as in --listen {host}:1234."
    return (
        f"kvconsole cannot listen on {where}: {error.strerror or error}. Choose another --listen HOST:PORT."
    )
