from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy_core.llama.split import LINE_CAP, LineSplitter


def test_a_partial_line_waits_for_its_end() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"one\r\ntw") == ["one"]
    assert splitter.feed(b"") == []
    assert splitter.feed(b"o\n\nthr") == ["two", ""]
    assert splitter.flush() == ["thr"]
    assert splitter.flush() == []


def test_reset_forgets_the_partial_line() -> None:
    splitter = LineSplitter()
    splitter.feed(b"half")
    splitter.reset()
    assert splitter.feed(b"whole\n") == ["whole"]


def test_a_character_cut_between_pieces_is_whole() -> None:
    splitter = LineSplitter()
    data = "größe\n".encode()
    assert [line for byte in data for line in splitter.feed(bytes([byte]))] == ["größe"]
    assert splitter.feed(b"\xff\n") == ["\ufffd"]


def test_only_newlines_end_lines() -> None:
    assert LineSplitter().feed("a\u2028b\x0bc\x85d\n".encode()) == ["a\u2028b\x0bc\x85d"]


def test_endless_lines_are_cut_and_bounded() -> None:
    splitter = LineSplitter()
    for _ in range(100):
        assert splitter.feed("€".encode() * 20_000) == []
    lines = splitter.feed(b"\nnext\n")
    assert [len(line) for line in lines] == [LINE_CAP, 4]
    assert lines[1] == "next"


def test_a_hole_of_zeros_is_nothing() -> None:
    assert LineSplitter().feed(b"\0" * 5000 + b"line\n") == ["line"]


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_pieces_do_not_matter(pieces: list[bytes]) -> None:
    whole, parts = LineSplitter(), LineSplitter()
    expected = whole.feed(b"".join(pieces)) + whole.flush()
    assert [line for piece in pieces for line in parts.feed(piece)] + parts.flush() == expected
