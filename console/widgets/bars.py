"""Where a chart's bars, labels and marks go: cells in, cells out, no widget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from console import figures

Scale = Literal["share", "log"]

BLOCKS = " ▁▂▃▄▅▆▇█"
TURN_CELLS = 3
"""A bar of two cells and a gap; constant, so that bars do not change places as turns come."""

FIRST = "this run"
"""Stands at the line between the turns of earlier runs and those of this one."""

_UNKNOWN = "·"
_MARK = "┊"
_DECADES = {0: "1 ms", 1: "10 ms", 2: "0.1 s", 3: "1 s", 4: "10 s", 5: "100 s", 6: "1000 s"}


@dataclass(frozen=True, slots=True)
class Point:
    """One turn in a chart."""

    key: int
    value: float | None
    """What the bar shows: a share from 0 to 1, or milliseconds. None is unknown, and never drawn as zero."""
    second: float | None = None
    """A share drawn as a thin bar beside it."""
    label: str = ""
    """Time of day, for the axis."""
    mark: str | None = None
    """What was switched before this turn."""
    first: bool = False
    """Whether the turns before it are of earlier runs."""

    @property
    def line(self) -> str:
        """Name of the style of the dotted line before it; empty where there is none."""
        return "mark" if self.mark is not None else "axis" if self.first else ""

    @property
    def told(self) -> str:
        """What the axis says about that line."""
        return " · ".join(part for part in (FIRST if self.first else "", self.mark) if part)


@dataclass(frozen=True, slots=True)
class Cell:
    """One character and the name of its style; the empty name is the chart's own."""

    char: str
    style: str = ""
    key: int | None = None
    """The turn that the cell belongs to."""


BLANK = Cell(" ")

Grid = list[list[Cell]]


@dataclass
class Plot:
    """A chart of `width` by `height` cells for the newest points that fit."""

    points: Sequence[Point]
    scale: Scale
    width: int
    height: int
    selected: int | None = None
    _low: int = field(init=False, default=0)
    _high: int = field(init=False, default=1)

    def grid(self) -> Grid:
        """The rows from top to bottom, labels and axis included; a single row is a sparkline."""
        if self.height < 3:
            return [sparkline(self.points, self.scale, self.width)]
        grid: Grid = [[BLANK] * self.width for _ in range(self.height)]
        room = (self.width - self._margin) // TURN_CELLS
        if room < 1:
            return grid
        shown = self._window(room)
        if self.scale == "log":
            # Of all points, so that the scale does not jump when a slow turn leaves the picture.
            self._low, self._high = decades([p.value for p in self.points if p.value is not None])
        rows = self.height - 1
        for y, label in self._labels(rows).items():
            self._write(grid[y], 0, f"{label:>{self._margin - 2}} ┤", "axis")
        for y in range(rows):
            if grid[y][self._margin - 1] == BLANK:
                grid[y][self._margin - 1] = Cell("│", "axis")
        for number, point in enumerate(shown):
            self._bar(grid, rows, self._margin + number * TURN_CELLS, point)
        self._axis(grid[rows], shown)
        return grid

    @property
    def _margin(self) -> int:
        return 6 if self.scale == "share" else 9

    def _labels(self, rows: int) -> dict[int, str]:
        if self.scale == "share":
            ends = {0: "1.0", rows - 1: "0.0"}
            return {**ends, rows // 2: "0.5"} if rows >= 5 else ends
        span = self._high - self._low
        places: dict[int, str] = {}
        for decade in range(self._high, self._low - 1, -1):
            # The row in which a bar of that value ends.
            places.setdefault(
                rows - max(1, len(column((decade - self._low) / span, rows))), _DECADES.get(decade, "")
            )
        return places

    def _window(self, room: int) -> list[Point]:
        """The newest points that fit, or as many from the selected one on where that is older."""
        start = max(0, len(self.points) - room)
        chosen = next((i for i, point in enumerate(self.points) if point.key == self.selected), start)
        start = min(start, chosen)
        return list(self.points[start : start + room])

    def _bar(self, grid: Grid, rows: int, x: int, point: Point) -> None:
        if point.line:
            for y in range(rows):
                grid[y][x - 1] = Cell(_MARK, point.line)
        key = point.key
        if key == self.selected:
            for y in range(rows):
                grid[y][x : x + 2] = [Cell(" ", "selected", key)] * 2
        level = self._share(point.value)
        if level is None:
            grid[rows - 1][x] = Cell(_UNKNOWN, "unknown", key)
        style = "measure" if self.scale == "log" else figures.level(point.value)
        for up, char in enumerate(column(level, rows) if level is not None else ""):
            grid[rows - 1 - up][x] = Cell(char, style, key)
            if self.scale == "log":
                grid[rows - 1 - up][x + 1] = Cell(char, style, key)
        if point.second is not None:
            for up, char in enumerate(thin_column(point.second, rows)):
                grid[rows - 1 - up][x + 1] = Cell(char, figures.level(point.second), key)
        for y in range(rows):
            for cell in (x, x + 1):
                if grid[y][cell].key is None:
                    grid[y][cell] = Cell(" ", "", key)

    def _share(self, value: float | None) -> float | None:
        if value is None or self.scale == "share":
            return value
        return log_share(value, self._low, self._high)

    def _axis(self, row: list[Cell], shown: Sequence[Point]) -> None:
        """What the marks mean, and the first and the last time where there is room."""
        start = self._margin
        row[start - 1] = Cell("└", "axis")
        used = len(shown) * TURN_CELLS
        for x in range(start, min(self.width, start + used)):
            row[x] = Cell("─", "axis")
        if not shown:
            return
        free = [True] * self.width
        for number, point in enumerate(shown):
            if point.key == self.selected:
                x = start + number * TURN_CELLS
                row[x : x + 2] = [Cell("▀", "measure", point.key)] * 2
                free[x : x + 2] = [False] * 2
        for number in range(len(shown) - 1, -1, -1):
            if told := shown[number].told:
                x = start + number * TURN_CELLS - 1
                # Left of its line where there is no room on the right.
                for place in (x, x - len(told) + 1):
                    if self._label(row, free, place, told, shown[number].line):
                        break
        last = shown[-1].label
        # One turn further left where the newest is the selected one.
        for place in (used - 1 - len(last), used - 1 - len(last) - TURN_CELLS):
            if self._label(row, free, start + max(0, place), last, "axis"):
                break
        self._label(row, free, start, shown[0].label, "axis")

    def _label(self, row: list[Cell], free: list[bool], x: int, text: str, style: str) -> bool:
        end = x + len(text)
        if not text or x < self._margin or end > self.width:
            return False
        if not all(free[max(0, x - 1) : end + 1]):
            return False
        self._write(row, x, text, style)
        free[x:end] = [False] * len(text)
        return True

    @staticmethod
    def _write(row: list[Cell], x: int, text: str, style: str) -> None:
        for offset, char in enumerate(text[: len(row) - x]):
            row[x + offset] = Cell(char, style)


def column(share: float, rows: int) -> str:
    """Glyphs of a bar from the bottom up; the smallest share still shows a line."""
    eighths = max(1, round(min(1.0, max(0.0, share)) * rows * 8))
    full, rest = divmod(eighths, 8)
    return BLOCKS[8] * full + (BLOCKS[rest] if rest else "")


def thin_column(share: float, rows: int) -> str:
    """Glyphs of a bar of half a cell's width, in halves of a row; it keeps off the bar at its left."""
    halves = max(1, round(min(1.0, max(0.0, share)) * rows * 2))
    return "▐" * (halves // 2) + ("▗" if halves % 2 else "")


def decades(values: Sequence[float]) -> tuple[int, int]:
    """Powers of ten, in ms, that hold all values; at least two apart."""
    known = [value for value in values if value > 0 and math.isfinite(value)]
    if not known:
        return 0, 3
    low, high = math.floor(math.log10(min(known))), math.ceil(math.log10(max(known)))
    low = max(0, min(low, high - 2))
    return low, max(high, low + 2)


def log_share(value: float, low: int, high: int) -> float:
    """Where a value stands between two powers of ten, 0 to 1."""
    if value <= 0:
        return 0.0
    return min(1.0, max(0.0, (math.log10(value) - low) / (high - low)))


def sparkline(points: Sequence[Point], scale: Scale, width: int) -> list[Cell]:
    """One row, a cell a turn and one a mark, the newest at the right end of what there is."""
    shown = points[-width:] if width > 0 else []
    low, high = decades([p.value for p in shown if p.value is not None])
    cells: list[Cell] = []
    for point in shown:
        if point.line:
            cells.append(Cell(_MARK, point.line, point.key))
        if point.value is None:
            cells.append(Cell(_UNKNOWN, "unknown", point.key))
            continue
        share = point.value if scale == "share" else log_share(point.value, low, high)
        style = "measure" if scale == "log" else figures.level(point.value)
        eighths = max(1, round(min(1.0, max(0.0, share)) * 8))
        cells.append(Cell(BLOCKS[eighths], style, point.key))
    return (cells + [BLANK] * width)[max(0, len(cells) - width) :][:width]
