"""Which section of one document stands opposite which section of another."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher

from proxy_core.diff.document import Section

Pair = tuple[Section | None, Section | None]
"""Opposite sections; None where one side has nothing."""


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
    pairs: list[Pair] = []
    names = [[section[:2] for section in side] for side in (left, right)]
    for tag, i1, i2, j1, j2 in _opcodes(*names):
        if tag == "equal":
            pairs += zip(left[i1:i2], right[j1:j2], strict=True)
        else:
            pairs += [(section, None) for section in left[i1:i2]]
            pairs += [(None, section) for section in right[j1:j2]]
    return pairs
