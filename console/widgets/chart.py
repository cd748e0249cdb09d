"""A chart with one bar a turn, the newest at the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from console.widgets.bars import Cell, Plot, Point, Scale

__all__ = ["Point", "TurnChart"]


class TurnChart(Widget):
    """Bars of a share from 0 to 1, or of milliseconds on a log scale; a single line draws a sparkline."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--axis",
        "chart--good",
        "chart--fair",
        "chart--poor",
        "chart--measure",
        "chart--mark",
        "chart--unknown",
        "chart--selected",
        "chart--empty",
    }

    DEFAULT_CSS = """
    TurnChart {
        border: round $border-blurred;
        border-title-color: $text-muted;
        padding: 0 1;
        &.-line { border: none; padding: 0 1; }
        & .chart--axis { color: $chart-axis; }
        & .chart--good { color: $reuse-good; }
        & .chart--fair { color: $reuse-fair; }
        & .chart--poor { color: $reuse-poor; }
        & .chart--measure { color: $chart-measure; }
        & .chart--mark { color: $chart-mark; }
        & .chart--unknown, & .chart--empty { color: $text-muted; }
        & .chart--selected { background: $block-cursor-background; }
    }
    """

    figures: reactive[tuple[str, ...]] = reactive(())
    """The last value and the like, at the right of the title; the first ones matter most."""
    empty: reactive[str] = reactive("")
    """A sentence to show while there is no point."""
    selected: reactive[int | None] = reactive(None)
    """Key of the point to mark."""

    @dataclass
    class Picked(Message):
        """A bar was clicked."""

        key: int

    def __init__(self, scale: Scale, title: str, *, short: str, id: str | None = None) -> None:
        """`short` stands in for the title where there is one line only."""
        super().__init__(id=id)
        self._scale: Scale = scale
        self._title = title
        self._short = short
        self._points: tuple[Point, ...] = ()
        self._rows: list[list[Cell]] | None = None

    def set_points(self, points: Sequence[Point]) -> None:
        """Draw these points, oldest first."""
        fresh = tuple(points)
        if fresh != self._points:
            self._points = fresh
            self._redraw()

    def on_resize(self) -> None:
        """The bars that fit are others now."""
        self.set_class(self.size.height <= 1, "-line")
        self._write_title()
        self._redraw()

    def on_click(self, event: events.Click) -> None:
        """Tell which bar was clicked."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        row = self._grid()[min(offset.y, len(self._grid()) - 1)]
        x = offset.x - self._left
        if 0 <= x < len(row) and (key := row[x].key) is not None:
            self.post_message(self.Picked(key))

    def watch_figures(self) -> None:
        """The title holds them."""
        self._write_title()
        self._redraw()

    def watch_selected(self) -> None:
        """Another bar is marked."""
        self._redraw()

    def watch_empty(self) -> None:
        """The sentence is part of the picture."""
        self._redraw()

    def render_line(self, y: int) -> Strip:
        """One line of the chart."""
        width = self.content_size.width
        if self._is_line:
            return self._line(width)
        if not self._points:
            return self._empty_line(y, width)
        grid = self._grid()
        return Strip(self._segments(grid[y]), width) if y < len(grid) else Strip.blank(width, self.rich_style)

    @property
    def _is_line(self) -> bool:
        return self.content_size.height < 3

    @property
    def _left(self) -> int:
        """Cells before the bars of a single line."""
        return len(self._short) + 2 if self._is_line else 0

    @property
    def _figures_room(self) -> int:
        """Cells for the figures of a single line; the same in every chart, so that their turns line up."""
        return min(44, self.content_size.width // 2)

    def _grid(self) -> list[list[Cell]]:
        if self._rows is None:
            size = self._plot_size()
            self._rows = Plot(self._points, self._scale, size.width, size.height, self.selected).grid()
        return self._rows

    def _plot_size(self) -> Size:
        if self._is_line:
            return Size(max(0, self.content_size.width - self._left - self._figures_room), 1)
        return self.content_size

    def _line(self, width: int) -> Strip:
        axis = self.get_component_rich_style("chart--axis")
        title = Segment(f"{self._short}  ", axis)
        if not self._points:
            return Strip([title, Segment(self.empty, self._style("empty"))]).adjust_cell_length(
                width, self.rich_style
            )
        bars = self._segments(self._grid()[0])
        room = self._figures_room
        figures = Segment(self._fitting(room - 2).rjust(room), self.rich_style)
        return Strip([title, *bars, figures]).adjust_cell_length(width, self.rich_style)

    def _empty_line(self, y: int, width: int) -> Strip:
        text = self.empty.center(width) if y == self.content_size.height // 2 else ""
        return Strip([Segment(set_cell_size(text, width), self._style("empty"))], width)

    def _segments(self, row: Sequence[Cell]) -> list[Segment]:
        runs = groupby(row, key=lambda cell: (cell.style, cell.key is not None and cell.key == self.selected))
        return [
            Segment("".join(cell.char for cell in cells), self._style(name, selected=selected))
            for (name, selected), cells in runs
        ]

    def _style(self, name: str, *, selected: bool = False) -> Style:
        style = self.get_component_rich_style(f"chart--{name}") if name else self.rich_style
        if selected and not self._is_line:
            style += Style(bgcolor=self.get_component_rich_style("chart--selected").bgcolor)
        return style

    def _fitting(self, room: int) -> str:
        """As many of the figures as fit, the most important ones first."""
        parts = list(self.figures)
        while parts and len(" · ".join(parts)) > room:
            parts.pop()
        return " · ".join(parts)

    def _write_title(self) -> None:
        """The title at the left of the upper border, the figures at its right."""
        figures = self._fitting(self.size.width - 8 - len(self._title))
        room = self.size.width - 6 - len(self._title) - len(figures)
        if not figures:
            self.border_title = Content(self._title)
            return
        line = (f" {'─' * room} ", self.styles.border_top[1].hex)
        self.border_title = Content.assemble(self._title, line, (figures, "$text"))

    def notify_style_update(self) -> None:
        """Another theme: draw again."""
        super().notify_style_update()
        self._write_title()
        self._redraw()

    def _redraw(self) -> None:
        self._rows = None
        self.refresh()
