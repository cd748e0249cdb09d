"""Whether two JSON texts mean the same."""

from __future__ import annotations

import msgspec


def same_json(one: str | bytes, other: str | bytes) -> bool:
    """Whether two JSON texts mean the same, whatever their order of keys and their spelling of numbers."""
    try:
        return same_value(msgspec.json.decode(one), msgspec.json.decode(other))
    except (msgspec.DecodeError, RecursionError):
        return False


def same_value(one: object, other: object) -> bool:
    """Whether two decoded JSON values are equal. In Python, `True` and 1 would be."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_value(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_value, one, other))
    return one == other
