"""What a rule did, as a person is told of it."""

from __future__ import annotations

from typing import NamedTuple


class Edit(NamedTuple):
    """One change that a rule made."""

    rule: str
    message: int | None
    """Index of the message in the request's list; None for a top-level system text, and for tools."""
    old: str
    new: str
