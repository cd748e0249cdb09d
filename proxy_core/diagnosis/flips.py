"""Whether a switched rule made a prompt leave its predecessor."""

from __future__ import annotations

from collections.abc import Iterable

from proxy_core.diagnosis.whatif import moved_by
from proxy_core.exchange import Exchange
from proxy_core.rules import Edit
from proxy_core.verdict import Divergence

_HEAD = -1
"""Stands for what comes before all messages."""


def flips(before: Exchange, now: Exchange, parted: Divergence) -> tuple[str, ...]:
    """Rules that ran for one of two requests only, and changed it no later than where the prompts part.

    Args:
        before: The earlier request.
        now: The later one.
        parted: Where they part, as they were forwarded.
    """
    place = _HEAD if parted.message is None else parted.message
    early = {edit.rule for edit in _until(before.edits, place)} | {
        edit.rule for edit in _until(now.edits, place)
    }
    return tuple(rule for rule in moved_by(before.rules, now.rules) if rule in early)


def _until(edits: Iterable[Edit], place: int) -> Iterable[Edit]:
    return (edit for edit in edits if (_HEAD if edit.message is None else edit.message) <= place)
