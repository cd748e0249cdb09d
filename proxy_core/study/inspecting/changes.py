"""What changed in a prompt since the one before it: each place by itself, in the model's order."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from proxy_core.diagnosis.sections import section
from proxy_core.diagnosis.toolset import changed_tools
from proxy_core.study.inspecting.pairs import Pair, Read, Site, changed_texts, same_tools
from proxy_core.study.inspecting.shapes import tokens
from proxy_core.study.inspecting.spots import How, Range, Spot, spots

ORDER, KEYS = "order", "order of keys"
"""What may change of the list of tools as a whole."""

TOOLS = Site(None, 0)
"""Where that is."""

_CONTEXT = 200
"""Characters in front of a value by which it is known again."""


class Sample(NamedTuple):
    """A text with a value in it."""

    text: bytes
    start: int
    end: int
    """Bytes."""

    @property
    def value(self) -> str:
        """What stands there."""
        return self.text[self.start : self.end].decode(errors="replace")


class Change:
    """Something that changed in a turn.

    Args:
        at: Bytes of the prompt in front of it.
        how: As of a spot.
        pair: The texts; None for the list of tools.
        spot: Where in the texts.
        what: Of the list of tools, `ORDER` or `KEYS`.
        values: Before and after.
    """

    def __init__(
        self,
        at: int,
        how: How,
        values: tuple[str, str],
        pair: Pair | None = None,
        spot: Spot | None = None,
        what: str = "",
    ) -> None:
        self.at = at
        self.how: How = how
        self.values = values
        self.pair = pair
        self.spot = spot
        self._what = what

    @property
    def site(self) -> Site:
        """The text that it is in."""
        return TOOLS if self.pair is None else self.pair.site

    @cached_property
    def section(self) -> str:
        """The section that it is in, as in verdicts; may be empty."""
        if self.pair is None:
            return self._what
        old, new = self.samples
        start = min(old.start, new.start)
        return section(self.pair.old, self.pair.new, start)

    @cached_property
    def context(self) -> str:
        """By what it is known again in other turns."""
        if self.pair is None or self.spot is None:
            return self._what
        if self.how == "lines" and self.section and not self.section.startswith("“"):
            return self.section
        return context(self.pair.new.decode(errors="replace"), self.spot)

    @cached_property
    def samples(self) -> tuple[Sample, ...]:
        """Both texts with the value; none for the list of tools."""
        if self.pair is None or self.spot is None:
            return ()
        return _sample(self.pair.old, self.spot.old), _sample(self.pair.new, self.spot.new)

    @property
    def part(self) -> str:
        """The part of the prompt, for a person: `system, "Inbound Context"`."""
        if self.site.kind is None:
            return f"tools: {self._what}" if self.pair is None else self.site.name
        named = self.section and not self.section.startswith("“")
        return f'{self.site.name}, "{self.section}"' if named else self.site.name


def changes(previous: Read, current: Read) -> list[Change]:
    """All places that changed, in order; see `pairs.changed_texts` for what is compared."""
    found = [*_of_tools(previous, current), *_of_texts(previous, current)]
    return sorted(found, key=lambda change: change.at)


def context(text: str, spot: Spot) -> str:
    """What stands in front of a value on its line, and where that says nothing, the line above.

    Other values are masked: they may change as well.
    """
    start = spot.new.start
    line = text.rfind("\n", 0, start) + 1
    before = text[line:start]
    if not any(char.isalnum() for char in before) and line:
        above = text.rfind("\n", 0, line - 1) + 1
        before = text[above:line] + before
    return "".join(token.masked for token in tokens(before[-4 * _CONTEXT :]))[-_CONTEXT:]


def _of_texts(previous: Read, current: Read) -> Iterator[Change]:
    for pair in changed_texts(previous, current):
        old, new = pair.old.decode(errors="replace"), pair.new.decode(errors="replace")
        for spot in spots(old, new):
            values = (old[slice(*spot.old)], new[slice(*spot.new)])
            at = pair.before + len(new[: spot.new.start].encode())
            yield Change(at, spot.how, values, pair, spot)


def _of_tools(previous: Read, current: Read) -> Iterator[Change]:
    ordered, spelled = same_tools(previous, current)
    at = min(current.tool_places.values(), default=0)
    if not ordered:
        yield Change(at, "shuffled", (_names(previous), _names(current)), what=ORDER)
    if not spelled:
        yield Change(at, "shuffled", ("", ""), what=KEYS)
    change = changed_tools(previous.outline.tools, current.outline.tools)
    if change is not None and change.how in ("added", "removed"):
        names = ", ".join(change.names)
        yield Change(at, "lines", (names, "") if change.how == "removed" else ("", names), what=change.how)


def _names(side: Read) -> str:
    return ", ".join(tool.name for tool in side.prompt.tools)


def _sample(raw: bytes, part: Range) -> Sample:
    text = raw.decode(errors="replace")
    start = len(text[: part.start].encode())
    return Sample(raw, start, start + len(text[slice(*part)].encode()))
