"""Words for what was found, and figures within sentences, written as in the console's tables."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proxy_core.verdict import How

BECAME: Mapping[How, str] = MappingProxyType(
    {
        "extended": "comes again whole",
        "changed": "reads otherwise",
        "added": "added",
        "removed": "removed",
        "reordered": "in another order",
        "redescribed": "described otherwise",
        "rewritten": "reads otherwise",
        "pruned": "is missing, or was cleared",
        "compacted": "gave way to a summary",
        "reasoning": "came back without its reasoning",
        "rendered": "another text of the same messages",
        "shortened": "ends earlier than before",
    }
)
"""What became of a component, behind its name and a colon."""


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
