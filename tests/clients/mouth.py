"""An upstream that reads with a real llama-server and says what a script says.

A random model cannot be made to reason or to call a tool. So each prompt goes to the server as it came, for
its cache to be measured; then the server reads prompt and scripted answer together, which leaves in the slot
what a model that had said so would have left; and the client is sent that answer as a stream.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import httpx

from tests.clients.case import Spoken
from tests.clients.reading import spelled
from tests.clients.wire import Json

ALONE = httpx.Limits(max_keepalive_connections=0)
"""A connection for each request: llama-server closes some that it announced to keep, after a stream."""

TASKS = 2
"""What each request makes the server do: read it, and read it with its answer."""


class Mouth:
    """Where the upstream listens, and what it says next."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.says = Spoken("")
        self.url = ""

    def answer(self, path: str, body: bytes) -> Iterator[Json]:
        """The answer's chunks, once the server has read everything."""
        with httpx.Client(base_url=self.server, timeout=60.0, trust_env=False, limits=ALONE) as client:
            client.post(path, content=body).raise_for_status()
            prompt = client.post("/apply-template", content=body).raise_for_status().json()["prompt"]
            whole = {"prompt": prompt + spelled(self.says), "n_predict": 1}
            client.post("/completion", json=whole).raise_for_status()
        says = self.says
        yield {"role": "assistant"}
        if says.reasoning:
            yield {"reasoning_content": says.reasoning}
        if says.text:
            yield {"content": says.text}
        if says.call is not None:
            own, name, arguments = says.call
            half = len(arguments) // 2
            function = {"name": name, "arguments": arguments[:half]}
            yield {"tool_calls": [{"index": 0, "id": own, "type": "function", "function": function}]}
            yield {"tool_calls": [{"index": 0, "function": {"arguments": arguments[half:]}}]}


@contextmanager
def speaking(server: str) -> Iterator[Mouth]:
    """A mouth in front of a llama-server."""
    mouth = Mouth(server)

    class Handler(_Handler):
        of = mouth

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    mouth.url = f"http://127.0.0.1:{listening.server_address[1]}"
    try:
        yield mouth
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    of: ClassVar[Mouth]

    def do_GET(self) -> None:
        """Facts about the server are its own."""
        found = httpx.get(self.of.server + self.path, timeout=10.0, trust_env=False)
        self._send(found.status_code, found.headers.get("content-type", "text/plain"), found.content)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.path.endswith("/chat/completions"):
            found = httpx.post(self.of.server + self.path, content=body, timeout=10.0, trust_env=False)
            self._send(found.status_code, found.headers.get("content-type", "text/plain"), found.content)
            return
        reason = "tool_calls" if self.of.says.call else "stop"
        choices: list[Json] = [
            {"index": 0, "delta": delta, "finish_reason": None} for delta in self.of.answer(self.path, body)
        ]
        choices.append({"index": 0, "delta": {}, "finish_reason": reason})
        events = [json.dumps({"object": "chat.completion.chunk", "choices": [one]}) for one in choices]
        stream = "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"])
        self._send(200, "text/event-stream", stream.encode())

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: standard error is the test's."""
