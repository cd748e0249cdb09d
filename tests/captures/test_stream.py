"""A source's bytes: looked at first, then read once, whatever was done to them."""

from __future__ import annotations

import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.captures import stream as streams
from proxy_core.captures.stream import Stream
from proxy_core.errors import CaptureError
from tests.captures.kit import PATIENT, TEXT, stream

_PLAIN = st.binary(max_size=300).filter(lambda data: data[:2] not in (b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff"))


@PATIENT
@given(_PLAIN, st.booleans())
def test_bytes_come_as_they_are(data: bytes, compressed: bool) -> None:
    source = stream(gzip.compress(data) if compressed else data)
    expected = data.removeprefix(b"\xef\xbb\xbf")
    assert expected.startswith(source.head)
    assert b"".join(source.pieces()) == expected


@PATIENT
@given(
    st.lists(TEXT.filter(lambda text: not text.endswith("\r")), max_size=5), st.sampled_from(["\n", "\r\n"])
)
def test_lines_are_numbered(texts: list[str], end: str) -> None:
    lines = [line for text in texts for line in text.split("\n")]
    lines = [line.removesuffix("\r") for line in lines]
    found = list(stream("x".join(["", *(f"{line}{end}" for line in lines)]).encode()).lines())
    assert [number for number, _ in found] == list(range(1, len(lines) + 1))
    assert [line.decode() for _, line in found] == [f"x{line}" for line in lines]


@PATIENT
@given(TEXT, st.sampled_from(["utf-16", "utf-16-be"]))
def test_wide_characters_become_utf_8(text: str, encoding: str) -> None:
    data = f"\ufeff{text}".encode(encoding) if encoding == "utf-16-be" else text.encode(encoding)
    assert b"".join(stream(data).pieces()).decode() == text


def test_lines_run_on_over_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PIECE", 3)
    found = list(Stream("x", io.BytesIO(b"abcdefg\nh\n\nijk")).lines())
    assert found == [(1, b"abcdefg"), (2, b"h"), (3, b""), (4, b"ijk")]


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PIECE", 4)
    monkeypatch.setattr(streams, "LONGEST", 20)
    with pytest.raises(CaptureError, match=r"x:2: the line is longer"):
        list(Stream("x", io.BytesIO(b"a\n" + b"b" * 40)).lines())


def test_a_disk_that_fails_is_told() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(CaptureError, match="Input/output error"):
        Stream("x", Failing())
