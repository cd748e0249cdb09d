"""Which columns fit, and how much room the verdict has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.widgets.turn_columns import COLUMNS, EARLIER, PADDING, fitting
from proxy_core.exchange import Record


@pytest.mark.parametrize("width", range(16, 260, 3))
def test_columns_fill_the_table_and_never_more(width: int) -> None:
    columns = fitting(width)
    assert sum(column.width + PADDING for column in columns) == width
    assert columns[-1].key == "verdict"
    assert columns[-1].width >= 14
    keys = [column.key for column in COLUMNS]
    assert [c.key for c in columns] == [key for key in keys if key in {c.key for c in columns}]


@pytest.mark.parametrize(("width", "least"), [(77, 20), (96, 30), (115, 34), (197, 34)])
def test_the_verdict_has_room_at_common_widths(width: int, least: int) -> None:
    assert fitting(width)[-1].width >= least


def test_reuse_and_verdict_stay_to_the_last() -> None:
    assert [column.key for column in fitting(26)] == ["reused", "verdict"]


@given(st.floats(0, 4e9), st.booleans())
def test_a_time_fits_its_column_on_any_day(at: float, recalled: bool) -> None:
    column = next(column for column in COLUMNS if column.key == "time")
    text = column.text(Record(1, at, recalled=recalled))
    assert len(text) <= column.width
    # One line below the other, whatever the times are.
    assert text.find(EARLIER) == (column.width - 1 if recalled else -1)
