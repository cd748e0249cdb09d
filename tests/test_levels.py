"""Levels: one sign and one sentence each."""

from __future__ import annotations

from console import levels
from proxy_core.rules.rule import LEVELS


def test_each_level_has_a_sign_of_its_own_and_a_sentence() -> None:
    assert len({levels.sign(level) for level in LEVELS}) == len(LEVELS)
    assert list(levels.MEANS) == list(LEVELS)
    assert all(levels.named(level) == f"{levels.sign(level)} {level}" for level in LEVELS)


def test_cycling_comes_through_all_and_around() -> None:
    level = LEVELS[0]
    seen = []
    for _ in LEVELS:
        seen.append(level)
        level = levels.after(level)
    assert (tuple(seen), level) == (LEVELS, LEVELS[0])
