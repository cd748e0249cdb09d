"""Two prompts compared component by component: what is the same, changed, new, gone or moved."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

import msgspec

from proxy_core.diagnosis.outline import Component, Outline
from proxy_core.diff.marks import common_end, common_start

Change = Literal["same", "changed", "added", "removed", "moved"]

_NOT_SETTINGS = frozenset({"messages", "input", "tools", "system", "instructions", "prompt"})
"""Members of a body that are the prompt itself."""
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Piece(NamedTuple):
    """A component of one or both prompts."""

    change: Change
    before: Component | None
    after: Component | None

    @property
    def component(self) -> Component:
        """What it is now; of one that is gone, what it was."""
        told = self.after or self.before
        assert told is not None
        return told


class Setting(NamedTuple):
    """A member of the body that is no part of the prompt: its JSON in both, None where it is missing."""

    name: str
    before: str | None
    after: str | None


def structure(previous: Outline, current: Outline) -> list[Piece]:
    """All components of both, in the order in which the model sees them; what is gone where it was.

    Tools are known by their names, texts by their content and their place.
    """
    rest = [[c for c in side.components if c.kind != "tools"] for side in (previous, current)]
    compared = _relocated(_texts(*rest))
    at = _place_of_tools(current if current.tools else previous)
    side = 1 if current.tools else 0
    return list(_inserted(compared, _tools(previous.tools, current.tools), at, side))


def settings(previous: bytes, current: bytes) -> list[Setting]:
    """Members of two bodies that are no part of the prompt, where they differ."""
    ours, theirs = (_members(body) for body in (previous, current))
    names = dict.fromkeys([*ours, *theirs])
    return [
        Setting(name, ours.get(name), theirs.get(name))
        for name in names
        if name not in _NOT_SETTINGS and ours.get(name) != theirs.get(name)
    ]


def _members(body: bytes) -> dict[str, str]:
    try:
        return {name: bytes(raw).decode() for name, raw in _MEMBERS.decode(body).items()}
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _place_of_tools(outline: Outline) -> int:
    """How many texts stand before the tools."""
    kinds = [component.kind for component in outline.components]
    return kinds.index("tools") if "tools" in kinds else len(kinds)


def _inserted(compared: Sequence[Piece], tools: Sequence[Piece], at: int, side: int) -> Iterator[Piece]:
    """The tools behind `at` texts of one side."""
    seen = 0
    rest = iter(compared)
    if at:
        for one in rest:
            yield one
            seen += one[1 + side] is not None
            if seen == at:
                break
    yield from tools
    yield from rest


def _texts(old: Sequence[Component], new: Sequence[Component]) -> list[Piece]:
    """Equal texts opposite one another; in between, texts of one speaker in their order."""
    ours, theirs = ([component.digest for component in side] for side in (old, new))
    start = common_start(ours, theirs)
    end = common_end(ours[start:], theirs[start:])
    i_end, j_end = len(old) - end, len(new) - end
    compared = [Piece("same", *pair) for pair in zip(old[:start], new[:start], strict=True)]
    for tag, i1, i2, j1, j2 in _opcodes(ours[start:i_end], theirs[start:j_end]):
        mine, yours = old[start + i1 : start + i2], new[start + j1 : start + j2]
        if tag == "equal":
            compared += [Piece("same", *pair) for pair in zip(mine, yours, strict=True)]
        else:
            compared += _between(mine, yours)
    return compared + [Piece("same", *pair) for pair in zip(old[i_end:], new[j_end:], strict=True)]


def _between(old: Sequence[Component], new: Sequence[Component]) -> Iterator[Piece]:
    speakers = [[(component.kind, component.role) for component in side] for side in (old, new)]
    for tag, i1, i2, j1, j2 in _opcodes(*speakers):
        if tag == "equal":
            yield from (Piece("changed", *pair) for pair in zip(old[i1:i2], new[j1:j2], strict=True))
        else:
            yield from (Piece("removed", one, None) for one in old[i1:i2])
            yield from (Piece("added", None, one) for one in new[j1:j2])


def _relocated(compared: list[Piece]) -> list[Piece]:
    """What went in one place and came, equal, in another has moved."""
    gone: defaultdict[bytes, deque[Component]] = defaultdict(deque)
    for one in compared:
        if one.change == "removed" and one.before is not None:
            gone[one.before.digest].append(one.before)
    taken: set[int] = set()
    found: list[Piece] = []
    for one in compared:
        if one.change == "added" and one.after is not None and (same := gone.get(one.after.digest)):
            before = same.popleft()
            taken.add(id(before))
            found.append(Piece("moved", before, one.after))
        else:
            found.append(one)
    return [one for one in found if one.change != "removed" or id(one.before) not in taken]


def _tools(old: Sequence[Component], new: Sequence[Component]) -> list[Piece]:
    """Tools of one name opposite one another; those out of order have moved, gone ones come last."""
    seen: Counter[str | None] = Counter()
    places: dict[Hashable, int] = {}
    for place, tool in enumerate(old):
        places[tool.tool, seen[tool.tool]] = place
        seen[tool.tool] += 1
    seen.clear()
    pairs: list[tuple[int | None, Component]] = []
    for tool in new:
        pairs.append((places.pop((tool.tool, seen[tool.tool]), None), tool))
        seen[tool.tool] += 1
    steady = _longest_in_order([place for place, _ in pairs if place is not None])
    compared = [_tool(None if place is None else old[place], tool, place in steady) for place, tool in pairs]
    return compared + [Piece("removed", old[place], None) for place in sorted(places.values())]


def _tool(before: Component | None, after: Component, steady: bool) -> Piece:
    if before is None:
        return Piece("added", None, after)
    if not before.same(after):
        return Piece("changed", before, after)
    return Piece("same" if steady else "moved", before, after)


def _longest_in_order(places: Sequence[int]) -> frozenset[int]:
    """The most places that stand in order: the fewest others have moved."""
    tops: list[int] = []
    chain: dict[int, int | None] = {}
    for place in places:
        length = bisect_left(tops, place)
        chain[place] = tops[length - 1] if length else None
        tops[length : length + 1] = [place]
    kept: set[int] = set()
    at = tops[-1] if tops else None
    while at is not None:
        kept.add(at)
        at = chain[at]
    return frozenset(kept)


def _opcodes(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[str, int, int, int, int]]:
    return list(SequenceMatcher(None, old, new, autojunk=False).get_opcodes())
