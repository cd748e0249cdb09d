"""Figures say no more than is known."""

from __future__ import annotations

import math

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
