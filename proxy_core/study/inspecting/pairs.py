"""What of a request's prompt came again from the request before it: texts and tools side by side."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import msgspec

from proxy_core.diagnosis.outline import Outline, outline
from proxy_core.errors import PromptError
from proxy_core.prompt import Kind, Message, Prompt, parse
from proxy_core.rules.same import same_value
from proxy_core.study.inspecting.sizes import text_size
from proxy_core.study.inspecting.spots import spots
from proxy_core.study.steps import Step

_KEPT = 8
"""Prompts that are kept read: those of the latest step and of the ones before it."""


class Read:
    """A prompt, and its components as the model sees them."""

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt
        self.outline: Outline = outline(prompt)

    @cached_property
    def size(self) -> int:
        """Bytes of text."""
        return text_size(self.outline)

    @cached_property
    def places(self) -> dict[int | None, int]:
        """For each message (None for the system text apart) the bytes of text in front of it."""
        found: dict[int | None, int] = {}
        at = 0
        for component in self.outline.components:
            if component.kind != "tools":
                found[component.message] = at
            at += len(component.text)
        return found

    @cached_property
    def tool_places(self) -> dict[str, int]:
        """For each tool, by its name, the bytes of text in front of it."""
        found: dict[str, int] = {}
        at = 0
        for component in self.outline.components:
            if component.kind == "tools":
                found.setdefault(component.tool or "", at)
            at += len(component.text)
        return found


class Reader:
    """Reads the prompts of steps; each is needed twice, as the newer one and as the older one."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, bool], Read] = OrderedDict()

    def read(self, step: Step, *, raw: bool) -> Read | None:
        """A step's prompt as the client sent it, or as the rules forward it; None where it cannot be read."""
        raw = raw or step.bodies.raw is step.bodies.normalized
        key = (step.number, raw)
        known = self._known.get(key)
        if known is None:
            api = step.exchange.api
            if api is None or step.lane is None:
                return None
            try:
                known = Read(parse(api, step.bodies.raw if raw else step.bodies.normalized))
            except PromptError:
                return None
            self._known[key] = known
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return known


class Site(NamedTuple):
    """Where a text stands in a prompt, so that it is found again in the next request."""

    kind: Kind | None
    """Who speaks; None in a tool's declaration."""
    number: int
    """Which of the system texts, or of the messages."""
    segment: int = 0
    tool: str = ""

    @property
    def name(self) -> str:
        """What to call it; messages are numbered from 1, as everywhere on screen."""
        if self.kind is None:
            return f"tool {self.tool or 'without a name'}"
        return "system" if self.kind == "system" else f"message {self.number + 1} ({self.kind})"


class Pair(NamedTuple):
    """A text that came again, and reads otherwise."""

    site: Site
    old: bytes
    new: bytes
    before: int
    """Bytes of text in front of it in the newer prompt, as the model sees it."""
    first: bool
    """Whether it is in the first message of its kind."""


def changed_texts(previous: Read, current: Read) -> Iterator[Pair]:
    """Texts of both prompts that differ, in the order in which the model sees them.

    System texts are paired in their order, tools by their names, messages by their numbers: from the first
    one on that another kind of message took the place of, nothing can be told.
    """
    yield from _systems(previous, current)
    yield from _tools(previous, current)
    yield from _messages(previous, current)


def text_at(prompt: Prompt, site: Site) -> bytes | None:
    """The text at a site; None where there is none."""
    if site.kind is None:
        return next((tool.raw for tool in prompt.tools if tool.name == site.tool), None)
    messages = system_messages(prompt) if site.kind == "system" else prompt.messages
    if site.number >= len(messages) or site.segment >= len(messages[site.number].segments):
        return None
    return messages[site.number].segments[site.segment].text


def system_messages(prompt: Prompt) -> list[Message]:
    """The system texts of a prompt, the one that stands apart first."""
    head = [prompt.head] if prompt.head is not None else []
    return [*head, *(message for message in prompt.messages if message.kind == "system")]


def same_tools(previous: Read, current: Read) -> tuple[bool, bool]:
    """Whether tools that both prompts declare stand in the same order, and have the same keys in order.

    Only of tools that are equal as JSON the keys are compared.
    """
    old, new = ({tool.name: tool.raw for tool in side.prompt.tools} for side in (previous, current))
    ordered = [name for name in old if name in new] == [name for name in new if name in old]
    equal = [name for name in old if name in new and same_json(old[name], new[name])]
    digests = [{one.tool or "": one.digest for one in side.outline.tools} for side in (previous, current)]
    spelled = all(digests[0].get(name) == digests[1].get(name) for name in equal)
    return ordered, spelled


def same_json(one: bytes, other: bytes) -> bool:
    """Whether two JSON texts say the same, whatever the order of keys."""
    if one == other:
        return True
    try:
        return same_value(msgspec.json.decode(one), msgspec.json.decode(other))
    except (msgspec.DecodeError, RecursionError):
        return False


def _systems(previous: Read, current: Read) -> Iterator[Pair]:
    sides = [system_messages(side.prompt) for side in (previous, current)]
    indexes: list[int | None] = [None] if current.prompt.head is not None else []
    indexes += (at for at, one in enumerate(current.prompt.messages) if one.kind == "system")
    for number, (old, new) in enumerate(zip(*sides, strict=False)):
        at = current.places.get(indexes[number], 0)
        yield from _segments(Site("system", number), old, new, at, first=number == 0)


def _tools(previous: Read, current: Read) -> Iterator[Pair]:
    old = {tool.name: tool.raw for tool in previous.prompt.tools}
    for component in current.outline.tools:
        name = component.tool or ""
        raw = next((tool.raw for tool in current.prompt.tools if tool.name == name), b"")
        if name in old and old[name] != raw and not same_json(old[name], raw):
            yield Pair(Site(None, 0, tool=name), old[name], raw, current.tool_places[name], first=True)


def _messages(previous: Read, current: Read) -> Iterator[Pair]:
    seen = False
    for number, (old, new) in enumerate(zip(previous.prompt.messages, current.prompt.messages, strict=False)):
        if old.kind != new.kind or len(old.segments) != len(new.segments):
            return
        first = new.kind == "user" and not seen
        seen |= first
        if new.kind != "user" or old.raw == new.raw:
            continue
        if not _akin(old, new):
            return
        at = current.places.get(number, 0)
        yield from _segments(Site("user", number), old, new, at, first=first)


def _akin(old: Message, new: Message) -> bool:
    """Whether a message is one that came again, and no other one in its place."""
    for ours, theirs in zip(old.segments, new.segments, strict=True):
        texts = tuple(one.text.decode(errors="replace") for one in (ours, theirs))
        changed = sum(max(part.end - part.start for part in (one.old, one.new)) for one in spots(*texts))
        if 2 * changed > max(map(len, texts)):
            return False
    return True


def _segments(site: Site, old: Message, new: Message, at: int, *, first: bool) -> Iterator[Pair]:
    if old.raw == new.raw or len(old.segments) != len(new.segments):
        return
    for index, (ours, theirs) in enumerate(zip(old.segments, new.segments, strict=True)):
        if ours.text != theirs.text and ours.kind == theirs.kind == site.kind:
            yield Pair(site._replace(segment=index), ours.text, theirs.text, at, first)
        at += len(theirs.text) + 1
