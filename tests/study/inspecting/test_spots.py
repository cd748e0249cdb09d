from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.study.inspecting.spots import spots


def _found(old: str, new: str) -> list[tuple[str, str, str]]:
    return [(spot.how, old[slice(*spot.old)], new[slice(*spot.new)]) for spot in spots(old, new)]


def test_a_value_changes_as_a_whole() -> None:
    old = "You help.\nNow 2026-02-18T20:48:11Z, turn 7.\nBe brief."
    new = "You help.\nNow 2026-02-18T20:51:11Z, turn 8.\nBe brief."
    assert _found(old, new) == [
        ("value", "2026-02-18T20:48:11Z", "2026-02-18T20:51:11Z"),
        ("value", "7", "8"),
    ]


def test_values_beside_each_other_are_places_of_their_own() -> None:
    assert _found("notes [49% - 1,085/2,200]", "notes [51% - 1,122/2,200]") == [
        ("value", "49", "51"),
        ("value", "1,085", "1,122"),
    ]
    assert _found("at 20.5/3 km", "at 21.5/4 km") == [("value", "20.5/3", "21.5/4")]


def test_ids_of_neighbouring_lines_are_not_taken_for_one_another() -> None:
    words = "help help help help the"
    old = [f"{at}: help {uuid} {words}" for at, uuid in enumerate((_ids(0, 0), _ids(10_000, 1)))]
    new = [f"{at}: help {uuid} {words}" for at, uuid in enumerate((_ids(10_000_000, 1), _ids(0, 0)))]
    assert _found("\n".join(old), "\n".join(new)) == [
        ("value", _ids(0, 0), _ids(10_000_000, 1)),
        ("value", _ids(10_000, 1), _ids(0, 0)),
    ]


def _ids(head: int, tail: int) -> str:
    return f"{head:08}-0000-4000-8000-{tail:012}"


def test_lines_in_another_order_are_a_list() -> None:
    old = "Skills:\n- read\n- write\n- exec\n- web\n\nBe brief."
    new = "Skills:\n- web\n- exec\n- read\n- write\n\nBe brief."
    assert _found(old, new) == [
        ("shuffled", "- read\n- write\n- exec\n- web", "- web\n- exec\n- read\n- write")
    ]


def test_a_shuffled_list_is_whole_even_where_some_stay() -> None:
    old = "Skills:\n- read\n- write\n- exec\n- web"
    new = "Skills:\n- read\n- exec\n- write\n- web"
    assert _found(old, new) == [
        ("shuffled", "- read\n- write\n- exec\n- web", "- read\n- exec\n- write\n- web")
    ]


def test_a_value_beside_a_shuffled_list_is_its_own_place() -> None:
    old = "Clock: 20:48:11\nSkills:\n- read\n- write\n- exec\nEnd."
    new = "Clock: 20:51:40\nSkills:\n- exec\n- read\n- write\nEnd."
    assert [how for how, *_ in _found(old, new)] == ["value", "shuffled"]
    assert _found(old, new)[0] == ("value", "20:48:11", "20:51:40")


def test_a_list_on_one_line() -> None:
    found = _found("Skills: read, write, exec. Go.", "Skills: exec, read, write. Go.")
    assert [how for how, *_ in found] == ["shuffled"]
    assert found[0][1].startswith("read, write, exec")


@pytest.mark.parametrize(
    ("old", "new", "gone", "came"),
    [
        ("a\nb", "a\nfresh line\nb", "", "fresh line"),
        ("a\nold line\nb", "a\nb", "old line", ""),
        ("Status:\n(clean)\nend", "Status:\n M a.py\n M b.py\nend", "(clean)", " M a.py\n M b.py"),
    ],
)
def test_lines_that_come_and_go(old: str, new: str, gone: str, came: str) -> None:
    assert _found(old, new) == [("lines", gone, came)]


def test_only_what_surrounds_a_change_of_a_very_long_line_is_read() -> None:
    before, behind = "boats and tides " * 20_000, " and more boats" * 20_000
    old, new = (f"{before}trace {value}{behind}" for value in ("8f3a9b2c", "8f3a9b2d"))
    assert _found(old, new) == [("value", "8f3a9b2c", "8f3a9b2d")]


_HEX = st.from_regex(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}", fullmatch=True)
_WORDS = st.lists(st.sampled_from(["boats", "tides", "help", "with", "care", "the"]), min_size=1, max_size=6)


@given(st.lists(st.tuples(_WORDS, st.none() | st.tuples(_HEX, _HEX), _WORDS), min_size=1, max_size=12))
def test_values_put_into_a_fixed_text_are_found_and_nothing_else(
    lines: Sequence[tuple[list[str], tuple[str, str] | None, list[str]]],
) -> None:
    def text(side: int) -> str:
        return "\n".join(
            " ".join([f"{number}:", *before, *([pair[side]] if pair else []), *behind])
            for number, (before, pair, behind) in enumerate(lines)
        )

    wanted = [("value", *pair) for _, pair, _ in lines if pair and pair[0] != pair[1]]
    assert _found(text(0), text(1)) == wanted


@given(st.text(st.sampled_from("ab1:, \n-é")), st.text(st.sampled_from("ab1:, \n-é")))
def test_what_lies_outside_is_the_same(old: str, new: str) -> None:
    found = spots(old, new)
    sides = ((old, [spot.old for spot in found]), (new, [spot.new for spot in found]))
    kept: list[str] = []
    for text, places in sides:
        at, rest = 0, ""
        for start, end in places:
            assert at <= start <= end <= len(text)
            rest += text[at:start]
            at = end
        kept.append(rest + text[at:])
    assert kept[0].replace("\n", "") == kept[1].replace("\n", "")


def test_a_list_that_only_one_line_moved_in_is_found_however_long_it_is() -> None:
    names = [f"- skill {chr(97 + at)}" for at in range(12)]
    old, new = ("\n".join(["Skills:", *some, "", "End."]) for some in (names, [*names[1:], names[0]]))
    assert _found(old, new) == [("shuffled", "\n".join(names), "\n".join([*names[1:], names[0]]))]
