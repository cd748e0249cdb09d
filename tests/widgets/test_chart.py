"""The charts: bars in their places, and nothing drawn that is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from console.themes import load_themes
from console.widgets.bars import BLOCKS, Grid, Plot, Scale, column, decades, thin_column
from console.widgets.chart import Point, TurnChart

THEME = load_themes(Path("no-such-directory"))[0][0]
FILLED = set(BLOCKS[1:]) | {"▐", "▗"}

shares = st.none() | st.floats(0, 1)
Drawn = list[tuple[float | None, float | None, str | None]]
points_of: dict[Scale, st.SearchStrategy[Drawn]] = {
    "share": st.lists(st.tuples(shares, shares, st.sampled_from([None, "rules on"])), max_size=90),
    "log": st.lists(st.tuples(st.none() | st.floats(0, 1e6), st.none(), st.just(None)), max_size=90),
}


def points(values: Sequence[float | None], mark_at: int | None = None) -> list[Point]:
    return [
        Point(n, value, label=f"20:{n:02d}", mark="rules on" if n == mark_at else None)
        for n, value in enumerate(values)
    ]


def text(grid: Grid) -> list[str]:
    return ["".join(cell.char for cell in row) for row in grid]


def cells(grid: Grid, key: int) -> set[str]:
    return {cell.char for row in grid for cell in row if cell.key == key}


@given(st.sampled_from(["share", "log"]), st.data(), st.integers(20, 200), st.integers(1, 12))
def test_a_plot_fills_its_cells_and_shows_the_newest(
    scale: Scale, data: st.DataObject, w: int, h: int
) -> None:
    drawn = data.draw(points_of[scale])
    turns = [Point(n, value, second, f"20:{n:02d}", mark) for n, (value, second, mark) in enumerate(drawn)]
    grid = Plot(turns, scale, w, h).grid()
    assert {len(row) for row in grid} == {w}
    assert len(grid) == (h if h >= 3 else 1)
    assert not turns or cells(grid, turns[-1].key)


@pytest.mark.parametrize("scale", ["share", "log"])
@pytest.mark.parametrize("height", [1, 3, 8])
def test_unknown_is_a_dot_and_zero_is_a_line(scale: Scale, height: int) -> None:
    grid = Plot(points([None, 0.0]), scale, 40, height).grid()
    assert not cells(grid, 0) & FILLED
    assert "·" in cells(grid, 0)
    assert cells(grid, 1) & FILLED == {"▁"}


def test_bars_stay_where_they_are_as_turns_come() -> None:
    few = text(Plot(points([0.2, 0.9]), "share", 60, 8).grid())
    more = text(Plot(points([0.2, 0.9, 1.0]), "share", 60, 8).grid())
    assert [row[:11] for row in few[:-1]] == [row[:11] for row in more[:-1]]


def test_the_oldest_turns_leave_when_no_more_fit() -> None:
    grid = Plot(points([0.5] * 90), "share", 36, 8).grid()
    shown = {cell.key for row in grid for cell in row if cell.key is not None}
    assert shown == set(range(80, 90))


def test_a_share_has_its_labels_and_times() -> None:
    rows = text(Plot(points([0.2] * 10), "share", 60, 8).grid())
    assert [row.split("┤")[0].strip() for row in rows if "┤" in row] == ["1.0", "0.5", "0.0"]
    assert "20:00" in rows[-1]
    assert "20:09" in rows[-1]


def test_milliseconds_have_decades() -> None:
    rows = text(Plot(points([40_000.0, 1_600.0]), "log", 60, 6).grid())
    assert [row.split("┤")[0].strip() for row in rows if "┤" in row] == ["100 s", "10 s", "1 s"]


def test_the_switching_of_rules_is_marked_and_named() -> None:
    rows = text(Plot(points([0.1] * 6 + [1.0] * 9, mark_at=6), "share", 60, 8).grid())
    assert len({row.index("┊") for row in rows[:-1]}) == 1
    assert "rules on" in rows[-1]


def test_a_line_stands_before_the_first_turn_of_this_run_and_is_named() -> None:
    turns = [replace(point, first=point.key == 6) for point in points([0.1] * 15)]
    grid = Plot(turns, "share", 60, 8).grid()
    rows = text(grid)
    assert len({row.index("┊") for row in rows[:-1]}) == 1
    assert "this run" in rows[-1]
    assert {cell.style for row in grid for cell in row if cell.char == "┊"} == {"axis"}
    flipped = [replace(point, mark="rules on" if point.first else None) for point in turns]
    grid = Plot(flipped, "share", 60, 8).grid()
    assert "this run · rules on" in text(grid)[-1]
    assert {cell.style for row in grid for cell in row if cell.char == "┊"} == {"mark"}
    assert text(Plot(turns, "share", 40, 1).grid())[0].index("┊") == 6


def test_the_two_shares_differ_without_colour() -> None:
    assert set(column(0.7, 5)).isdisjoint(thin_column(0.7, 5))


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 12))
def test_a_greater_share_is_no_lower(one: float, other: float, rows: int) -> None:
    def eighths(share: float) -> int:
        return sum(BLOCKS.index(char) for char in column(share, rows))

    low, high = sorted((one, other))
    assert 1 <= eighths(low) <= eighths(high) <= rows * 8


@given(st.lists(st.floats(1, 1e7), min_size=1))
def test_decades_hold_every_value(values: list[float]) -> None:
    low, high = decades(values)
    assert 10**low <= min(values) * 1.000001
    assert max(values) <= 10**high * 1.000001
    assert high - low >= 2


class ChartApp(App[None]):
    """One chart of a given height."""

    def __init__(self, height: int) -> None:
        super().__init__()
        self.chart = TurnChart("share", "similarity per turn", short="sim")
        self.chart.styles.height = height
        self.picked: list[int] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return THEME.variables

    def compose(self) -> ComposeResult:
        yield self.chart

    def on_turn_chart_picked(self, message: TurnChart.Picked) -> None:
        self.picked.append(message.key)


async def test_a_click_picks_the_turn_under_it() -> None:
    app = ChartApp(9)
    async with app.run_test(size=(60, 12)) as pilot:
        app.chart.set_points(points([0.1, 0.9, 1.0]))
        await pilot.pause()
        x = next(x for x, cell in enumerate(app.chart._grid()[0]) if cell.key == 1)
        await pilot.click(TurnChart, offset=(x + app.chart.gutter.left, 3))
        await pilot.click(TurnChart, offset=(50, 3))
        assert app.picked == [1]


async def test_the_selected_turn_stands_out() -> None:
    app = ChartApp(9)
    async with app.run_test(size=(60, 12)) as pilot:
        app.chart.set_points(points([0.1, 0.9]))
        await pilot.pause()

        def backgrounds() -> set[object]:
            return {segment.style.bgcolor for segment in app.chart.render_line(0) if segment.style}

        assert len(backgrounds()) == 1
        app.chart.selected = 0
        await pilot.pause()
        assert len(backgrounds()) == 2


async def test_the_first_figures_stay_when_room_is_short() -> None:
    app = ChartApp(9)
    async with app.run_test(size=(50, 12)) as pilot:
        app.chart.figures = ("sim 0.997", "reused 97 %", "median 0.980")
        await pilot.pause()
        title = app.chart.border_title or ""
        assert "similarity per turn" in title
        assert "sim 0.997" in title
        assert "median" not in title


async def test_one_line_has_title_bars_and_figures() -> None:
    app = ChartApp(1)
    async with app.run_test(size=(60, 12)) as pilot:
        app.chart.set_points(points([0.1, 1.0]))
        app.chart.figures = ("sim 0.997",)
        await pilot.pause()
        line = app.chart.render_line(0).text
        assert line.startswith("sim ")
        assert "█" in line
        assert line.rstrip().endswith("sim 0.997")


async def test_an_empty_chart_says_what_to_do_and_parses_no_markup() -> None:
    app = ChartApp(9)
    async with app.run_test(size=(60, 12)) as pilot:
        app.chart.empty = "No turn yet [/foo]"
        await pilot.pause()
        lines = [app.chart.render_line(y).text for y in range(app.chart.size.height)]
        assert any("No turn yet [/foo]" in line for line in lines)
