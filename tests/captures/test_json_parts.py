"""The values of a large JSON text, in whatever pieces it comes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.captures.json_parts import BrokenJsonError, elements, values
from tests.captures.kit import PATIENT
from tests.prompt.test_spans import STYLES, VALUES


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@PATIENT
@given(st.lists(VALUES, max_size=5), STYLES, st.integers(1, 7))
def test_elements_are_the_bytes_of_the_array(tree: list[Any], style: dict[str, Any], size: int) -> None:
    outer = {"a": {"entries": [0]}, "log": {"x": [1, {"entries": []}], "entries": tree}, "z": 1}
    source = json.dumps(outer, **style).encode()
    found = list(elements(_pieces(source, size), ("log", "entries")))
    assert [json.loads(part.data) for part in found] == tree
    assert all(part.data in source for part in found)


@PATIENT
@given(st.lists(VALUES, max_size=5), STYLES, st.integers(1, 7))
def test_values_follow_one_another(trees: list[Any], style: dict[str, Any], size: int) -> None:
    source = b"\n \n".join(json.dumps(tree, **style).encode() for tree in trees)
    found = list(values(_pieces(source, size)))
    assert [json.loads(part.data) for part in found] == trees


def test_lines_are_counted() -> None:
    source = b'\n[\n{"a":\n1},\n\n{"b": 2}, 3\n,4]'
    assert [part.line for part in elements(_pieces(source, 3))] == [3, 6, 6, 7]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (b"[1,\n2", 2),
        (b'[1,\n"2', 2),
        (b"[1,\n{]", 2),
        (b"[1,\n]}", None),
        (b"[1\n2]", 2),
        (b"[,]", 1),
        (b"{}", 1),
        (b"", 1),
        (b"[[[", 1),
    ],
)
def test_what_cannot_be_followed_is_told(source: bytes, line: int | None) -> None:
    if line is None:
        # A comma before the end is common, and harms nobody.
        assert [part.data for part in elements([source])] == [b"1"]
        return
    with pytest.raises(BrokenJsonError) as raised:
        list(elements([source]))
    assert raised.value.line == line


@PATIENT
@given(st.binary(max_size=60), st.integers(1, 5))
def test_nothing_else_is_raised(source: bytes, size: int) -> None:
    for read in (values, elements):
        with contextlib.suppress(BrokenJsonError):
            for part in read(_pieces(source, size)):
                assert part.data
                assert 1 <= part.line <= 1 + source.count(b"\n")


def test_long_values_are_looked_through_a_few_times_only() -> None:
    asked = 0

    def pieces() -> Iterator[bytes]:
        nonlocal asked
        yield b'["'
        for _ in range(400):
            asked += 1
            yield b"x" * 16384
        yield b'", "end"]'

    first, last = elements(pieces())
    assert len(first.data) == 400 * 16384 + 2
    assert last.data == b'"end"'
    assert asked == 400


def test_what_was_read_is_let_go() -> None:
    given_so_far = 0

    def pieces() -> Iterator[bytes]:
        nonlocal given_so_far
        yield b"["
        for _ in range(1000):
            given_so_far += 1
            yield b'"' + b"y" * 8192 + b'",'

    parts = elements(pieces())
    next(parts)
    assert given_so_far < 100
