from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from proxy_core.asgi import Message
from proxy_core.exchange import Exchange
from proxy_core.local_answers import answer_here
from proxy_core.routes import route


def exchange(path: str, method: str = "POST") -> Exchange:
    meant = route(method, path)
    return Exchange(method=method, path=path, api=meant.api, label=meant.label, prompts=meant.prompts)


def answered(about: Exchange, *, bypassed: bool = False) -> tuple[Exchange | None, list[Message]]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    return asyncio.run(answer_here(about, bypassed, send)), sent


@pytest.mark.parametrize("path", ["/api/event_logging/batch", "/prefix/v1/api/event_logging/batch"])
def test_telemetry_ends_here_with_an_empty_204_and_a_note(path: str) -> None:
    about = exchange(path)
    told, sent = answered(about)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert (sent[0]["status"], sent[1]["body"], sent[1]["more_body"]) == (204, b"", False)
    assert told is not None
    assert told.note is not None
    assert "answered here" in told.note
    assert told == replace(about, status="done", http_status=204, note=told.note)


def test_with_the_rules_bypassed_it_is_forwarded_too() -> None:
    assert answered(exchange("/api/event_logging/batch"), bypassed=True) == (None, [])


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/messages"), ("POST", "/api/event_logging/batches"), ("GET", "/api/event_logging/batch")],
)
def test_everything_else_is_forwarded(method: str, path: str) -> None:
    assert answered(exchange(path, method)) == (None, [])
