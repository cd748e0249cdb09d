"""Message contents, which all three APIs spell alike: a string, or a list of typed parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from proxy_core.prompt.model import Api, Call, Kind, Segment, member, opens, spliced, text_of
from proxy_core.prompt.spans import Member, Span, items, members, whole

TEXT_TYPES = frozenset({"text", "input_text", "output_text"})
TEXT_KEYS = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "summary_text": "text",
    "reasoning_text": "text",
    "refusal": "refusal",
}
"""By the type of a part, the member that holds its text."""


@dataclass
class Parts:
    """What was found in one message."""

    segments: list[Segment] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    others: list[bytes] = field(default_factory=list)
    """What the parts hold that are neither texts nor tool calls, such as images."""


def read_content(source: bytes, content: Span | None, kind: Kind, into: Parts) -> None:
    """Read one content: its string, or each of its parts.

    An Anthropic `tool_result` part, which stands in a user message, holds a content of its own and is of
    kind `tool`; a `tool_use` part is a call. Other parts (images, unknown ones) hold no text that a rule may
    touch.
    """
    if content is None:
        return
    if opens(source, content, b'"'):
        _add(source, content, kind, into)
    elif opens(source, content, b"["):
        for part in items(source, content):
            if opens(source, part, b"{"):
                _read_part(source, members(source, part), kind, into)


def _read_part(source: bytes, fields: list[Member], kind: Kind, into: Parts) -> None:
    what = text_of(source, member(fields, "type"))
    if what in TEXT_TYPES:
        text = member(fields, "text")
        if text is not None and opens(source, text, b'"'):
            _add(source, text, kind, into)
    elif what == "tool_result":
        into.answers.append(text_of(source, member(fields, "tool_use_id")) or "")
        read_content(source, member(fields, "content"), "tool", into)
    elif what == "tool_use":
        into.calls.append(_call(source, fields, "id", None))
    else:
        # Anthropic's cache marker moves from part to part, and is none of what they say.
        own = [f.value for f in fields if f.key not in ("type", "cache_control")]
        into.others.append(b"\0".join(source[value.start : value.end] for value in own))


def _add(source: bytes, text: Span, kind: Kind, into: Parts) -> None:
    first = all(segment.kind != kind for segment in into.segments)
    into.segments.append(Segment(kind, source, text, first))


def tool_calls(source: bytes, span: Span | None) -> Iterator[Call]:
    """The calls in a chat message's `tool_calls`."""
    if span is None or not opens(source, span, b"["):
        return
    for item in items(source, span):
        if not opens(source, item, b"{"):
            continue
        fields = members(source, item)
        function = member(fields, "function")
        if function is None or not opens(source, function, b"{"):
            continue
        inner = members(source, function)
        call_id = text_of(source, member(fields, "id")) or ""
        yield _call(source, inner, "id", member(inner, "arguments"))._replace(id=call_id)


def function_call(source: bytes, fields: list[Member]) -> Call:
    """The call in a `function_call` item of responses."""
    return _call(source, fields, "call_id", member(fields, "arguments"))


def _call(source: bytes, fields: list[Member], id_key: str, arguments: Span | None) -> Call:
    call_id = text_of(source, member(fields, id_key)) or ""
    name = text_of(source, member(fields, "name")) or ""
    return Call(call_id, name, arguments if opens(source, arguments, b'"') else None)


def with_text(api: Api, raw: bytes, text: str) -> bytes:
    """A message without any text of its own, with a text put behind what it holds.

    Args:
        api: How messages are spelled.
        raw: The message's JSON.
        text: What to add.
    """
    content = member(members(raw, whole(raw)), "content")
    if content is None:
        return raw
    if not opens(raw, content, b"["):
        return spliced(raw, [(content.start, content.end, msgspec.json.encode(text))])
    part = msgspec.json.encode({"type": "input_text" if api == "responses" else "text", "text": text})
    end = content.end - 1
    return spliced(raw, [(end, end, b"," + part if items(raw, content) else part)])
