"""What is kept of headers and paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.captures.headers import clean_path, kept_headers
from tests.captures.kit import PATIENT


@pytest.mark.parametrize(
    "name",
    ["Authorization", "Cookie", "X-Api-Key", "api-key", "Proxy-Authorization", "X-OpenWebUI-User-Email"],
)
def test_nothing_that_lets_anyone_in_is_kept(name: str) -> None:
    assert kept_headers({name: "x"}) == {}


def test_what_tells_the_client_is_kept() -> None:
    headers = [("User-Agent", "a/1"), ("X-Stainless-Lang", "js"), ("X-Session-Id", "s" * 1000)]
    kept = kept_headers(headers)
    assert list(kept) == ["user-agent", "x-session-id", "x-stainless-lang"]
    assert len(kept["x-session-id"]) == 512


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("/v1/messages?beta=true", "/v1/messages?beta=true"),
        ("/v1/x?api_key=abc&b=1", "/v1/x?api_key=…&b=1"),
        ("/v1/x?a=1&X-Amz-Signature=abc", "/v1/x?a=1&X-Amz-Signature=…"),
        ("http://bob:pw@h/v1", "http://h/v1"),
    ],
)
def test_secrets_of_a_path_are_not_kept(path: str, clean: str) -> None:
    assert clean_path(path) == clean


@PATIENT
@given(st.text(max_size=60))
def test_a_clean_path_stays_clean(path: str) -> None:
    assert clean_path(clean_path(path)) == clean_path(path)
