"""Files of any format, told by what they hold."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import os
import sys
import threading
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pytest

from proxy_core.captures import har, jsonl, open_source
from proxy_core.captures.reading import MOST_TOLD
from proxy_core.errors import CaptureError
from tests.captures.kit import request
from tests.captures.test_proxy_log import entry

_ONE = request({"messages": [{"role": "user", "content": "CATCH-ALL: POST /v1/responses\nBODY:"}]})
_LINE = jsonl.line(_ONE)
_FORMS = {
    "kvconsole JSON Lines": _LINE,
    "HAR": b"".join(har.write([_ONE])),
    "request bodies": _ONE.body,
    "proxy log": entry({"input": "x"}).encode(),
}


@pytest.mark.parametrize("form", _FORMS)
@pytest.mark.parametrize("wrapped", ["plain", "bom", "gzip", "utf-16", "blank lines"])
def test_the_content_tells_the_format(form: str, wrapped: str, tmp_path: Path) -> None:
    data = _FORMS[form]
    data = {
        "plain": data,
        "bom": b"\xef\xbb\xbf" + data,
        "gzip": gzip.compress(data),
        "utf-16": data.decode().encode("utf-16"),
        "blank lines": b"\n\r\n" + data,
    }[wrapped]
    path = tmp_path / "anything.txt"
    path.write_bytes(data)
    with open_source(path) as source:
        (found,) = source
    assert source.format == form
    assert (source.read, source.broken, source.summary) == (1, 0, None)
    assert found.api == ("responses" if form == "proxy log" else "chat")
    assert found.place.source == str(path)


@pytest.mark.parametrize("data", [b"[]", b' [ {"messages":[]} ]', b'[\n{"messages":[]}]'])
def test_an_array_is_of_bodies(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(data)
    with open_source(tmp_path / "a") as source:
        assert source.format == "request bodies"


def test_standard_input_is_read_and_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO(_LINE * 2)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=file))
    with open_source("-") as source:
        assert [str(one.place) for one in source] == [
            "standard input:1 (entry 1)",
            "standard input:2 (entry 2)",
        ]
    assert not file.closed


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\x89PNG\r\n\0\0", "no text"),
        (b"SQLite format 3\0\x10\0", "as journal.sqlite, and set KVCONSOLE_STATE_DIR"),
        (b"Dear diary", "no format that kvconsole knows"),
        (b"\x1f\x8bnot really", "cannot be read"),
    ],
)
def test_what_is_no_source_says_what_would_be(data: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(CaptureError, match=says) as raised:
        open_source(path)
    assert str(path) in raised.value.message


@pytest.mark.parametrize("name", ["missing", "", "a\0b"])
def test_what_cannot_be_opened_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(CaptureError):
        open_source(f"{tmp_path}/{name}")


def test_broken_entries_are_counted_and_the_first_ones_kept(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(_LINE + b"{}\n" * (MOST_TOLD + 50) + _LINE)
    with open_source(path) as source:
        assert len(list(source)) == 2
    assert (source.broken, len(source.problems)) == (MOST_TOLD + 50, MOST_TOLD)
    assert "150 entries were passed over" in (source.summary or "")
    assert f"{path}:2 (entry 2)" in (source.summary or "")


def test_a_compressed_file_that_is_cut_short_gives_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    lines = b"".join(jsonl.line(request({"messages": [os.urandom(4000).hex()]})) for _ in range(400))
    path.write_bytes(gzip.compress(lines)[:-1000])
    with open_source(path) as source:
        found = len(list(source))
    assert 300 < found < 400
    assert source.broken == 1
    assert "cannot be read to its end" in (source.summary or "")


def test_it_tells_how_far_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(jsonl.line(request({"messages": ["x" * 50_000]})) * 40)
    shares: list[float] = []
    with open_source(path) as source:
        for _ in source:
            assert source.share is not None
            shares.append(source.share)
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] <= 1
    assert source.share == 1


def test_of_a_pipe_nobody_knows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(_LINE)))
    assert open_source("-").share is None


@pytest.mark.parametrize("form", ["kvconsole JSON Lines", "HAR", "request bodies", "proxy log"])
def test_large_inputs_are_read_as_they_come(form: str, tmp_path: Path) -> None:
    one = request({"messages": [{"role": "user", "content": "x" * 100_000}]})
    begin, entries, between, end = {
        "kvconsole JSON Lines": (b"", jsonl.line(one), b"", b""),
        "HAR": (b'{"log":{"entries":[', _har_entry(one.body), b",", b"]}}"),
        "request bodies": (b"[", one.body, b",", b"]"),
        "proxy log": (b"", entry(json.loads(one.body), path="/v1/chat/completions").encode(), b"", b""),
    }[form]
    out, into = os.pipe()
    path = tmp_path / "pipe"
    path.symlink_to(f"/dev/fd/{out}")

    def write() -> None:
        with os.fdopen(into, "wb") as file:
            file.write(begin + entries)
            for _ in range(300):
                file.write(between + entries)
            file.write(end)

    thread = threading.Thread(target=write)
    thread.start()
    tracemalloc.start()
    try:
        with open_source(path) as source:
            count = sum(json.loads(found.body) == json.loads(one.body) for found in source)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        os.close(out)
        thread.join()
    assert (count, source.broken) == (301, 0)
    assert peak < 301 * len(one.body) / 4


def _har_entry(body: bytes) -> bytes:
    return next(itertools.islice(har.write([request(body)]), 1, None)).strip()
