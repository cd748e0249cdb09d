from __future__ import annotations

import pytest

from proxy_core.checkup.words import ago, listed, number, plural


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 seconds"),
        (0.4, "0 seconds"),
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (172_800, "2 days"),
        (10**9, "11,574 days"),
    ],
)
def test_ago(seconds: float, words: str) -> None:
    assert ago(seconds) == words


def test_counts() -> None:
    assert (number(65_536), plural(1, "slot"), plural(1200, "slot")) == ("65,536", "1 slot", "1,200 slots")


def test_listed() -> None:
    assert listed([]) == ""
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
