"""A request body as an ordered prompt, and how changed parts get back into its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from proxy_core.prompt.model import Api, Message, Segment, Tool, is_true, member, spliced, text_of
from proxy_core.prompt.spans import Member, Span, items
from proxy_core.prompt.tools import tool


@dataclass(frozen=True, eq=False)
class Prompt:
    """A request body as the model will see it."""

    api: Api
    body: bytes
    top: tuple[Member, ...]
    """The members of the body."""
    head: Message | None
    """The top-level system text (`system`, `instructions`), where the API has one and the request uses it."""
    messages: tuple[Message, ...]
    """The request's list (`messages` or `input`), in order."""
    spans: tuple[Span, ...]
    """Where each message lies in the body."""
    listed: Span | None
    """Where the list lies in the body; None when one string stands in its place."""

    @property
    def stream(self) -> bool:
        """Whether the client asks for a stream."""
        return is_true(self.body, member(self.top, "stream"))

    @property
    def model(self) -> str | None:
        """The model that the client asks for."""
        return text_of(self.body, member(self.top, "model"))

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """All texts in reading order: system text first."""
        parts = (self.head, *self.messages) if self.head else self.messages
        return tuple(segment for part in parts for segment in part.segments)

    @cached_property
    def tools(self) -> tuple[Tool, ...]:
        """The declared tools, in order; none where `tools` is no list."""
        return tuple(tool(self.body[span.start : span.end]) for span in self._tool_spans)

    @cached_property
    def _tool_spans(self) -> list[Span]:
        span = member(self.top, "tools")
        return items(self.body, span) if span and self.body[span.start : span.start + 1] == b"[" else []

    def rebuilt(
        self, head: bytes | None, messages: Sequence[tuple[int | None, bytes]], tools: Sequence[bytes]
    ) -> bytes:
        """The body with other parts, every byte of it that is none of them as it was.

        Args:
            head: JSON of the top-level system text; None leaves it.
            messages: For each message to send, its index in this prompt (None for a new one) and its JSON.
            tools: JSON of each tool to send.
        """
        cuts: list[tuple[int, int, bytes]] = []
        if head is not None and self.head is not None and head != self.head.raw:
            span = self._head_span()
            cuts.append((span.start, span.end, head))
        if [index for index, _ in messages] == list(range(len(self.messages))):
            cuts += (
                (span.start, span.end, raw)
                for span, (_, raw), old in zip(self.spans, messages, self.messages, strict=True)
                if raw is not old.raw
            )
        elif self.listed is not None:
            cuts.append((self.listed.start, self.listed.end, _array([raw for _, raw in messages])))
        span_of_tools = member(self.top, "tools")
        if span_of_tools and list(tools) != [known.raw for known in self.tools]:
            cuts.append((span_of_tools.start, span_of_tools.end, _array(tools)))
        return spliced(self.body, cuts) if cuts else self.body

    def _head_span(self) -> Span:
        span = member(self.top, "system" if self.api == "messages" else "instructions")
        assert span is not None  # There is a head, so it was read from there.
        return span


def _array(parts: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(parts) + b"]"
