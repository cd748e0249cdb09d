"""Which columns fit, and how much room the verdict has."""

from __future__ import annotations

import pytest

from console.widgets.turn_columns import COLUMNS, PADDING, fitting


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
