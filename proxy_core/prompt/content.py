"""Message contents, which all three APIs spell alike: a string, or a list of typed parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from proxy_core.prompt.model import Kind, Segment, member, opens, text_of
from proxy_core.prompt.spans import Span, items, members

TEXT_TYPES = frozenset({"text", "input_text", "output_text"})


def segments(source: bytes, content: Span | None, kind: Kind, message: int | None) -> Iterator[Segment]:
    """The text of one content: its string, or each of its text parts.

    An Anthropic `tool_result` part, which stands in a user message, holds a content of its own and is of
    kind `tool`. Other parts (images, tool calls, unknown ones) hold no text that a rule may touch.
    """
    if content is None:
        return
    if opens(source, content, b'"'):
        yield Segment(kind, message, content, source[content.start : content.end])
    elif opens(source, content, b"["):
        begun: set[Kind] = set()
        for part in items(source, content):
            for segment in _part(source, part, kind, message):
                yield segment if segment.kind not in begun else replace(segment, first=False)
                begun.add(segment.kind)


def _part(source: bytes, part: Span, kind: Kind, message: int | None) -> Iterator[Segment]:
    if not opens(source, part, b"{"):
        return
    fields = members(source, part)
    what = text_of(source, member(fields, "type"))
    text = member(fields, "text")
    if what in TEXT_TYPES and text is not None and opens(source, text, b'"'):
        yield Segment(kind, message, text, source[text.start : text.end])
    elif what == "tool_result":
        yield from segments(source, member(fields, "content"), "tool", message)
