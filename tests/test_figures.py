"""Figures say no more than is known."""

from __future__ import annotations

import math
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import figures


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (0, "0 ms"),
        (0.04, "<0.1 ms"),
        (0.8, "0.8 ms"),
        (38.2, "38 ms"),
        (999.6, "1.0 s"),
        (1_700, "1.7 s"),
        (38_900, "38.9 s"),
        (59_960, "1m00s"),
        (125_000, "2m05s"),
    ],
)
def test_milliseconds_take_the_shortest_unit(value: float | None, text: str) -> None:
    assert figures.ms(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0 %"),
        (0.004, "<1 %"),
        (0.171, "17 %"),
        (0.97, "97 %"),
        (0.996, "99 %"),
        (1, "100 %"),
    ],
)
def test_share_keeps_the_ends_for_the_ends(value: float | None, text: str) -> None:
    assert figures.share(value) == text


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_nearly_all_is_not_all_and_little_is_not_nothing(value: float) -> None:
    assert figures.share(value) not in {"0 %", "100 %"}


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (412, "412"), (18_204, "18.2k"), (99_960, "100k"), (131_072, "131k"), (999_600, "1.0M")],
)
def test_tokens_are_short(value: int | None, text: str) -> None:
    assert figures.tokens_short(value) == text


@given(st.integers(0, 10**9))
def test_a_count_loses_no_digit(value: int) -> None:
    text = figures.count(value)
    assert int(text.replace(" ", "")) == value
    assert all(len(group) == 3 for group in text.split(" ")[1:])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (45, "45s"), (2_472, "41m12s"), (3_599.6, "1h00m"), (11_100, "3h05m"), (187_200, "2d04h")],
)
def test_durations_have_two_units(seconds: float | None, text: str) -> None:
    assert figures.duration(seconds) == text


def test_similarity_has_the_decimals_of_the_log() -> None:
    assert figures.sim(0.9971) == "0.997"
    assert figures.sim(None) == figures.count(None) == figures.UNKNOWN


def test_median_passes_over_the_unknown() -> None:
    assert figures.median([None, 3.0, 1.0, None, 2.0]) == 2.0
    assert figures.median([None]) is None


@pytest.mark.parametrize(
    ("share", "level"), [(0.9, "good"), (0.89, "fair"), (0.5, "fair"), (0.49, "poor"), (None, "poor")]
)
def test_levels_have_their_limits(share: float | None, level: str) -> None:
    assert figures.level(share) == level


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (36_864, "36.0 KiB"),
        (1_048_570, "1.0 MiB"),
        (512 * 1024**2, "512.0 MiB"),
        (3 * 1024**4, "3.0 TiB"),
    ],
)
def test_sizes_take_the_shortest_unit(count: int, text: str) -> None:
    assert figures.size(count) == text


NOON = datetime(2026, 2, 18, 12, 0, 0)


@pytest.mark.parametrize(
    ("then", "clock", "label", "moment"),
    [
        (datetime(2026, 2, 18, 0, 0, 1), "00:00:01", "00:00", "00:00:01"),
        (datetime(2026, 2, 18, 23, 59), "23:59:00", "23:59", "23:59:00"),
        (datetime(2026, 2, 17, 23, 59), "Tue 23:59", "Tue 23:59", "Tue 2026-02-17 23:59:00"),
        (datetime(2026, 2, 12, 9, 5, 7), "Thu 09:05", "Thu 09:05", "Thu 2026-02-12 09:05:07"),
        # A week ago, the day of the week is the same.
        (datetime(2026, 2, 11, 14, 2), "11 Feb", "11 Feb", "Wed 2026-02-11 14:02:00"),
        (datetime(2025, 12, 3, 14, 2), "3 Dec", "3 Dec", "Wed 2025-12-03 14:02:00"),
        (datetime(2025, 2, 18, 14, 2), "Feb 2025", "Feb 2025", "Tue 2025-02-18 14:02:00"),
        # A clock that was set back.
        (datetime(2026, 2, 19, 14, 2), "19 Feb", "19 Feb", "Thu 2026-02-19 14:02:00"),
    ],
)
def test_a_time_of_another_day_names_it(then: datetime, clock: str, label: str, moment: str) -> None:
    at, now = then.timestamp(), NOON.timestamp()
    assert figures.clock(at, now) == clock
    assert figures.clock(at, now, seconds=False) == label
    assert figures.moment(at, now) == moment


@given(st.none() | st.floats())
def test_no_time_is_too_odd_to_be_shown(at: float | None) -> None:
    now = NOON.timestamp()
    for text in (figures.clock(at, now), figures.clock(at, now, seconds=False)):
        assert 0 < len(text) <= 9
    assert figures.moment(at, now)
