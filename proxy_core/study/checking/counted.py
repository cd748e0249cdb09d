"""How much of an earlier prompt comes again, counted by a live llama-server's own template and tokenizer.

No prompt is sent to be evaluated: only /props, /apply-template and /tokenize are asked.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import TracebackType
from typing import Self

import httpx

from proxy_core.counting.template import tools_at
from proxy_core.counting.tokens import Shared, TokenCounter
from proxy_core.diagnosis.outline import ToolsAt, outline
from proxy_core.errors import KvconsoleError
from proxy_core.llama.builds import build_number
from proxy_core.llama.facts import Upstream, with_props
from proxy_core.prompt import Prompt
from proxy_core.study.checking.measures import Measured, by_text
from proxy_core.upstream import UpstreamClient, reason
from proxy_core.verdict import Cause, Divergence

_CONNECT_SECONDS = 5.0
_PROPS_SECONDS = 10.0


class CountError(KvconsoleError):
    """The server cannot count, so nothing can be said."""

    title = "Upstream"


class Counted:
    """A measure that a live server counts; open it with `with`.

    Args:
        url: The server's base URL.
    """

    def __init__(self, url: str) -> None:
        self.upstream = Upstream(url)
        """What the server tells of itself, once open."""
        self._runner = asyncio.Runner()
        self._client = UpstreamClient(url, _CONNECT_SECONDS)
        self._counter = TokenCounter(self._client)
        self._tools_at: dict[str | None, ToolsAt] = {}

    def __enter__(self) -> Self:
        """Ask the server what it is.

        Raises:
            CountError: It does not answer.
        """
        try:
            status, body = self._runner.run(self._client.get("/props", _PROPS_SECONDS))
        except httpx.HTTPError as error:
            self._close()
            raise CountError(
                f"{self.upstream.url} cannot be asked to count tokens: {reason(error)}. Start llama-server, "
                "or leave --upstream out: prompts are then compared by their text."
            ) from error
        except BaseException:
            self._close()
            raise
        self.upstream = with_props(self.upstream, status, body)
        self._counter.build = build_number(self.upstream.build_info)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def __call__(self, previous: Prompt, current: Prompt) -> Measured:
        """Count what both prompts begin with.

        Raises:
            CountError: The server cannot count them; the message says why.
        """
        shared = self._runner.run(self._counter.shared(previous, current))
        if shared is None:
            problem = self._counter.problem or "It did not say why."
            raise CountError(f"{problem} Without --upstream, prompts are compared by their text.")
        told = by_text(previous, current, self._template(current.model))
        return counted(told, shared, thoughtful=_thoughtful(previous))

    def _template(self, model: str | None) -> ToolsAt:
        """Where the template writes the tools; it only tells where prompts part, not how much they share."""
        if model not in self._tools_at:
            found = self._runner.run(tools_at(self._client, model))
            self._tools_at[model] = found or "after system"
        return self._tools_at[model]

    def _close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


def counted(told: Measured, shared: Shared, *, thoughtful: bool) -> Measured:
    """What the server counted, with the place where both part.

    Args:
        told: What the text of both tells.
        shared: What the server counted.
        thoughtful: Whether the earlier prompt has messages with what the model thought.
    """
    tokens = shared.tokens
    if shared.excerpt is None and tokens == shared.current - 1:
        # Of a prompt that is there whole the server evaluates the last token all the same.
        tokens = min(shared.current, shared.previous)
    parted, cause = told.divergence, told.cause
    if parted.how == "extended" and tokens < shared.previous:
        parted = _rendered(parted, shared)
        cause = _rendered_cause(thoughtful=thoughtful)
    return Measured(tokens, shared.previous, shared.current, "tokens", parted, cause)


def _rendered(parted: Divergence, shared: Shared) -> Divergence:
    name = "what the chat template makes of it"
    return replace(
        parted, how="rendered", part="message", name=name, detail="", excerpt=shared.excerpt, offset=0
    )


def _rendered_cause(*, thoughtful: bool) -> Cause:
    return "reasoning dropped" if thoughtful else "template changed"


def _thoughtful(prompt: Prompt) -> bool:
    return any(component.seen.thought for component in outline(prompt).components)
