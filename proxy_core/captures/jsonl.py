"""kvconsole's own format: JSON Lines, one request a line.

Each line is an object. Keys of format 1, of which all but `kvconsole`, `method`, `path` and `body` may be
missing:

`kvconsole`: the format's number, 1. A later format has another number only where an older kvconsole would
read it wrongly; keys that are not known are passed over.
`at`: when the request came, in seconds since the epoch. `id`, `before` (id of the request before it in its
conversation), `client`, `lane`, `session`, `api` (`chat`, `responses`, `messages`), `server` (build of
llama-server), `ruleset` (version of the rules), `note`: strings.
`method`, `path`: of the request; secrets in the query stand as `…`.
`headers`: an object of those that tell the client.
`body`: a string; or, where the bytes are no UTF-8, `{"base64": "…"}`. Exact bytes in either case.
`forwarded`: what kvconsole sent on, spelled as `body`, or `true` where that was `body` itself.
`edited`: how many edits each rule made, by its id.
`answer`: `status`, `type`, `body` (as above), `said` (`text`, `reasoning`, `calls`).
`figures`, `finding`: tokens and milliseconds, and the verdict; see `captured.Figures` and `captured.Finding`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

import msgspec

from proxy_core.captures.captured import Answered, Captured, Figures, Finding, Place, Problem, Read
from proxy_core.captures.headers import kept_headers
from proxy_core.captures.stream import Stream
from proxy_core.llama.said import Said
from proxy_core.prompt import Api
from proxy_core.queries import clean_path

FORMAT = 1


class Base64(msgspec.Struct):
    """Bytes that are no UTF-8."""

    base64: str


Spelled = str | Base64
"""Bytes as they stand in JSON."""


class _Answer(msgspec.Struct, omit_defaults=True):
    status: int | None = None
    type: str = ""
    body: Spelled | None = None
    said: Said | None = None


class _Line(msgspec.Struct, omit_defaults=True, kw_only=True):
    kvconsole: int
    id: str | None = None
    before: str | None = None
    at: float | None = None
    client: str | None = None
    lane: str | None = None
    session: str | None = None
    server: str | None = None
    method: str
    path: str
    api: str | None = None
    headers: dict[str, str] = {}
    body: Spelled
    forwarded: Spelled | bool | None = None
    ruleset: str | None = None
    edited: dict[str, int] = {}
    answer: _Answer | None = None
    figures: Figures | None = None
    finding: Finding | None = None
    note: str | None = None


class _Version(msgspec.Struct):
    kvconsole: int


_LINE = msgspec.json.Decoder(_Line)
_VERSION = msgspec.json.Decoder(_Version)
_APIS: dict[str | None, Api] = {"chat": "chat", "responses": "responses", "messages": "messages"}


def line(captured: Captured) -> bytes:
    """A request as one line, with the line feed that ends it. Its place is not part of it."""
    answer = captured.answer
    return (
        msgspec.json.encode(
            _Line(
                kvconsole=FORMAT,
                id=captured.id,
                before=captured.before,
                at=captured.at,
                client=captured.client,
                lane=captured.lane,
                session=captured.session,
                server=captured.server,
                method=captured.method,
                path=captured.path,
                api=captured.api,
                headers=dict(captured.headers),
                body=spelled(captured.body),
                forwarded=spelled_forwarded(captured),
                ruleset=captured.ruleset,
                edited=dict(captured.edited),
                answer=None
                if answer is None
                else _Answer(answer.status, answer.type, _maybe(answer.body), answer.said),
                figures=captured.figures,
                finding=captured.finding,
                note=captured.note,
            )
        )
        + b"\n"
    )


def read(stream: Stream) -> Iterator[Read]:
    """The requests of a file; a line that cannot be read is told in its place.

    Raises:
        CaptureError: The file cannot be read to its end.
    """
    entry = 0
    for number, data in stream.lines():
        if not data.strip():
            continue
        entry += 1
        place = Place(stream.name, number, entry)
        try:
            yield captured(data, place)
        except (ValueError, RecursionError) as error:
            yield Problem(place, str(error))


def captured(data: bytes, place: Place) -> Captured:
    """One line's request.

    Raises:
        ValueError: It is none; the message says why.
    """
    try:
        format_number = _VERSION.decode(data).kvconsole
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"no request of kvconsole's: {error}") from error
    if format_number > FORMAT:
        raise ValueError(
            f"it is of format {format_number}, and this kvconsole reads up to {FORMAT}; a newer one reads it"
        )
    try:
        read = _LINE.decode(data)
    except msgspec.DecodeError as error:
        raise ValueError(f"no request of kvconsole's: {error}") from error
    body = as_bytes(read.body, "body")
    return Captured(
        place=place,
        method=read.method,
        path=clean_path(read.path),
        api=_APIS.get(read.api),
        body=body,
        forwarded=forwarded(read.forwarded, body),
        at=read.at,
        headers=kept_headers(read.headers),
        client=read.client,
        lane=read.lane,
        session=read.session,
        id=read.id,
        before=read.before,
        server=read.server,
        ruleset=read.ruleset,
        edited=read.edited,
        answer=None if read.answer is None else _answered(read.answer),
        figures=read.figures,
        finding=read.finding,
        note=read.note,
    )


def _answered(answer: _Answer) -> Answered:
    body = None if answer.body is None else as_bytes(answer.body, "body of the answer")
    return Answered(answer.status, answer.type, body, answer.said)


def forwarded(told: Spelled | bool | None, body: bytes) -> bytes | None:
    """What was forwarded, as it is told beside `body`.

    Raises:
        ValueError: It is no base64.
    """
    if isinstance(told, bool) or told is None:
        return body if told else None
    return as_bytes(told, "forwarded body")


def _maybe(data: bytes | None) -> Spelled | None:
    return None if data is None else spelled(data)


def spelled_forwarded(captured: Captured) -> Spelled | bool | None:
    """What was forwarded: `True` where that was the body itself, None where it is unknown."""
    return True if captured.forwarded == captured.body else _maybe(captured.forwarded)


def spelled(data: bytes) -> Spelled:
    """Bytes as text, or in base64 where they are none."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return Base64(base64.b64encode(data).decode())


def as_bytes(told: Spelled, what: str) -> bytes:
    """The bytes that are spelled; the inverse of `spelled`.

    Raises:
        ValueError: They are no base64; `what` names them.
    """
    if isinstance(told, str):
        return told.encode()
    try:
        return base64.b64decode(told.base64, validate=True)
    except ValueError as error:
        raise ValueError(f"its {what} is no base64: {error}") from error
