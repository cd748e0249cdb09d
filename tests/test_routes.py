from __future__ import annotations

import pytest

from proxy_core.routes import Route, route


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/chat/completions", Route("chat", "chat", True)),
        ("/chat/completions", Route("chat", "chat", True)),
        ("/api/v1/chat/completions", Route("chat", "chat", True)),
        ("/v1/responses", Route("responses", "responses", True)),
        ("/responses", Route("responses", "responses", True)),
        ("/v1/messages", Route("messages", "messages", True)),
        ("/messages", Route("messages", "messages", True)),
        ("/v1/messages/count_tokens", Route("count", "messages", False)),
        ("/v1/chat/completions/input_tokens", Route("count", "chat", False)),
        ("/v1/responses/input_tokens", Route("count", "responses", False)),
        ("/completion", Route("completion", None, True)),
        ("/v1/completions", Route("completion", None, True)),
        ("/infill", Route("infill", None, True)),
        ("/embedding", Route("embed", None, True)),
        ("/v1/embeddings", Route("embed", None, True)),
        ("/rerank", Route("rerank", None, True)),
        ("/v1/reranking", Route("rerank", None, True)),
        ("/api/event_logging/batch", Route("telemetry", None, False)),
        ("/v1/api/event_logging/v2/batch", Route("telemetry", None, False)),
        ("/api/event_logging", Route("post", None, False)),
        ("/tokenize", Route("post", None, False)),
        ("/v1/responses/resp_1/cancel", Route("post", None, False)),
        ("/v1/chat/completions/", Route("post", None, False)),
        ("/", Route("post", None, False)),
    ],
)
def test_what_a_post_means(path: str, expected: Route) -> None:
    assert route("POST", path) == expected


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "PURGE"])
def test_only_a_post_carries_a_prompt(method: str) -> None:
    assert route(method, "/v1/chat/completions") == Route(method.lower(), None, False)
