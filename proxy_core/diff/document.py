"""A request body as a document: headed sections of lines, in the order of a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2s
from typing import Literal, NamedTuple

from proxy_core.diff.pretty import load, pretty
from proxy_core.prompt.content import TEXT_KEYS, TEXT_TYPES
from proxy_core.visible import text_lines, visible

SectionKind = Literal["request", "tool", "system", "message", "body"]

_LONGEST_NAME = 60
_LISTS = {"chat": "messages", "messages": "messages", "responses": "input"}
_SYSTEM_KEYS = {"messages": "system", "responses": "instructions"}
_SYSTEM_ROLES = frozenset({"system", "developer"})
# Part types whose member of this name is text to read, or a list of further parts.
_READ = {
    **TEXT_KEYS,
    "thinking": "thinking",
    "tool_result": "content",
    "function_call_output": "output",
}


class Section(NamedTuple):
    """A part of a body that is compared as one."""

    kind: SectionKind
    name: str
    """The tool's name, the message's role or the item's type: what stays when the text changes."""
    heading: str
    """`name` for a person; messages are numbered from 1 by their place in the request's list of messages."""
    lines: tuple[str, ...]
    """At least one; safe to show, without line feeds."""


def document(body: bytes, api: str | None = None) -> tuple[Section, ...]:
    """The sections of a request body; never empty, whatever the bytes are.

    Args:
        body: A request body: OpenAI chat completions or responses, Anthropic messages, or anything else.
        api: "chat", "responses" or "messages" when known; a body of another shape is recognized by itself.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return (_binary(body),)
    if "\0" in text:
        return (_binary(body),)
    try:
        value = load(text)
        shape = _shape(value, api)
        if shape is None or not isinstance(value, dict):
            return (_section("body", "body", "body", pretty(value)),)
        return _request(value, shape)
    except (ValueError, RecursionError):
        return (_section("body", "body", "body", text_lines(text)),)


def _binary(body: bytes) -> Section:
    digest = blake2s(body, digest_size=4).hexdigest()
    return _section("body", "body", "body", [f"binary, {len(body):,} bytes · #{digest}"])


def _shape(value: object, api: str | None) -> str | None:
    if not isinstance(value, dict):
        return None
    if api in _LISTS and _fits(value, api):
        return api
    if _fits(value, "messages"):
        return "messages" if "system" in value else "chat"
    return "responses" if _fits(value, "responses") else None


def _fits(body: Mapping[str, object], api: str) -> bool:
    items = body.get(_LISTS[api])
    if isinstance(items, str):
        return api == "responses"
    # A list of strings is what embeddings are asked for.
    return isinstance(items, list) and all(isinstance(item, dict) for item in items)


def _request(body: dict[str, object], api: str) -> tuple[Section, ...]:
    settings = dict(body)
    items = settings.pop(_LISTS[api])
    sections: list[Section] = []
    if isinstance(tools := settings.get("tools"), list):
        del settings["tools"]
        sections += [_tool(tool) for tool in tools]
    if (key := _SYSTEM_KEYS.get(api)) and isinstance(settings.get(key), (str, list)):
        sections.append(_section("system", "system", key, _content(settings.pop(key))))
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    if isinstance(items, list):
        sections += [_message(item, number) for number, item in enumerate(items, 1)]
    return (_section("request", "request", "request settings", pretty(settings)), *sections)


def _tool(tool: object) -> Section:
    name: object = None
    if isinstance(tool, dict):
        function = tool.get("function")
        name = tool.get("name") or (function.get("name") if isinstance(function, dict) else None)
        name = name or tool.get("type")
    name = _name(name)
    return _section("tool", name, f"tool {name}", pretty(tool))


def _message(item: dict[str, object], number: int) -> Section:
    role = item.get("role")
    if not isinstance(role, str):
        name = _name(item.get("type"))
        return _section("message", name, f"{name} · {number}", _part(item))
    name = _name(role)
    rest = {key: value for key, value in item.items() if key not in ("role", "content")}
    if rest.get("type") == "message":
        del rest["type"]
    lines = _content(item.get("content")) + (pretty(rest) if rest else [])
    if number == 1 and role in _SYSTEM_ROLES:
        return _section("system", name, name, lines)
    return _section("message", name, f"{name} · {number}", lines)


def _content(content: object) -> list[str]:
    """Lines of a content: a string, a list of parts, or nothing."""
    if content is None:
        return []
    if isinstance(content, str):
        return text_lines(content)
    if not isinstance(content, list):
        return pretty(content)
    lines: list[str] = []
    for number, part in enumerate(content, 1):
        kind = part.get("type") if isinstance(part, dict) else "text"
        if len(content) > 1 or kind not in TEXT_TYPES:
            lines.append(f"▸ part {number} of {len(content)} · {_name(kind)}")
        lines += _part(part)
    return lines


def _part(part: object) -> list[str]:
    """Lines of one content part: its text as text, whatever else it has as JSON."""
    if isinstance(part, str):
        return text_lines(part)
    if not isinstance(part, dict):
        return pretty(part)
    kind = part.get("type")
    key = _READ.get(kind) if isinstance(kind, str) else None
    if key is None or not isinstance(part.get(key), (str, list)):
        return pretty(part)
    rest = {name: value for name, value in part.items() if name not in ("type", key)}
    return _content(part[key]) + (pretty(rest) if rest else [])


def _name(value: object) -> str:
    return visible(value)[:_LONGEST_NAME].replace("\n", "␊") if isinstance(value, str) and value else "item"


def _section(kind: SectionKind, name: str, heading: str, lines: list[str]) -> Section:
    return Section(kind, name, heading, tuple(lines) or ("",))
