"""What changed inside a pair of lines."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

Marks = tuple[tuple[int, int], ...]
"""Spans of changed characters in a line: (start, end) indexes, in order, not touching."""

_LONGEST_MARKED = 2048
_MOST_TOKENS = 300
_LEAST_KEPT = 0.2
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def mark_changes(left: str, right: str) -> tuple[Marks, Marks]:
    """What changed between two lines; no marks when they are very long or have next to nothing in common."""
    if max(len(left), len(right)) > _LONGEST_MARKED:
        return (), ()
    start = common_start(left, right)
    end = common_end(left[start:], right[start:])
    tokens = [_TOKEN.findall(text[start : len(text) - end]) for text in (left, right)]
    if max(map(len, tokens)) > _MOST_TOKENS:
        spans = [(start, len(left) - end, start, len(right) - end)]
    else:
        spans = list(_changed_spans(tokens[0], tokens[1], start))
    left_marks = _whole_characters(left, [(i1, i2) for i1, i2, _, _ in spans])
    right_marks = _whole_characters(right, [(j1, j2) for _, _, j1, j2 in spans])
    kept = len(left) - sum(b - a for a, b in left_marks)
    if kept < _LEAST_KEPT * min(len(left), len(right)):
        return (), ()
    return left_marks, right_marks


def _changed_spans(left: list[str], right: list[str], offset: int) -> Iterator[tuple[int, int, int, int]]:
    """Changed spans of two lists of tokens that both begin at character `offset` of their lines."""
    i_at = j_at = offset
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        old, new = "".join(left[i1:i2]), "".join(right[j1:j2])
        if tag != "equal":
            start = common_start(old, new)
            end = common_end(old[start:], new[start:])
            yield i_at + start, i_at + len(old) - end, j_at + start, j_at + len(new) - end
        i_at += len(old)
        j_at += len(new)


def _whole_characters(line: str, spans: list[tuple[int, int]]) -> Marks:
    """Spans that part no base character from its accents, joined where they touch, without empty ones."""
    marks: list[tuple[int, int]] = []
    for start, end in spans:
        if start == end:
            continue
        while start > 0 and _attaches(line[start]):
            start -= 1
        while end < len(line) and _attaches(line[end]):
            end += 1
        if marks and start <= marks[-1][1]:
            before = marks.pop()
            start, end = before[0], max(before[1], end)
        marks.append((start, end))
    return tuple(marks)


def _attaches(char: str) -> bool:
    return unicodedata.category(char).startswith("M") or ord(char) in _SKIN_TONES


def common_start(left: Sequence[object], right: Sequence[object]) -> int:
    """Length of what both begin with. Halving compares slices, quicker than a loop over items."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def common_end(left: Sequence[object], right: Sequence[object]) -> int:
    """Length of what both end with."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[len(left) - middle : len(left) - low] == right[len(right) - middle : len(right) - low]:
            low = middle
        else:
            high = middle - 1
    return low
