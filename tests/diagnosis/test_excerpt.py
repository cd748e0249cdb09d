"""The text around the place where two texts part."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.diagnosis.excerpt import CUT, excerpt
from proxy_core.diff.marks import common_start
from proxy_core.verdict import Excerpt


def between(previous: str, current: str) -> Excerpt:
    return excerpt(
        previous.encode(), current.encode(), len(previous[: common_start(previous, current)].encode())
    )


@pytest.mark.parametrize(
    ("previous", "current", "found"),
    [
        ("a\nb\nc\nday 4, UTC", "a\nb\nc\nday 5, UTC", ("b\nc\nday ", "4", "5", ", UTC", ", UTC")),
        # A number is shown whole, though its last digit stayed.
        ("at 17:22.", "at 20:52.", ("at ", "17:22", "20:52", ".", ".")),
        ("one\nthree\n", "one\ntwo  \nthree\n", ("one\nt", "", "wo  \nt", "hree", "hree")),
        ("one\ntwo  \nthree\n", "one\nthree\n", ("one\nt", "wo  \nt", "", "hree", "hree")),
        ("one", "one and two\nthree", ("one", "", " and two\nthree", "", "")),
        ("one and two\nthree", "one", ("one", " and two\nthree", "", "", "")),
        ("a\nx", "b\nx", ("", "a", "b", "", "")),
        ("a\n", "a\nb", ("a\n", "", "b", "", "")),
        ("", "", ("", "", "", "", "")),
    ],
)
def test_the_changed_characters_and_nothing_behind_them(
    previous: str, current: str, found: tuple[str, ...]
) -> None:
    assert between(previous, current) == Excerpt(*found)


def test_long_runs_and_rests_are_cut() -> None:
    one = between("x" * 1000 + "\n", "y" * 1000 + "z" * 9 + "\n")
    assert (len(one.previous), one.previous_rest) == (400, CUT)
    assert (len(one.current), one.current_rest) == (400, CUT)
    far = between("1 " + "x" * 1000, "2 " + "x" * 1000)
    assert (far.previous, len(far.previous_rest)) == ("1", 200)
    assert far.previous_rest.endswith(CUT)
    assert len(between("s" * 1000 + "1", "s" * 1000 + "2").shared) == 240


@given(st.text("ab\né🙂 1", max_size=30), st.text("ab\né🙂 1", max_size=30), st.text("ab\n1", max_size=30))
def test_what_is_shown_stands_in_the_texts(shared: str, one: str, other: str) -> None:
    previous, current = shared + one, shared + other
    found = between(previous, current)
    assert found.shared + found.previous + found.previous_rest in previous
    assert found.shared + found.current + found.current_rest in current
    if one != other:
        assert (found.previous, found.current) != ("", "")
    # Taking the one for the other makes the same text up to the end of the line.
    start = common_start(previous, current)
    assert previous[:start] == current[:start]
    assert (
        found.previous_rest == found.current_rest
        or found.previous == ""
        or found.current == ""
        or one == other
    )
