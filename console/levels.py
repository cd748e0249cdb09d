"""How rule levels are shown: a sign and a word each, since colour alone says nothing to some."""

from __future__ import annotations

from proxy_core.rules.rule import LEVELS, Level

MEANS: dict[Level, str] = {
    "safe": "Only rules that take nothing a model needs.",
    "careful": "Also rules that take what a model seldom needs.",
    "aggressive": "Also rules that may change an answer.",
}
"""What each level allows, in one sentence."""

_SIGNS: dict[Level, str] = {"safe": "◇", "careful": "◈", "aggressive": "◆"}


def sign(level: Level) -> str:
    """One character for a level."""
    return _SIGNS[level]


def named(level: Level) -> str:
    """A level with its sign: `◈ careful`."""
    return f"{_SIGNS[level]} {level}"


def after(level: Level) -> Level:
    """The next level; the mildest comes after the strongest."""
    return LEVELS[(LEVELS.index(level) + 1) % len(LEVELS)]
