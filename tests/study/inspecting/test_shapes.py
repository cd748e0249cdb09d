from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.rules.patterns import pattern
from proxy_core.study.inspecting.shapes import escaped, pattern_of, shape_of, tokens

SAMPLES = {
    "uuid": ["0b5e7f30-6f2c-4d1e-9c1a-7d3c2b1a0f00", "9a1d3c52-11aa-4c0f-8b7e-1f2e3d4c5b6a"],
    "ISO time": ["2026-02-18T20:48:11.123+01:00", "2026-02-19T07:03:59.004+01:00"],
    "date": ["2026-02-18", "2026-02-19"],
    "clock": ["Wed 20:48:11", "Thu 07:03:59"],
    "epoch": ["1772668000", "1772668061"],
    "hex id": ["8f3a9b2c", "00112233", "deadbee1"],
    "id": ["req_8f3kQ2xx", "req_1111aZZ9"],
    "path": ["/tmp/run-17/out", "/tmp/run-18/out"],
    "counter": ["3", "4", "17"],
    "number": ["17", "4"],
    "text": ["calm", "rather tired"],
}


@pytest.mark.parametrize(("shape", "values"), SAMPLES.items())
def test_values_of_one_place_have_a_shape(shape: str, values: list[str]) -> None:
    assert shape_of(values) == shape


@pytest.mark.parametrize(
    "value",
    [
        "Wednesday, March 4, 2026 at 11:46:02 PM UTC",
        "Thursday, January 15th, 2026 — 23:46 (UTC)",
        "23:52",
        "2026年3月4日 星期三 9时05分12秒",
        "2026年03月04日09:05",
        "2026年3月4日(水) 9時5分",
    ],
)
def test_a_clock_is_one_value(value: str) -> None:
    assert shape_of([value]) == "clock"


def test_ids_of_several_kinds_are_ids() -> None:
    values = ["0b5e7f30-6f2c-4d1e-9c1a-7d3c2b1a0f00", "6954", "6956"]
    assert shape_of(values) == "id"
    assert all(re.fullmatch(pattern_of("id", values), value) for value in values)


@pytest.mark.parametrize("word", ["gpt-4", "qwen3", "v2", "boats", "2nd"])
def test_names_and_words_are_no_ids(word: str) -> None:
    assert {token.shape for token in tokens(word)} <= {None, "number"}


@pytest.mark.parametrize(
    ("value", "shape"),
    [("20.3", "number"), ("1,234", "number"), ("1772668000.25", "epoch"), ("2-ab34cd", "id")],
)
def test_a_value_with_a_mark_in_it_is_one_value(value: str, shape: str) -> None:
    assert shape_of([value]) == shape


def test_values_between_words_without_spaces_are_values() -> None:
    line = "现在是2026年3月4日,第12条"
    assert [(one.text, one.shape) for one in tokens(line) if one.shape] == [
        ("2026年3月4日", "date"),
        ("12", "number"),
    ]


@pytest.mark.parametrize("values", SAMPLES.values())
def test_the_pattern_matches_all_values_from_end_to_end(values: list[str]) -> None:
    found = pattern(f"(?:{pattern_of(shape_of(values), values)})")
    assert all(found.fullmatch(value.encode()) for value in values)


def test_the_pattern_is_no_wider_than_the_form() -> None:
    found = pattern(pattern_of("ISO time", SAMPLES["ISO time"]))
    assert found.fullmatch(b"2026-03-01T00:00:00.999+01:00")
    assert not found.fullmatch(b"2026-03-01 00:00")
    assert not pattern(pattern_of("hex id", SAMPLES["hex id"])).fullmatch(b"8f3a9b2c0")


@given(st.text())
def test_tokens_are_the_whole_line(line: str) -> None:
    assert "".join(token.text for token in tokens(line)) == line


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_escaped_text_matches_itself(text: str) -> None:
    assert pattern(f"(?:{escaped(text)})").fullmatch(text.encode())


@given(st.lists(st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True), min_size=1, max_size=5))
def test_any_values_have_a_pattern(values: list[str]) -> None:
    found = pattern_of(shape_of(values), values)
    assert all(re.fullmatch(found, value) for value in values)
