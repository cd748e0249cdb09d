"""A prompt as a list of components in the order in which the model sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from proxy_core.diagnosis.seen import Seen, seen_message, seen_tool
from proxy_core.prompt import Message, Prompt
from proxy_core.verdict import Part

ToolsAt = Literal["first", "after system", "before last user", "nowhere"]
"""Where a model's chat template writes the declared tools. `nowhere`: the model never sees them."""


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """A system text, a declared tool, or a message."""

    kind: Part
    seen: Seen
    message: int | None = None
    """Index in the request's list of messages (0-based), where it stands there."""
    tool: str | None = None
    """The tool's name; empty for one without a name."""

    @property
    def name(self) -> str:
        """What to call it; messages are numbered from 1, as everywhere on screen."""
        if self.kind == "tools":
            return f"tool {self.tool or 'without a name'}"
        if self.kind == "system" or self.message is None:
            return "system"
        return f"message {self.message + 1} ({self.role})"

    @property
    def text(self) -> bytes:
        """Roughly what the model sees of it, in UTF-8."""
        return self.seen.text

    @property
    def digest(self) -> bytes:
        """Equal for what the model cannot tell apart."""
        return self.seen.digest

    @property
    def role(self) -> str:
        """Who speaks."""
        return self.seen.role

    @property
    def size(self) -> int:
        """Size of its text, and of the marks that the template writes around it."""
        return self.seen.size

    def same(self, other: Component) -> bool:
        """Whether the model sees the same in both."""
        return self.seen is other.seen or self.seen.digest == other.seen.digest


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """The components of a prompt, in the order in which the model sees them."""

    components: tuple[Component, ...]
    size: int = field(init=False)
    """Size of all of them."""

    def __post_init__(self) -> None:
        """Add up the sizes."""
        object.__setattr__(self, "size", sum(component.seen.size for component in self.components))

    @property
    def tools(self) -> tuple[Component, ...]:
        """The declared tools, in order."""
        return tuple(component for component in self.components if component.kind == "tools")


def outline(prompt: Prompt, tools_at: ToolsAt = "after system") -> Outline:
    """The components of a request.

    History comes again in every request, and what was made of a message is kept with it: only what is new
    is read.

    Args:
        prompt: A request.
        tools_at: Where the model's chat template writes the tools.
    """
    told: list[Component] = []
    if prompt.head is not None:
        told.append(_component(prompt, prompt.head, None, "system"))
    leading = True
    for index, message in enumerate(prompt.messages):
        leading = leading and message.kind == "system"
        told.append(_component(prompt, message, index, "system" if leading else "message"))
    at = _place_of_tools(told, tools_at)
    if at is None or not prompt.tools:
        return Outline(tuple(told))
    seen = ((tool.name, seen_tool(prompt.api, tool.raw)) for tool in prompt.tools)
    declared = [Component("tools", found, tool=name) for name, found in seen if found is not None]
    return Outline((*told[:at], *declared, *told[at:]))


def _component(prompt: Prompt, message: Message, index: int | None, kind: Part) -> Component:
    known = message.remembered.get("component")
    if isinstance(known, Component) and known.message == index and known.kind == kind:
        return known
    seen = known.seen if isinstance(known, Component) else seen_message(prompt.api, message)
    made = message.remembered["component"] = Component(kind, seen, index)
    return made


def _place_of_tools(told: list[Component], tools_at: ToolsAt) -> int | None:
    """Before which component the tools stand."""
    match tools_at:
        case "first":
            return 0
        case "after system":
            # Templates write them into the first system message, and make one where there is none.
            return 1 if told and told[0].kind == "system" else 0
        case "before last user":
            users = [place for place, component in enumerate(told) if component.role == "user"]
            return users[-1] if users else len(told)
        case "nowhere":
            return None
