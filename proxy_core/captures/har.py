"""HAR 1.2, as browsers, mitmproxy and others write it.

Format: http://www.softwareishard.com/blog/har-12-spec/

What HAR has no field for is kept in `_kvconsole`, which other readers pass over. A request body that is no
UTF-8 is written in base64 and says so in `_encoding`, since HAR has such a field only for responses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from proxy_core import __version__
from proxy_core.captures import jsonl
from proxy_core.captures.captured import (
    Answered,
    Captured,
    Figures,
    Finding,
    Passed,
    Place,
    Problem,
    Read,
)
from proxy_core.captures.headers import kept_headers
from proxy_core.captures.json_parts import BrokenJsonError, elements
from proxy_core.captures.stream import Stream
from proxy_core.llama.said import Said
from proxy_core.queries import clean_path
from proxy_core.routes import route

_NO_BODY = (
    "the HAR holds no body for this request; browsers leave bodies out that were long, "
    "or if asked to export without content"
)
_EPOCH = "1970-01-01T00:00:00.000Z"
"""Stands where HAR wants a time and none is known."""
_ORIGIN = "http://localhost"
"""Stands before a path, where HAR wants a whole address."""


class _Pair(msgspec.Struct):
    name: str = ""
    value: str = ""


class _Text(msgspec.Struct):
    """`postData` or `content`."""

    text: str | None = None
    encoding: str | None = None
    mime: str | None = msgspec.field(name="mimeType", default=None)
    own_encoding: str | None = msgspec.field(name="_encoding", default=None)


class _Request(msgspec.Struct):
    method: str
    url: str
    headers: list[_Pair] = []
    post: _Text | None = msgspec.field(name="postData", default=None)


class _Response(msgspec.Struct):
    status: int = 0
    content: _Text | None = None


class _Extra(msgspec.Struct, omit_defaults=True):
    """What `_kvconsole` holds."""

    at: float | None = None
    path: str | None = None
    id: str | None = None
    before: str | None = None
    client: str | None = None
    lane: str | None = None
    session: str | None = None
    server: str | None = None
    forwarded: jsonl.Spelled | bool | None = None
    ruleset: str | None = None
    edited: dict[str, int] = {}
    answered: bool = True
    said: Said | None = None
    said_only: bool = False
    """Whether the answer's text here is what was put together, and not what came over the wire."""
    figures: Figures | None = None
    finding: Finding | None = None
    note: str | None = None


class _Entry(msgspec.Struct):
    request: _Request
    time: float | None = None
    started: str = msgspec.field(name="startedDateTime", default="")
    response: _Response | None = None
    extra: _Extra | None = msgspec.field(name="_kvconsole", default=None)


_ENTRY = msgspec.json.Decoder(_Entry)


def read(stream: Stream) -> Iterator[Read]:
    """The requests to language models in a HAR.

    Raises:
        CaptureError: The file cannot be read to its end.
    """
    number = 0
    try:
        for number, part in enumerate(elements(stream.pieces(), ("log", "entries")), 1):
            place = Place(stream.name, part.line, number)
            try:
                yield _captured(_ENTRY.decode(part.data), place)
            except (ValueError, RecursionError) as error:
                yield Problem(place, str(error))
    except BrokenJsonError as error:
        yield Problem(Place(stream.name, error.line, number + 1), error.message)


def write(captured: Iterable[Captured]) -> Iterator[bytes]:
    """A HAR of requests, piece by piece."""
    creator = {"name": "kvconsole", "version": __version__}
    yield b'{"log":{"version":"1.2","creator":' + msgspec.json.encode(creator) + b',"entries":['
    for number, one in enumerate(captured):
        yield (b",\n" if number else b"\n") + msgspec.json.encode(_entry(one))
    yield b"\n]}}\n"


def _captured(entry: _Entry, place: Place) -> Read:
    request, extra = entry.request, entry.extra or _Extra()
    address = urlsplit(request.url)
    path = extra.path or (f"{address.path}?{address.query}" if address.query else address.path)
    meant = route(request.method, path.partition("?")[0])
    if meant.api is None and not meant.prompts and entry.extra is None:
        return Passed(place)
    if request.post is None or request.post.text is None:
        raise ValueError(_NO_BODY)
    encoding = request.post.own_encoding or request.post.encoding
    body = _decoded(request.post.text, encoding, "body")
    return Captured(
        place=place,
        method=request.method,
        path=clean_path(path),
        api=meant.api,
        body=body,
        forwarded=jsonl.forwarded(extra.forwarded, body),
        at=extra.at if entry.extra else _seconds(entry.started),
        headers=kept_headers((header.name, header.value) for header in request.headers),
        client=extra.client,
        lane=extra.lane,
        session=extra.session,
        id=extra.id,
        before=extra.before,
        server=extra.server,
        ruleset=extra.ruleset,
        edited=extra.edited,
        answer=_answer(entry.response, entry.extra),
        figures=extra.figures if entry.extra else _timed(entry.time),
        finding=extra.finding,
        note=extra.note,
    )


def _answer(response: _Response | None, extra: _Extra | None) -> Answered | None:
    content = (response and response.content) or _Text()
    if response is None or (extra is None and response.status <= 0 and not content.text):
        return None
    extra = extra or _Extra()
    if not extra.answered:
        return None
    body = None
    if content.text is not None and not extra.said_only:
        body = _decoded(content.text, content.encoding, "answer")
    return Answered(max(0, response.status) or None, content.mime or "", body, extra.said)


def _decoded(text: str, encoding: str | None, what: str) -> bytes:
    return jsonl.as_bytes(jsonl.Base64(text) if encoding == "base64" else text, what)


def _seconds(started: str) -> float | None:
    try:
        return datetime.fromisoformat(started).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _timed(time: float | None) -> Figures | None:
    return Figures(total_ms=time) if time is not None and time > 0 else None


def _entry(captured: Captured) -> dict[str, Any]:
    total = captured.figures.total_ms if captured.figures else None
    return {
        "startedDateTime": _started(captured.at),
        "time": total or 0,
        "request": _request(captured),
        "response": _response(captured.answer),
        "cache": {},
        # HAR asks for the three; nobody measured how the time went between them.
        "timings": {"send": 0, "wait": total or 0, "receive": 0},
        "_kvconsole": _extra(captured),
    }


def _request(captured: Captured) -> dict[str, Any]:
    path = captured.path if captured.path.startswith("/") else f"/{captured.path}"
    query = parse_qsl(path.partition("?")[2], keep_blank_values=True)
    post = {"mimeType": captured.headers.get("content-type", "application/json"), "params": []}
    return {
        "method": captured.method,
        "url": _ORIGIN + path,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [{"name": name, "value": value} for name, value in captured.headers.items()],
        "queryString": [{"name": name, "value": value} for name, value in query],
        "postData": post | _text_fields(captured.body, "_encoding"),
        "headersSize": -1,
        "bodySize": len(captured.body),
    }


def _response(answer: Answered | None) -> dict[str, Any]:
    content: dict[str, Any] = {"size": 0, "mimeType": ""}
    status = (answer and answer.status) or 0
    if answer is not None:
        content["mimeType"] = answer.type
        shown = answer.body
        if shown is None and answer.said is not None:
            shown = answer.said.text.encode()
        if shown is not None:
            content |= {"size": len(shown)} | _text_fields(shown, "encoding")
    known = status in HTTPStatus.__members__.values()
    return {
        "status": status,
        "statusText": HTTPStatus(status).phrase if known else "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [],
        "content": content,
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": content["size"],
    }


def _extra(captured: Captured) -> _Extra:
    answer = captured.answer
    return _Extra(
        at=captured.at,
        path=captured.path,
        id=captured.id,
        before=captured.before,
        client=captured.client,
        lane=captured.lane,
        session=captured.session,
        server=captured.server,
        forwarded=jsonl.spelled_forwarded(captured),
        ruleset=captured.ruleset,
        edited=dict(captured.edited),
        answered=answer is not None,
        said=answer and answer.said,
        said_only=answer is not None and answer.body is None,
        figures=captured.figures,
        finding=captured.finding,
        note=captured.note,
    )


def _text_fields(data: bytes, encoding: str) -> dict[str, str]:
    spelled = jsonl.spelled(data)
    return {"text": spelled} if isinstance(spelled, str) else {"text": spelled.base64, encoding: "base64"}


def _started(at: float | None) -> str:
    try:
        known = None if at is None else datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        known = None
    return known.isoformat(timespec="milliseconds").replace("+00:00", "Z") if known else _EPOCH
