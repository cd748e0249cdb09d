"""Error bodies in the shape of the API that was called, so that a client can show them."""

from __future__ import annotations

from typing import Any

import msgspec

from proxy_core.prompt import Api


def error_body(api: Api | None, message: str, code: str) -> bytes:
    """A JSON error: Anthropic's shape for messages, OpenAI's for everything else.

    Args:
        api: The API that was called.
        message: What happened and what to try, for a person.
        code: A word for programs, such as `upstream_unreachable`.
    """
    return msgspec.json.encode(
        _anthropic(message) if api == "messages" else {"error": _openai(message, code)}
    )


def error_event(api: Api | None, message: str, code: str) -> bytes:
    """The server-sent event by which that API ends a stream that failed half-way."""
    if api == "messages":
        return b"event: error\ndata: " + msgspec.json.encode(_anthropic(message)) + b"\n\n"
    if api == "responses":
        event = {"type": "error", "code": code, "message": message, "param": None}
        return b"event: error\ndata: " + msgspec.json.encode(event) + b"\n\n"
    return b"data: " + msgspec.json.encode({"error": _openai(message, code)}) + b"\n\n"


def _openai(message: str, code: str) -> dict[str, Any]:
    return {"message": message, "type": "server_error", "param": None, "code": code}


def _anthropic(message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": "api_error", "message": message}}
