"""Which requests carry a prompt, told from their path."""

from __future__ import annotations

from typing import NamedTuple

from proxy_core.prompt import Api


class Route(NamedTuple):
    """What a path means to kvconsole."""

    label: str
    api: Api | None
    """The API whose prompt rules read."""
    prompts: bool
    """Whether llama-server evaluates a prompt for it."""


TELEMETRY = "telemetry"
"""The label of what a client reports about itself, which kvconsole answers."""

# Endings of the paths of llama.cpp b10587, so that `/v1` and an `--api-prefix` may stand before them.
# Token counts get the same rules as the request they count for, or the count would be wrong.
_POSTS = (
    ("/chat/completions/input_tokens", Route("count", "chat", False)),
    ("/responses/input_tokens", Route("count", "responses", False)),
    ("/messages/count_tokens", Route("count", "messages", False)),
    ("/chat/completions", Route("chat", "chat", True)),
    ("/responses", Route("responses", "responses", True)),
    ("/messages", Route("messages", "messages", True)),
    ("/completion", Route("completion", None, True)),
    ("/completions", Route("completion", None, True)),
    ("/infill", Route("infill", None, True)),
    ("/embedding", Route("embed", None, True)),
    ("/embeddings", Route("embed", None, True)),
    ("/rerank", Route("rerank", None, True)),
    ("/reranking", Route("rerank", None, True)),
    # Claude Code's, under whatever base URL it was given.
    ("/api/event_logging/batch", Route(TELEMETRY, None, False)),
    ("/api/event_logging/v2/batch", Route(TELEMETRY, None, False)),
)


def route(method: str, path: str) -> Route:
    """What `method` on `path` (without a query) means; most paths mean nothing here and pass through."""
    if method == "POST":
        for ending, meant in _POSTS:
            if path.endswith(ending):
                return meant
    return Route(method.lower(), None, False)
