from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.llama.builds import (
    build_number,
    needs,
    selection_logged,
    shows_cached,
    shows_forced,
)


@pytest.mark.parametrize(
    ("info", "number"),
    [
        ("b10587-1a2b3c4", 10587),
        ("b10587", 10587),
        ("6500", 6500),
        ("b0-unknown", None),
        ("0.6.0", None),
        ("12.1", None),
        ("unknown", None),
        ("bad", None),
        ("", None),
        (None, None),
    ],
)
def test_build_number(info: str | None, number: int | None) -> None:
    assert build_number(info) == number


@pytest.mark.parametrize(
    ("build", "verbosity", "forced", "cached", "selection"),
    [
        # The visibility matrix at the default verbosity, where the log does not tell it.
        (3000, None, False, None, None),
        (4500, None, False, True, None),
        (4500, 1, False, True, True),
        (5500, None, True, True, None),
        (5500, 0, True, True, False),
        (6500, None, True, True, True),
        (7000, None, True, True, True),
        (8000, 2, False, False, False),
        (9000, 3, True, True, True),
        (9200, None, True, None, True),
        (9200, 3, True, False, True),
        (9200, 4, True, True, True),
        (9829, None, None, None, True),
        (9829, 3, False, False, True),
        (11549, 4, True, True, True),
        (11549, 5, True, True, True),
        (None, None, None, None, None),
        (None, 3, None, None, True),
        (None, 4, True, True, True),
    ],
)
def test_what_a_build_shows(
    build: int | None,
    verbosity: int | None,
    forced: bool | None,
    cached: bool | None,
    selection: bool | None,
) -> None:
    shown = (
        shows_forced(build, verbosity),
        shows_cached(build, verbosity),
        selection_logged(build, verbosity),
    )
    assert shown == (forced, cached, selection)


@pytest.mark.parametrize(
    ("build", "verbosity", "words"),
    [
        (11549, 4, []),
        (9000, None, []),
        (7000, None, []),
        (11549, 3, ["-lv 4", "forced re-processing"]),
        (11549, None, ["-lv 4", "forced re-processing"]),
        (9200, 3, ["-lv 4", "reuses"]),
        (None, None, ["-lv 4", "b9829"]),
        (None, 4, []),
        (4500, None, ["-lv 1", "how a slot is chosen"]),
        (3000, None, ["--verbose", "update llama-server"]),
        (6500, None, ["b6500", "sim_best"]),
    ],
)
def test_what_to_change(build: int | None, verbosity: int | None, words: list[str]) -> None:
    said = " / ".join(needs(build, verbosity))
    assert bool(said) == bool(words)
    for word in words:
        assert word in said


@given(st.none() | st.integers(1, 20_000), st.none() | st.integers(-2, 2**31))
def test_who_sees_everything_is_asked_for_nothing_but_an_update(
    build: int | None, verbosity: int | None
) -> None:
    said = needs(build, verbosity)
    if shows_forced(build, verbosity) and shows_cached(build, verbosity):
        assert not any("-lv 4" in sentence for sentence in said)
    assert len(said) == len(set(said))
