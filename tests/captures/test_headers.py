"""What is kept of headers."""

from __future__ import annotations

import pytest

from proxy_core.captures.headers import kept_headers


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
