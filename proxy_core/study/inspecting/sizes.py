"""What a request is made of: its items by role, and the bytes of text in each part of it."""

from __future__ import annotations

from typing import NamedTuple

from proxy_core.diagnosis.outline import Component, Outline
from proxy_core.diff.marks import common_start
from proxy_core.prompt import Message, Prompt


class Items(NamedTuple):
    """Items of a request's prompt, by who speaks in them."""

    system: int = 0
    user: int = 0
    assistant: int = 0
    tool: int = 0
    """Outputs of tools."""
    calls: int = 0
    """Tool calls."""
    tools: int = 0
    """Declared tools."""
    other: int = 0
    """Items that are no messages, such as reasoning."""


class Sizes(NamedTuple):
    """Bytes of text (UTF-8) that the model sees, by component."""

    system: int = 0
    tools: int = 0
    history: int = 0
    """Messages up to the newest answer, that included."""
    newest: int = 0
    """What follows the newest answer: what the person says, and what tools put out."""


def items_of(prompt: Prompt) -> Items:
    """Count the items of a request."""
    counts = {"system": int(prompt.head is not None), "user": 0, "assistant": 0, "tool": 0, "other": 0}
    calls = 0
    for message in prompt.messages:
        calls += len(message.calls)
        for role in _roles(message):
            counts[role] += 1
    return Items(**counts, calls=calls, tools=len(prompt.tools))


def _roles(message: Message) -> list[str]:
    """As whom it counts: an Anthropic user message may hold the outputs of several tools, and words."""
    if message.kind is None:
        return ["other"]
    if message.kind != "user" or not message.answers:
        return [message.kind]
    return ["tool"] * len(message.answers) + ["user"] * ("user" in message.kinds)


def sizes_of(outline: Outline) -> Sizes:
    """Add up the texts of a prompt's components."""
    system = tools = 0
    messages: list[Component] = []
    for component in outline.components:
        if component.kind == "system":
            system += len(component.text)
        elif component.kind == "tools":
            tools += len(component.text)
        else:
            messages.append(component)
    last = max((at for at, one in enumerate(messages) if one.role == "assistant"), default=-1)
    history, newest = messages[: last + 1], messages[last + 1 :]
    return Sizes(system, tools, *(sum(len(one.text) for one in part) for part in (history, newest)))


def text_size(outline: Outline) -> int:
    """Bytes of text of a whole prompt."""
    return sum(len(component.text) for component in outline.components)


def shared_bytes(previous: Outline, current: Outline) -> int:
    """Bytes of text that two prompts begin with, as the model sees them."""
    shared = 0
    for old, new in zip(previous.components, current.components, strict=False):
        if not old.same(new):
            alike = old.kind == new.kind and old.role == new.role
            return shared + (common_start(old.text, new.text) if alike else 0)
        shared += len(new.text)
    return shared
