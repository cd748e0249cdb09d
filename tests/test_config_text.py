from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.config_text import (
    quoted,
    read_files,
    read_listen,
    read_size,
    read_url,
    shown,
    size_text,
    split_listen,
    toml_value,
)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://box.lan/llama/", "https://box.lan/llama"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("http://bücher.example", "http://bücher.example"),
    ],
)
def test_upstream_keeps_its_prefix_and_loses_its_last_slash(text: str, url: str) -> None:
    assert read_url(text) == url


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("127.0.0.1:8080", "http://"),
        ("ftp://host", "http://"),
        ("http://", "name a host"),
        ("http:///v1", "name a host"),
        ("http://host:99999", "not a URL"),
        ("http://host:0", "port must be 1-65535"),
        ("http://[::1", "not a URL"),
        ("http://host/?a=1", "before any ?"),
        ("http://a b", "spaces"),
        ("http://a\tb", "control characters"),
        ("http://me:secret@host", "name or password"),
        ("http://a_b\\c", "host is not"),
        (8080, "in quotes"),
    ],
)
def test_wrong_upstream_says_what_is_wrong(value: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read_url(value)


@pytest.mark.parametrize(
    ("value", "listen", "parts"),
    [
        ("127.0.0.1:1234", "127.0.0.1:1234", ("127.0.0.1", 1234)),
        ("[::1]:1234", "[::1]:1234", ("::1", 1234)),
        ("1234", "127.0.0.1:1234", ("127.0.0.1", 1234)),
        (1234, "127.0.0.1:1234", ("127.0.0.1", 1234)),
        ("localhost:0", "localhost:0", ("localhost", 0)),
    ],
)
def test_listen_is_read_in_every_spelling(value: object, listen: str, parts: tuple[str, int]) -> None:
    assert read_listen(value) == listen
    assert split_listen(listen) == parts


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("localhost:99999", "port must be 0-65535"),
        ("localhost:http", "port must be 0-65535"),
        ("localhost:", "port must be 0-65535"),
        ("99999", "port must be 0-65535"),
        (-1, "port must be 0-65535"),
        pytest.param(16**5000, "port must be 0-65535", id="huge"),
        ("localhost", "needs a port"),
        ("[::1]", "needs a port"),
        (":1234", "needs a host"),
        (":\x1f", "port must be"),
        ("::1:1234", "in brackets"),
        ("[localhost]:1", "host is not"),
        ("[::g]:1", "host is not"),
        ("a b:1", "host is not"),
        (True, "HOST:PORT"),
    ],
)
def test_wrong_listen_says_what_is_wrong(value: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read_listen(value)


@pytest.mark.parametrize(
    ("value", "size"),
    [("64MiB", 64 * 1024**2), ("10 MB", 10**7), ("1.5 gib", 3 * 2**29), ("512", 512), ("7 B", 7), (9, 9)],
)
def test_sizes_are_read_in_decimal_and_binary_units(value: object, size: int) -> None:
    assert read_size(value) == size


@pytest.mark.parametrize("value", ["many", "10 MBit", "-1", "1e9", "", "10 M", "9" * 99, True, 1.5, [1]])
def test_wrong_sizes_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="such as"):
        read_size(value)


@given(st.one_of(st.integers(1, 2**70), st.integers(1, 10**6).map(lambda n: n * 1024**2)))
def test_a_shown_size_reads_back_exactly(size: int) -> None:
    assert read_size(tomllib.loads(f"x = {size_text(size)}")["x"]) == size


def test_files_are_one_or_many_and_expand_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_files("server.log") == ("server.log",)
    assert read_files(["~/a.log", "-", "b.log", "-"]) == (str(tmp_path / "a.log"), "-", "b.log")


@pytest.mark.parametrize("value", [3, [3], [""], ["a\0b"], {}, ["~nobody-of-that-name/x"]])
def test_wrong_files_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"file name|home directory"):
        read_files(value)


@given(st.text())
def test_any_text_is_shown_as_toml_that_cannot_move_the_cursor(text: str) -> None:
    assert quoted(text).isprintable()
    assert tomllib.loads(f"x = {quoted(text)}")["x"] == text


def test_a_file_name_that_is_not_utf8_still_gives_valid_toml() -> None:
    assert tomllib.loads(f"x = {quoted('log-' + chr(0xDCFF))}")["x"] == "log-\ufffd"


@given(st.one_of(st.booleans(), st.integers(0, 2**80), st.floats(0, 3600), st.lists(st.text())))
def test_values_survive_toml(value: object) -> None:
    assert tomllib.loads(f"x = {toml_value(value)}")["x"] == value


def test_wrong_values_are_shown_short_and_without_passwords() -> None:
    assert "secret" not in shown("http://me:secret@host")
    assert len(shown("x" * 500)) < 70
    assert shown({"a": 1}) == "{…}"
    assert shown([[["deep"]], 1]) == '["…", 1]'
    assert shown("\x1b[31m") == '"\\u001b[31m"'
