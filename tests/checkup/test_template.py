"""Clocks in chat templates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy_core.checkup.checks.template import check_clock
from tests.checkup.kit import UP, only, setup, told


@pytest.mark.parametrize(
    ("clock", "level", "words"),
    [
        (None, "ok", "no clock"),
        ("date_string", "hint", "midnight"),
        ("strftime_now('%d %b %Y')", "hint", "midnight"),
        ("strftime_now", "hint", "how fine"),
        ("strftime_now('%H:%M')", "problem", "each minute"),
        ("strftime_now('%H')", "problem", "each hour"),
    ],
)
def test_levels(clock: str | None, level: str, words: str) -> None:
    found = only(check_clock, setup(server=replace(UP, template="d1", template_clock=clock)))
    assert found.level == level
    assert words in found.saw
    assert ("--chat-template-file" in found.do) is (level != "ok")


def test_a_template_that_is_not_told() -> None:
    assert told(check_clock, setup(server=replace(UP, template=None))) == []


def test_the_model_of_a_router_that_has_one() -> None:
    fine, clock = (replace(UP, model=name, template="d1") for name in ("a", "b"))
    both = (fine, replace(clock, template_clock="datetime"))
    found = only(check_clock, setup(server=replace(UP, model="router"), models=both))
    assert "The chat template of b asks" in found.saw
