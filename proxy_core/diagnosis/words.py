"""Figures within sentences, written as in the console's tables."""

from __future__ import annotations


def count(number: int) -> str:
    """A whole number in groups of three: `18 204`."""
    return f"{number:,}".replace(",", " ")


def plural(number: int, one: str, more: str | None = None) -> str:
    """A count with its noun: `1 slot`, `4 slots`, `2 entries`."""
    return f"{count(number)} {one if number == 1 else more or one + 's'}"


def share(value: float) -> str:
    """A share of 0 to 1 in whole per cent: `28 %`. Nearly all is not all."""
    percent = round(value * 100)
    return f"{min(percent, 99) if value < 1 else percent} %"
