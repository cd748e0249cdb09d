from __future__ import annotations

import re

import pytest

from proxy_core.llama.figures import at, find_count, find_number, number
from proxy_core.llama.lines import Frame


@pytest.mark.parametrize("text", ["nan", "-nan", "inf", "-inf", "-nan(ind)", "nan(ind", "1.2.3", "", None])
def test_what_is_no_figure_is_unknown(text: str | None) -> None:
    assert number(text) is None


def test_figures_are_read() -> None:
    assert number("0.990") == 0.99
    assert find_number(re.compile(r"x = (\S+)"), "x = 1.5 y") == 1.5
    assert find_count(re.compile(r"x = (\d+)"), "x = 15 y") == 15
    assert find_number(re.compile(r"x = (\S+)"), "y") is None
    assert find_count(re.compile(r"x = (\d+)"), "y") is None


def test_an_event_starts_with_its_place() -> None:
    assert at(Frame("w", 1, 2.0, "I", "slot", 3, 4, "m")) == (1, 3, 4, 2.0)
