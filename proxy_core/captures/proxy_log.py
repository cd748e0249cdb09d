"""The log of a logging proxy: `proxy_capture.log`, as Python's `logging` writes it.

What a request leaves there, each message behind a stamp or any other prefix, which may be absent:

    CATCH-ALL: POST /v1/responses  [2026-02-18T20:48:11.123456]
    METHOD: POST
    HEADERS: {'host': 'localhost:1234', 'user-agent': 'OpenAI/JS 6.18.0'}
    BODY:
    {
      "model": "qwen", …
    }
    CATCH-ALL RESPONSE: 200  [2026-02-18T20:48:40.654321]
    {
      "id": "resp_1", …
    }

or, where the answer was no JSON, `RAW RESPONSE:` and its text. Chat completions begin with
`INCOMING REQUEST`, and their bodies with `FULL REQUEST BODY:` and `FULL RESPONSE:`. Other lines may stand
between all of these.

The log holds bodies as the proxy wrote them, indented and in ASCII, so these bytes are not the client's own;
what they say is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from proxy_core.captures.captured import Answered, Captured, Passed, Place, Problem, Read
from proxy_core.captures.headers import kept_headers
from proxy_core.captures.proxy_log_lines import STAMP, JsonLines, Kind, Marked, announced, plain, shape_of
from proxy_core.captures.stream import Stream
from proxy_core.queries import clean_path
from proxy_core.routes import route

_CHAT = "/v1/chat/completions"
_EXPECTED = "expected a JSON object over the lines behind it"


@dataclass
class _Request:
    """A request under way: what was read of it."""

    place: Place
    method: str
    path: str
    at: float | None
    headers: dict[str, str]
    body: bytes | None = None
    broken: str | None = None
    status: int | None = None
    answer: bytes | None = None


def is_log(head: bytes) -> bool:
    """Whether a text begins like such a log, or like one that was cut at some line."""
    lines = head.splitlines()
    return any(announced(plain(line)) is not None for line in lines)


def read(stream: Stream) -> Iterator[Read]:
    """The requests of a log, in the order in which they came.

    An answer is given to the request before it where no other request came between.

    Raises:
        CaptureError: The file cannot be read to its end.
    """
    reader = _Reader(stream.name)
    for number, line in stream.lines():
        yield from reader.line(number, plain(line))
    yield from reader.end()


class _Reader:
    """Takes the lines of a log, and gives each request when the next one begins."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0
        self._request: _Request | None = None
        self._shape: re.Pattern[bytes] | None = None
        """What stands before each message of the log; None where nothing does."""
        self._before = b""
        """The same, as it stood before the request under way."""
        self._json: JsonLines | None = None
        self._of: Kind = "body"
        """What the JSON under way is."""
        self._raw: list[bytes] | None = None

    def line(self, number: int, line: bytes) -> Iterator[Read]:
        """Take a line."""
        marked = announced(line)
        if marked is None:
            self._more(line)
            return
        self._close()
        match marked.kind:
            case "request":
                yield from self._given()
                self._begin(number, marked)
            case "headers" if self._request is not None:
                self._request.headers = _headers(marked.rest)
            case "response" if self._request is not None:
                self._request.status = int(marked.found["status"] or 0) or None
                # The JSON of such a response stands on lines of their own, without a word before it.
                self._open("answer", marked.found["status"] is not None)
            case "body" | "answer" if self._request is not None:
                self._open(marked.kind, True)
                if marked.rest.strip():
                    self._more(marked.rest)
            case "raw" if self._request is not None:
                self._raw = [marked.rest]
            case _:
                pass

    def end(self) -> Iterator[Read]:
        """The log ends."""
        self._close()
        yield from self._given()

    def _begin(self, number: int, marked: Marked) -> None:
        self._count += 1
        self._before = marked.found["before"]
        self._shape = shape_of(self._before)
        path = (marked.found["path"] or _CHAT.encode()).decode(errors="replace")
        method = (marked.found["method"] or b"POST").decode()
        stamp = STAMP.search(marked.rest) or STAMP.search(marked.found["before"])
        place = Place(self._name, number, self._count)
        self._request = _Request(place, method, path, _seconds(stamp[0]) if stamp else None, {})

    def _open(self, kind: Kind, wanted: bool) -> None:
        self._json, self._of = JsonLines(self._shape, self._before) if wanted else None, kind

    def _more(self, line: bytes) -> None:
        if self._raw is not None:
            if self._shape is not None and self._shape.match(line):
                self._close()
            else:
                self._raw.append(line)
        elif self._json is not None and self._json.add(line):
            self._close()

    def _close(self) -> None:
        """What was under way ends here, whole or not."""
        request, value, raw = self._request, self._json, self._raw
        self._json = self._raw = None
        if request is None:
            return
        if raw is not None:
            request.answer = b"\n".join(raw).strip(b"\n")
        elif value is not None:
            reason = _broken(value.data)
            if self._of == "answer":
                request.answer = value.data if reason is None else request.answer
            elif request.body is None:
                request.body, request.broken = (value.data, None) if reason is None else (None, reason)

    def _given(self) -> Iterator[Read]:
        request, self._request = self._request, None
        if request is None:
            return
        meant = route(request.method, request.path.partition("?")[0])
        if meant.api is None and not meant.prompts:
            yield Passed(request.place)
        elif request.body is None:
            yield Problem(request.place, request.broken or f"there is no BODY: {_EXPECTED}")
        else:
            answer = None
            if request.status is not None or request.answer is not None:
                answer = Answered(request.status, _media(request.answer), request.answer)
            yield Captured(
                place=request.place,
                method=request.method,
                path=clean_path(request.path),
                api=meant.api,
                body=request.body,
                at=request.at,
                headers=request.headers,
                answer=answer,
            )


def _headers(told: bytes) -> dict[str, str]:
    """Headers as Python or JSON spells them; none that cannot be read."""
    text = told.decode(errors="replace").strip()
    for read in (msgspec.json.decode, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(value, dict):
            return kept_headers((str(name), str(value)) for name, value in value.items())
    return {}


def _broken(data: bytes) -> str | None:
    """Why a body is none; None where it is one."""
    if not data:
        return f"nothing follows BODY: {_EXPECTED}"
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        return f"its body breaks off or is no JSON ({error}); {_EXPECTED}"
    return None if data.startswith(b"{") else f"its body is no object; {_EXPECTED}"


def _media(answer: bytes | None) -> str:
    if answer is None:
        return ""
    first = answer.lstrip()[:6]
    if first[:1] in (b"{", b"["):
        return "application/json"
    return "text/event-stream" if first in (b"data: ", b"event:") else "text/plain"


def _seconds(stamp: bytes) -> float | None:
    """A stamp in seconds since the epoch. It is local time, taken for this machine's."""
    try:
        return datetime.fromisoformat(stamp.decode().replace(",", ".")).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
