"""Where a text that came again reads otherwise: single values, lists in another order, whole lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal, NamedTuple

from proxy_core.diff.align import Places, align_lines
from proxy_core.diff.marks import common_end, common_start
from proxy_core.study.inspecting.shapes import Token, tokens

_NEAR = 3
"""Lines that stayed between two changes of one list: of a shuffled one, some end up where they were."""
_MOST_TOKENS = 2_000
_MOST_IN_LIST = 500
_LONG, _AROUND = 4_096, 256
"""Characters of a line that is too long to be read whole, and of what is read around its changes."""
_MARKER = re.compile(r"[ \t]*(?:[-*+•]|[0-9]+[.)])?[ \t]*")
_HEAD = re.compile(r"[^:(\[]*[:(\[][ \t]*")

How = Literal["value", "shuffled", "lines"]


class Range(NamedTuple):
    """Characters `start` up to, not including, `end` of a text."""

    start: int
    end: int


class Spot(NamedTuple):
    """A place where two texts differ."""

    how: How
    """`value`: something within a line. `shuffled`: the same things in another order. `lines`: whole lines
    that came, went or became others."""
    old: Range
    new: Range


def spots(old: str, new: str) -> list[Spot]:
    """The places where the later of two texts differs from the earlier one, in order.

    Lines are aligned first, then what stands within two lines that differ: dates, ids and numbers change as
    a whole there, whatever digits they have in common.
    """
    if old == new:
        return []
    left, right = _Lines(old), _Lines(new)
    found: list[Spot] = []
    for run in _runs(left.lines, right.lines):
        found += _of_run(left, right, run)
    return found


class _Lines:
    """The lines of a text, and where each begins."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.starts: list[int] = []
        at = 0
        for line in self.lines:
            self.starts.append(at)
            at += len(line) + 1

    def range(self, first: int, behind: int) -> Range:
        """The characters of lines `first` up to, not including, `behind`, without the last line feed."""
        if first >= behind:
            at = self.starts[first] if first < len(self.starts) else self.end
            return Range(at, at)
        return Range(self.starts[first], self.starts[behind - 1] + len(self.lines[behind - 1]))

    @property
    def end(self) -> int:
        return self.starts[-1] + len(self.lines[-1])


def _runs(left: Sequence[str], right: Sequence[str]) -> Iterator[list[Places]]:
    """Changed lines with what stands between those that are near each other, or that a line moved between."""
    places = list(align_lines(left, right))
    joined: list[Range] = []
    for at, (i, j) in enumerate(places):
        if i is not None and j is not None and left[i] == right[j]:
            continue
        if joined and at - joined[-1].end <= _NEAR:
            joined[-1] = Range(joined[-1].start, at + 1)
        else:
            joined.append(Range(at, at + 1))
    for run in _moved(left, right, places, joined):
        yield places[run.start : run.end]


def _moved(
    left: Sequence[str], right: Sequence[str], places: Sequence[Places], runs: Sequence[Range]
) -> list[Range]:
    """The runs, those of them made one that a line went from and came to."""
    gone: dict[str, int] = {}
    came: dict[str, int] = {}
    for number, run in enumerate(runs):
        for i, j in places[run.start : run.end]:
            for lines, at, where in ((left, i, gone), (right, j, came)):
                if at is not None and lines[at].strip():
                    where.setdefault(lines[at], number)
    joined: list[Range] = []
    last = -1
    for number, run in enumerate(runs):
        if number <= last and run.end - joined[-1].start <= _MOST_IN_LIST:
            joined[-1] = Range(joined[-1].start, run.end)
        else:
            joined.append(run)
        for i, j in places[run.start : run.end]:
            for lines, at, other in ((left, i, came), (right, j, gone)):
                last = max(last, other.get(lines[at], -1) if at is not None else -1)
    return joined


def _of_run(left: _Lines, right: _Lines, run: list[Places]) -> Iterator[Spot]:
    rows, columns = ([at for at in side if at is not None] for side in zip(*run, strict=True))
    shuffled = _shuffled(left, right, rows, columns)
    if shuffled is not None:
        spot, gone, came = shuffled
        rest = [(i, j) for i, j in zip(gone, came, strict=True)]
        yield from sorted([spot, *(one for i, j in rest for one in _of_lines(left, right, i, j))], key=_place)
        return
    for same, group in groupby(run, lambda at: _equal(left, right, at)):
        changed = list(group)
        if same:
            continue
        pairs = _in_order(left, right, changed)
        if not pairs:
            opposite = [(i, j) for i, j in changed if i is not None and j is not None]
            akin = all(_akin(left.lines[i], right.lines[j]) for i, j in opposite)
            pairs = opposite if akin and len(opposite) == len(changed) else []
        if pairs:
            for i, j in pairs:
                yield from _of_lines(left, right, i, j)
        else:
            yield _block(left, right, run, changed)


def _in_order(left: _Lines, right: _Lines, changed: Sequence[Places]) -> list[tuple[int, int]]:
    """The lines one by one, where each is its opposite but for values; none where one is not.

    Ids of neighbouring lines may be so much alike that lines were aligned across.
    """
    rows, columns = ([at for at in side if at is not None] for side in zip(*changed, strict=True))
    ours, theirs = ([_masked(side.lines[at]) for at in own] for side, own in ((left, rows), (right, columns)))
    return list(zip(rows, columns, strict=True)) if ours == theirs else []


def _masked(line: str) -> tuple[str, ...]:
    return tuple(token.masked for token in tokens(line[:_LONG]))


def _place(spot: Spot) -> int:
    return spot.new.start


def _equal(left: _Lines, right: _Lines, at: Places) -> bool:
    i, j = at
    return i is not None and j is not None and left.lines[i] == right.lines[j]


def _akin(left: str, right: str) -> bool:
    """Whether two lines are one line with another value, and not two different ones."""
    alike = common_start(left, right)
    if 2 * (alike + common_end(left[alike:], right[alike:])) >= max(len(left), len(right), 1):
        return True
    masked = [_masked(line) for line in (left, right)]
    if masked[0] == masked[1]:
        return True
    start = common_start(*masked)
    end = common_end(masked[0][start:], masked[1][start:])
    kept = masked[0][:start] + masked[0][len(masked[0]) - end :]
    return any(text.strip() for text in kept)


def _block(left: _Lines, right: _Lines, run: list[Places], changed: list[Places]) -> Spot:
    """Whole lines that came, went, or became others."""
    first = run.index(changed[0])
    before = run[:first]
    rows, columns = ([at for at in side if at is not None] for side in zip(*changed, strict=True))
    earlier = [[at for at in side if at is not None] for side in zip(*before, strict=True)] or [[], []]
    ranges: list[Range] = []
    for lines, own, above in ((left, rows, earlier[0]), (right, columns, earlier[1])):
        other = rows if lines is right else columns
        at = own[0] if own else (above[-1] + 1 if above else min(other[0], len(lines.lines)))
        ranges.append(lines.range(at, own[-1] + 1 if own else at))
    return Spot("lines", *ranges)


def _shuffled(
    left: _Lines, right: _Lines, rows: list[int], columns: list[int]
) -> tuple[Spot, list[int], list[int]] | None:
    """Lines that stand in another order, and those beside them that only one side has, in equal number."""
    if not 1 < len(rows) <= _MOST_IN_LIST or not 1 < len(columns) <= _MOST_IN_LIST:
        return None
    both = Counter(left.lines[i] for i in rows) & Counter(right.lines[j] for j in columns)
    ours, gone = _parted(left.lines, rows, both)
    theirs, came = _parted(right.lines, columns, both)
    old, new = ([side.lines[at] for at in own] for side, own in ((left, ours), (right, theirs)))
    if old == new or len(gone) != len(came):
        return None
    start = common_start(old, new)
    end = common_end(old[start:], new[start:])
    ours, theirs = ours[start : len(ours) - end], theirs[start : len(theirs) - end]
    if ours[-1] - ours[0] + 1 != len(ours) or theirs[-1] - theirs[0] + 1 != len(theirs):
        return None
    i0, i1 = _list_around(left.lines, ours[0], ours[-1])
    j0, j1 = _list_around(right.lines, theirs[0], theirs[-1])
    return Spot("shuffled", left.range(i0, i1), right.range(j0, j1)), gone, came


def _parted(lines: Sequence[str], places: list[int], both: Counter[str]) -> tuple[list[int], list[int]]:
    """Places of lines that the other side has as well, and of those that it has not."""
    left = Counter(both)
    shared: list[int] = []
    own: list[int] = []
    for at in places:
        if left[lines[at]] > 0:
            left[lines[at]] -= 1
            shared.append(at)
        else:
            own.append(at)
    return shared, own


def _list_around(lines: Sequence[str], first: int, last: int) -> tuple[int, int]:
    """The whole list that some lines belong to: those beside them with the same mark in front."""
    mark = _mark(lines[first])

    def belongs(line: str) -> bool:
        plain = not mark.strip() and (line.rstrip().endswith(":") or line.startswith(("#", "<", "```")))
        return bool(line.strip()) and _mark(line) == mark and not plain

    while first > 0 and belongs(lines[first - 1]):
        first -= 1
    while last + 1 < len(lines) and belongs(lines[last + 1]):
        last += 1
    return first, last + 1


def _mark(line: str) -> str:
    match = _MARKER.match(line)
    return re.sub("[0-9]+", "1", match[0]) if match else ""


def _of_lines(left: _Lines, right: _Lines, i: int, j: int) -> Iterator[Spot]:
    old, new = left.lines[i], right.lines[j]
    for spot in _within(old, new):
        ours, theirs = (
            Range(at + part.start, at + part.end)
            for at, part in ((left.starts[i], spot.old), (right.starts[j], spot.new))
        )
        yield Spot(spot.how, ours, theirs)


def _within(old: str, new: str) -> list[Spot]:
    """What differs between two lines; of very long ones, only what surrounds the changes is read."""
    start = common_start(old, new) if max(len(old), len(new)) > _LONG else 0
    if start:
        end = common_end(old[start:], new[start:])
        start = old.rfind(" ", 0, max(0, start - _AROUND)) + 1
        behind = old.find(" ", len(old) - end + _AROUND) if end > _AROUND else -1
        end = len(old) - behind if behind >= 0 else 0
        return [
            Spot(spot.how, *(Range(part.start + start, part.end + start) for part in (spot.old, spot.new)))
            for spot in _changed(old[start : len(old) - end], new[start : len(new) - end])
        ]
    return _changed(old, new)


def _changed(old: str, new: str) -> list[Spot]:
    """What differs between two lines, read as a whole."""
    ours, theirs = tokens(old), tokens(new)
    start = common_start(ours, theirs)
    end = common_end(ours[start:], theirs[start:])
    middle, other = ours[start : len(ours) - end], theirs[start : len(theirs) - end]
    words, others = ([one.text for one in side if one.word or one.shape] for side in (middle, other))
    if len(words) > 1 and words != others and Counter(words) == Counter(others):
        return [_list_within(old, new, _length(ours[:start]), _length(ours[len(ours) - end :]))]
    opcodes: Sequence[tuple[str, int, int, int, int]] = [("replace", 0, len(middle), 0, len(other))]
    if max(len(middle), len(other)) <= _MOST_TOKENS:
        opcodes = SequenceMatcher(None, middle, other, autojunk=False).get_opcodes()
    found: list[Spot] = []
    begin = _length(ours[:start])
    edges = [_edges(side, begin) for side in (middle, other)]
    for tag, i1, i2, j1, j2 in opcodes:
        if tag == "equal":
            continue
        spot = Spot("value", Range(edges[0][i1], edges[0][i2]), Range(edges[1][j1], edges[1][j2]))
        if found and _joined(old, new, found[-1], spot):
            before = found.pop()
            spot = Spot("value", Range(before.old.start, spot.old.end), Range(before.new.start, spot.new.end))
        found.append(spot)
    return found


def _joined(old: str, new: str, before: Spot, spot: Spot) -> bool:
    """Whether two changes are one: no word stands between them, nor a space between two whole values."""
    between = new[before.new.end : spot.new.start]
    if any(char.isalnum() for char in between):
        return False
    if not any(char.isspace() for char in between):
        return True
    texts = (text[slice(*part)] for one in (before, spot) for text, part in ((old, one.old), (new, one.new)))
    return not all(len(read) == 1 and read[0].shape for read in map(tokens, texts))


def _list_within(old: str, new: str, start: int, end: int) -> Spot:
    """A list on one line: from what leads in to it up to the line's end, or to a bracket that closes it."""
    heads = [match.end() for match in _HEAD.finditer(old[:start])]
    at = heads[-1] if heads else len(old) - len(old.lstrip())
    closing = re.search(r"[)\]]|[.;]?$", old[len(old) - end :] if end else "")
    kept = end - (closing.start() if closing else 0)
    return Spot("shuffled", Range(at, len(old) - kept), Range(at, len(new) - kept))


def _length(some: Sequence[Token]) -> int:
    return sum(len(token.text) for token in some)


def _edges(some: Sequence[Token], at: int) -> list[int]:
    """Where each token begins, and where the last one ends."""
    edges = [at]
    for token in some:
        edges.append(edges[-1] + len(token.text))
    return edges
