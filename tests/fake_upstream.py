"""A scripted upstream: exact bytes in and out, for what a real server cannot be made to do."""

from __future__ import annotations

import contextlib
import queue
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader

_BOUND = 20.0
_OWN = ("/health", "/props")
"""What kvconsole itself asks all the time; answered here and not recorded."""
_EXPLAINING = ("/slots", "/apply-template", "/tokenize")
"""What it asks to explain turns; refused, unless a test wants to answer that too."""


@dataclass
class Call:
    """One request as it came in, and the connection to answer it on."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    """In their order, names as they were written."""
    body: bytes
    connection: int
    """Number of the TCP connection, from 0."""
    socket: socket.socket
    done: threading.Event = field(default_factory=threading.Event)
    closed: bool = False

    def values(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name]

    def send(self, data: bytes) -> None:
        """Send a piece of the answer."""
        self.socket.sendall(data)

    def start(self, content_type: str, *more: str) -> None:
        """Begin an answer whose length is not told."""
        lines = ["HTTP/1.1 200 OK", f"Content-Type: {content_type}", "Transfer-Encoding: chunked", *more]
        self.send("\r\n".join([*lines, "", ""]).encode())

    def chunk(self, data: bytes) -> None:
        """Send a chunk; an empty one is the last."""
        self.send(b"%x\r\n%s\r\n" % (len(data), data))
        if not data:
            self.done.set()

    def answer(self, body: bytes, *headers: str, status: str = "200 OK") -> None:
        """Send a whole answer; without headers it is JSON."""
        lines = [f"HTTP/1.1 {status}", *(headers or ("Content-Type: application/json",))]
        self.send("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)
        self.done.set()

    def close(self, *, reset: bool = False) -> None:
        """Close the connection, in order or as a process that was killed does."""
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.closed = True
        self.done.set()

    def is_closed_by_peer(self) -> bool:
        """Wait for the other side to close; False when it does not."""
        self.socket.settimeout(_BOUND)
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False


class FakeUpstream:
    """Listens, and hands each request to the test, which answers it."""

    def __init__(self, *, port: int = 0, props: bytes = b"{}", explaining: bool = False) -> None:
        self._props = props
        self._explaining = explaining
        self._calls: queue.Queue[Call] = queue.Queue()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._sockets: list[socket.socket] = []
        self._taken: list[Call] = []
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, name="fake upstream")
        self._accepting.start()

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def next(self) -> Call:
        """The next request, kvconsole's own ones left out."""
        return self._calls.get(timeout=_BOUND)

    def idle(self) -> bool:
        """Whether no request waits to be taken."""
        return self._calls.empty()

    def stop(self) -> None:
        """Close everything, so that the port refuses connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(_BOUND)
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for call in self._taken:
            call.done.set()
        for thread in self._threads:
            thread.join(_BOUND)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(connection)
            number = len(self._sockets) - 1
            thread = threading.Thread(target=self._serve, args=(connection, number), name=f"fake {number}")
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), connection.makefile("rb") as stream:
            for method, target, headers, body in _requests(stream):
                call = Call(method, target, headers, body, number, connection)
                if target in _OWN and not call.values("user-agent"):
                    call.answer(self._props)
                    continue
                path = target.partition("?")[0]
                if path in _EXPLAINING and not self._explaining and not call.values("user-agent"):
                    call.answer(b"{}", status="501 Not Implemented")
                    continue
                self._taken.append(call)
                self._calls.put(call)
                call.done.wait(_BOUND)
                if call.closed:
                    # The descriptor is closed only once the stream over it is.
                    return


Parsed = tuple[str, str, list[tuple[str, str]], bytes]


def _requests(stream: BufferedReader) -> Iterator[Parsed]:
    """Requests of one connection until it ends; bodies are those of Content-Length."""
    while first := stream.readline():
        method, target, _ = first.decode("latin-1").split(" ")
        headers: list[tuple[str, str]] = []
        while (line := stream.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = line.partition(":")
            headers.append((name, value.strip()))
        length = _length(headers)
        yield method, target, headers, stream.read(length) if length else b""


def _length(headers: Sequence[tuple[str, str]]) -> int:
    return next((int(value) for name, value in headers if name.lower() == "content-length"), 0)


@contextmanager
def fake_upstream(*, port: int = 0, props: bytes = b"{}", explaining: bool = False) -> Iterator[FakeUpstream]:
    """A scripted upstream that is stopped at the end; port 0 takes a free one.

    `explaining` hands out also what kvconsole asks in order to explain turns.
    """
    fake = FakeUpstream(port=port, props=props, explaining=explaining)
    try:
        yield fake
    finally:
        fake.stop()
