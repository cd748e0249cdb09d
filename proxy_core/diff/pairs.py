"""Which section of one document stands opposite which section of another."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher

from proxy_core.diff.document import Section
from proxy_core.diff.marks import common_end, common_start

Pair = tuple[Section | None, Section | None]
"""Opposite sections; None where one side has nothing."""

_MOST_COMPARED = 2_500
"""Pairs of sections whose texts are compared; beyond, the order alone tells."""
_MOST_READ = 4_096
"""Characters of a text's beginning that are compared."""
_END = 0.9
"""A common end counts less: what goes from one message is often written behind another."""


def pair_sections(left: Sequence[Section], right: Sequence[Section]) -> list[Pair]:
    """Every section of both sides, once and in order.

    Documents of the same make (one request before and after its rules) pair by place. Others (a request and
    its predecessor) pair by equal content first, then, in between, by kind and name.
    """
    if [section[:2] for section in left] == [section[:2] for section in right]:
        return list(zip(left, right, strict=True))
    numbers: dict[object, int] = {}
    # Small numbers stand for contents: the matcher looks each one up many times.
    contents = [
        [numbers.setdefault((s.kind, s.name, s.lines), len(numbers)) for s in side] for side in (left, right)
    ]
    pairs: list[Pair] = []
    for tag, i1, i2, j1, j2 in _opcodes(*contents):
        if tag == "equal":
            pairs += zip(left[i1:i2], right[j1:j2], strict=True)
        else:
            pairs += _pair_changed(left[i1:i2], right[j1:j2])
    return pairs


def moved_sections(pairs: Sequence[Pair]) -> frozenset[Hashable]:
    """What stands on both sides, equal, but opposite nothing: tools in another order, say; see `content`."""
    alone = [{content(pair[side]) for pair in pairs if pair[1 - side] is None} for side in (0, 1)]
    return frozenset(alone[0] & alone[1])


def content(section: Section | None) -> Hashable:
    """A section without its number."""
    return section and (section.kind, section.name, section.lines)


def _opcodes(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[tuple[str, int, int, int, int]]:
    return list(SequenceMatcher(None, left, right, autojunk=False).get_opcodes())


def _pair_changed(left: Sequence[Section], right: Sequence[Section]) -> list[Pair]:
    """Pair what has one name, as many as can be, and of those ways the one whose texts are most alike.

    Where a message went, its neighbour of the same role must not stand opposite another one's place.
    """
    names = [[section[:2] for section in side] for side in (left, right)]
    if names[0] == names[1] or len(left) * len(right) > _MOST_COMPARED:
        return _pair_in_order(left, right, names)
    rows, columns = len(left), len(right)
    old, new = ([_begin(section) for section in side] for side in (left, right))
    alike = [
        [1 + _likeness(old[i], new[j]) if names[0][i] == names[1][j] else 0.0 for j in range(columns)]
        for i in range(rows)
    ]
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for i in reversed(range(rows)):
        for j in reversed(range(columns)):
            both = best[i + 1][j + 1] + alike[i][j] if alike[i][j] else 0.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], both)
    pairs: list[Pair] = []
    i = j = 0
    while i < rows and j < columns:
        if alike[i][j] and best[i][j] == best[i + 1][j + 1] + alike[i][j]:
            pairs.append((left[i], right[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            pairs.append((left[i], None))
            i += 1
        else:
            pairs.append((None, right[j]))
            j += 1
    pairs += [(section, None) for section in left[i:]]
    return pairs + [(None, section) for section in right[j:]]


def _begin(section: Section) -> str:
    return "\n".join(section.lines[:_MOST_READ])[:_MOST_READ]


def _likeness(left: str, right: str) -> float:
    """From 0 to 1: how much of the shorter text the other begins with, or, which counts less, ends with."""
    shorter = min(len(left), len(right)) or 1
    return max(common_start(left, right), _END * common_end(left, right)) / shorter


def _pair_in_order(
    left: Sequence[Section], right: Sequence[Section], names: Sequence[Sequence[Hashable]]
) -> list[Pair]:
    pairs: list[Pair] = []
    for tag, i1, i2, j1, j2 in _opcodes(*names):
        if tag == "equal":
            pairs += zip(left[i1:i2], right[j1:j2], strict=True)
        else:
            pairs += [(section, None) for section in left[i1:i2]]
            pairs += [(None, section) for section in right[j1:j2]]
    return pairs
