"""Which line of one text stands opposite which line of another."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from proxy_core.diff.marks import common_end, common_start

Places = tuple[int | None, int | None]
"""Indexes of two lines that stand opposite each other; None where one side has nothing."""

Box = tuple[int, int, int, int]
"""A range of lines on either side: left start and end, right start and end."""

_LARGEST_BLOCK = 400
_MOST_MATCHES = 500_000
_ALIKE = 0.2


def align_lines(left: Sequence[str], right: Sequence[str]) -> Iterator[Places]:
    """Every line of both sides, once and in order.

    Lines that occur once on both sides are matched first: that takes next to no time, and leaves short gaps
    to the matcher, whose time grows with the square of what it is given.
    """
    start = common_start(left, right)
    end = common_end(left[start:], right[start:])
    i_end, j_end = len(left) - end, len(right) - end
    yield from ((n, n) for n in range(start))
    i = j = start
    for i_next, j_next in _unique_matches(left, right, (start, i_end, start, j_end)):
        yield from _align_gap(left, right, (i, i_next, j, j_next))
        yield i_next, j_next
        i, j = i_next + 1, j_next + 1
    yield from _align_gap(left, right, (i, i_end, j, j_end))
    yield from ((i_end + n, j_end + n) for n in range(end))


def _unique_matches(left: Sequence[str], right: Sequence[str], box: Box) -> list[tuple[int, int]]:
    """The longest list, in order on both sides, of equal lines that occur once on either side."""
    i0, i_end, j0, j_end = box
    left_counts, right_counts = Counter(left[i0:i_end]), Counter(right[j0:j_end])
    places = {line: j for j, line in enumerate(right[j0:j_end], j0) if right_counts[line] == 1}
    tops: list[int] = []
    ends: list[tuple[int, int, int]] = []
    chain: list[tuple[int, int, int]] = []
    for i, line in enumerate(left[i0:i_end], i0):
        if left_counts[line] > 1 or (j := places.get(line)) is None:
            continue
        # Each list that ends lowest for its length can be the beginning of a longer one.
        length = bisect_left(tops, j)
        tops[length : length + 1] = [j]
        ends[length : length + 1] = [(i, j, len(chain))]
        chain.append((i, j, ends[length - 1][2] if length else -1))
    matches: list[tuple[int, int]] = []
    at = ends[-1][2] if ends else -1
    while at >= 0:
        i, j, at = chain[at]
        matches.append((i, j))
    return matches[::-1]


def _align_gap(left: Sequence[str], right: Sequence[str], box: Box) -> Iterator[Places]:
    i0, i_end, j0, j_end = box
    old, new = left[i0:i_end], right[j0:j_end]
    if not _worth_matching(old, new):
        yield from _align_block(left, right, box)
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new).get_opcodes():
        if tag == "equal":
            yield from ((i0 + i1 + n, j0 + j1 + n) for n in range(i2 - i1))
        else:
            yield from _align_block(left, right, (i0 + i1, i0 + i2, j0 + j1, j0 + j2))


def _worth_matching(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether the sides share lines, and not so many equal ones that matching takes seconds."""
    counts = Counter(right)
    # The matcher itself passes over lines that make up more than a hundredth of a long text.
    most = len(right) // 100 + 1 if len(right) >= 200 else len(right)
    return 0 < sum(count for line in left if (count := counts[line]) <= most) <= _MOST_MATCHES


def _align_block(left: Sequence[str], right: Sequence[str], box: Box) -> Iterator[Places]:
    """Pair the most similar lines of a changed block; what lies between such pairs is paired in order."""
    i, i_end, j, j_end = box
    if 1 < (i_end - i) * (j_end - j) <= _LARGEST_BLOCK:
        for i1, j1 in _most_similar(left[i:i_end], right[j:j_end]):
            yield from _zip_gap(i, box[0] + i1, j, box[2] + j1)
            i, j = box[0] + i1 + 1, box[2] + j1 + 1
            yield i - 1, j - 1
    yield from _zip_gap(i, i_end, j, j_end)


def _zip_gap(i: int, i_end: int, j: int, j_end: int) -> Iterator[Places]:
    both = min(i_end - i, j_end - j)
    yield from ((i + n, j + n) for n in range(both))
    yield from ((n, None) for n in range(i + both, i_end))
    yield from ((None, n) for n in range(j + both, j_end))


def _most_similar(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int]]:
    """The pairs, in order on both sides, whose similarities have the greatest sum."""
    rows, columns = len(left), len(right)
    alike = [[_likeness(a, b) for b in right] for a in left]
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for i in reversed(range(rows)):
        for j in reversed(range(columns)):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], best[i + 1][j + 1] + alike[i][j])
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < rows and j < columns:
        if alike[i][j] and best[i][j] == best[i + 1][j + 1] + alike[i][j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _likeness(left: str, right: str) -> float:
    """From 0 to 1: the share of both lines that is a common beginning or a common end."""
    if left == right:
        return 1.0
    left, right = left.strip(), right.strip()
    start = common_start(left, right)
    end = common_end(left[start:], right[start:])
    share = 2 * (start + end) / ((len(left) + len(right)) or 1)
    return share if share >= _ALIKE else 0.0
