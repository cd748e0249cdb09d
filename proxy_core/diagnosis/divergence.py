"""The first place where a prompt leaves its predecessor's."""

from __future__ import annotations

from collections.abc import Sequence

from proxy_core.diagnosis.excerpt import excerpt
from proxy_core.diagnosis.history import fate
from proxy_core.diagnosis.outline import Component, Outline
from proxy_core.diagnosis.sections import clipped, section
from proxy_core.diagnosis.seen import FRAME, weight
from proxy_core.diagnosis.toolset import changed_tools
from proxy_core.diff.marks import common_start
from proxy_core.verdict import Divergence, Excerpt, How, Part


def diverge(previous: Outline, current: Outline) -> Divergence:
    """Find where a prompt leaves its predecessor's, and what happened there.

    Components are compared by their digests, so a long history costs next to nothing; only the first one that
    differs is read.

    Args:
        previous: The predecessor.
        current: The prompt.
    """
    index = _first_difference(previous.components, current.components)
    if index == len(previous.components):
        return _extended(previous, current)
    return _Place(previous, current, index).divergence()


def _first_difference(previous: Sequence[Component], current: Sequence[Component]) -> int:
    pairs = zip(previous, current, strict=False)
    differing = (index for index, (old, new) in enumerate(pairs) if not old.same(new))
    return next(differing, min(len(previous), len(current)))


def _extended(previous: Outline, current: Outline) -> Divergence:
    more = len(current.components) - len(previous.components)
    return Divergence(
        "extended",
        detail=f"{more} more message{'' if more == 1 else 's'}" if more else "the same prompt",
        shared=previous.size,
        previous_size=previous.size,
        size=current.size,
    )


class _Place:
    """Two prompts, and the index of the first component that differs."""

    def __init__(self, previous: Outline, current: Outline, index: int) -> None:
        self._previous, self._current = previous, current
        self._before = previous.components[index]
        self._now = current.components[index] if index < len(current.components) else None
        self._ours = previous.components[index:]
        self._theirs = current.components[index:]
        self._alike = _alike(self._before, self._now)
        common = sum(component.size for component in previous.components[:index])
        self._shared = common + _shared_size(self._before, self._now, self._alike)

    def divergence(self) -> Divergence:
        """What happened there."""
        kinds = {component.kind for component in (self._before, self._now) if component is not None}
        if "tools" in kinds and not ("system" in kinds and self._one_has_no_system()):
            return self._tools()
        return self._system() if "system" in kinds else self._message()

    def _one_has_no_system(self) -> bool:
        sides = (self._previous, self._current)
        return any(all(component.kind != "system" for component in side.components) for side in sides)

    def _tools(self) -> Divergence:
        change = changed_tools(self._previous.tools, self._current.tools)
        if change is None:
            # Only what stands around them is another thing: templates that write the tools in front of the
            # newest message do so anew in each request.
            names = tuple(tool.tool or "" for tool in self._current.tools)
            where = "the chat template writes them near the prompt's end"
            return self._made("reordered", "tools", "tools", where, names=names, shown=self._excerpt())
        both = self._before.kind == "tools" == (self._now and self._now.kind)
        at = self._now if change.how == "redescribed" and both else None
        name = at.name if at is not None else f"tool{'s'[: len(change.names) != 1]} {', '.join(change.names)}"
        return self._made(
            change.how,
            "tools",
            clipped(name, 60),
            clipped(change.detail, 60),
            names=change.names,
            offset=self._alike if at is not None else 0,
            shown=self._excerpt() if at is not None else self._names_excerpt(),
        )

    def _system(self) -> Divergence:
        old, new = self._before, self._now
        told = new if new is not None and new.kind == "system" else old
        if new is None or old.kind != new.kind:
            detail = "gone" if told is old else "new"
            shown = excerpt(*((told.text, b"") if told is old else (b"", told.text)), 0)
            index = None if told is old else told.message
            return self._made("changed", "system", "system", detail, message=index, shown=shown)
        where = section(old.text, new.text, self._alike)
        name = f'system, "{where}"' if where and not where.startswith("“") else "system"
        return self._made(
            *("changed", "system", name, where or "white space"),
            message=new.message,
            offset=_characters(new.text, self._alike),
            shown=self._excerpt(),
        )

    def _message(self) -> Divergence:
        old, new = self._before, self._now
        ours, theirs = (
            [component for component in side if component.kind == "message"]
            for side in (self._ours, self._theirs)
        )
        if new is None:
            fewer = f"{len(ours)} message{'' if len(ours) == 1 else 's'} fewer"
            return self._made("shortened", "message", old.name, fewer, shown=excerpt(old.text, b"", 0))
        found = fate(ours, theirs)
        gone = found.gone or (not found.detail and old.role != new.role)
        told = old if gone else new
        detail = found.detail or (_what_went(old) if gone else self._where(new))
        return self._made(
            *(found.how, "message", told.name, clipped(detail, 60)),
            message=new.message,
            offset=0 if gone else _characters(new.text, self._alike),
            shown=self._excerpt(),
        )

    def _where(self, new: Component) -> str:
        """Where in a message it reads otherwise."""
        where = section(self._before.text, new.text, self._alike)
        return f"{_number(new)}, {where}" if where else new.name

    def _excerpt(self) -> Excerpt:
        return excerpt(self._before.text, self._now.text if self._now is not None else b"", self._alike)

    def _names_excerpt(self) -> Excerpt:
        """The lists of names, one a line: they show at a glance what moved."""
        old, new = (
            "\n".join(tool.tool or "" for tool in side.tools).encode()
            for side in (self._previous, self._current)
        )
        return excerpt(old, new, _whole_character(old, common_start(old, new)))

    def _made(
        self,
        how: How,
        part: Part,
        name: str,
        detail: str,
        *,
        message: int | None = None,
        names: tuple[str, ...] = (),
        offset: int = 0,
        shown: Excerpt | None = None,
    ) -> Divergence:
        return Divergence(
            how,
            part,
            name,
            detail,
            message,
            names,
            offset,
            shown,
            self._shared,
            self._previous.size,
            self._current.size,
        )


def _what_went(old: Component) -> str:
    """What a message said in whose place another one stands."""
    return f"{_number(old)} is gone: {section(old.text, b'', 0) or old.role}"


def _number(told: Component) -> str:
    return "the message" if told.message is None else f"message {told.message + 1}"


def _alike(old: Component, new: Component | None) -> int:
    """Bytes of text that both components begin with; none where someone else speaks."""
    if new is None or old.kind != new.kind or old.role != new.role:
        return 0
    return _whole_character(old.text, common_start(old.text, new.text))


def _shared_size(old: Component, new: Component | None, alike: int) -> int:
    """Size of the same, with the mark of the template before the text."""
    if new is None or old.kind != new.kind or old.role != new.role:
        return 0
    mark = FRAME // 2 if old.kind != "tools" else 0
    return min(weight(old.text[:alike]) + mark, old.size, new.size)


def _whole_character(text: bytes, at: int) -> int:
    """`at`, or where the character begins that it would part."""
    while 0 < at < len(text) and text[at] & 0xC0 == 0x80:
        at -= 1
    return at


def _characters(text: bytes, at: int) -> int:
    return len(text[:at].decode(errors="replace"))
