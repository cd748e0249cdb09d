"""What became of the declared tools."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from proxy_core.diagnosis.outline import Component
from proxy_core.verdict import How

_NAMED = 3
"""Tools that are named; of more, the number is told."""


class Change(NamedTuple):
    """What happened to the tools."""

    how: How
    names: tuple[str, ...]
    """Those to which it happened."""
    detail: str
    """All that happened, what came first in front."""


def changed_tools(previous: Sequence[Component], current: Sequence[Component]) -> Change | None:
    """Compare two lists of tools; None when the model sees the same in both.

    How they changed is told by the first place where they differ: a tool that only one list has, one of the
    same name that reads otherwise, or one that stood elsewhere.
    """
    old, new = ([_name(tool) for tool in side] for side in (previous, current))
    at = _first_difference(previous, current)
    if at is None:
        return None
    found: dict[How, tuple[str, ...]] = {
        "added": _missing(new, old),
        "removed": _missing(old, new),
        "redescribed": _redescribed(previous, current),
        "reordered": _moved(old, new),
    }
    first = _first(old[at:], new[at:], found)
    order = sorted((how for how in found if found[how]), key=lambda how: how != first)
    detail = "; ".join(f"{how}: {_listed(found[how])}" for how in order)
    return Change(first, found[first], detail or "tools of one name")


def _name(tool: Component) -> str:
    return tool.tool or "without a name"


def _first_difference(previous: Sequence[Component], current: Sequence[Component]) -> int | None:
    pairs = zip(previous, current, strict=False)
    at = next((place for place, (old, new) in enumerate(pairs) if not old.same(new)), None)
    if at is None and len(previous) != len(current):
        return min(len(previous), len(current))
    return at


def _first(old: Sequence[str], new: Sequence[str], found: dict[How, tuple[str, ...]]) -> How:
    if old and new and old[0] == new[0] and found["redescribed"]:
        return "redescribed"
    if new and new[0] in found["added"]:
        return "added"
    if old and old[0] in found["removed"]:
        return "removed"
    ways: tuple[How, ...] = ("reordered", "redescribed", "added", "removed")
    return next((how for how in ways if found[how]), "redescribed")


def _missing(names: Iterable[str], there: Sequence[str]) -> tuple[str, ...]:
    """Names that are not there, or there fewer times, in order."""
    left = list(there)
    found: list[str] = []
    for name in names:
        if name in left:
            left.remove(name)
        else:
            found.append(name)
    return tuple(found)


def _redescribed(previous: Sequence[Component], current: Sequence[Component]) -> tuple[str, ...]:
    """Names that both lists have, of tools that read otherwise."""
    known: dict[str, set[bytes]] = {}
    for tool in previous:
        known.setdefault(_name(tool), set()).add(tool.digest)
    changed = (_name(tool) for tool in current if tool.digest not in known.get(_name(tool), {tool.digest}))
    return tuple(dict.fromkeys(changed))


def _moved(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """The fewest names whose moving explains the other order."""
    places = {name: place for place, name in enumerate(old)}
    both = [name for name in dict.fromkeys(new) if name in places]
    tops: list[int] = []
    chains: list[tuple[str, ...]] = []
    for name in both:
        length = bisect_left(tops, places[name])
        chain = (*(chains[length - 1] if length else ()), name)
        tops[length : length + 1] = [places[name]]
        chains[length : length + 1] = [chain]
    kept = set(chains[-1]) if chains else set()
    return tuple(name for name in both if name not in kept)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
