"""What became of the messages of a prompt, from the first one on that is not the same any more."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from proxy_core.diagnosis.outline import Component
from proxy_core.verdict import How

_SUMMARY = re.compile(
    rb"<summary>|state_snapshot|\bcompact(?:ed|ion)\b|\bcondensed\b|continued from a previous|summari[sz]ed\b"
    rb"|(?:following|conversation|session) summary|summary of (?:the|this|our|what)\b",
    re.IGNORECASE,
)
"""What clients write where a summary takes the place of messages."""
_OPENING = 800
"""Bytes of a message in which it says that it is a summary."""
_MANY = 4
"""So many messages that became one were summed up, whatever the one says."""
_CLEARED = 200
"""Bytes up to which a tool's shorter output is a note in its place."""


class Fate(NamedTuple):
    """What happened to the messages, and in a few words how."""

    how: How
    detail: str = ""
    """Empty where the message at the place tells it."""
    gone: bool = False
    """Whether the message at the place is missing in the current prompt, not changed."""


class _Resumed(NamedTuple):
    """Where both prompts have a message in common again."""

    gone: int
    """Messages of the predecessor before it."""
    new: int
    """Messages of the current prompt before it."""


def fate(previous: Sequence[Component], current: Sequence[Component]) -> Fate:
    """Compare what is left of two prompts' messages; the first ones differ, and there is one on each side.

    Args:
        previous: Messages of the predecessor, from the first one on that differs.
        current: Messages of the current prompt, from there on.
    """
    old, new = previous[0], current[0]
    dropped = _thoughts_dropped(previous, current)
    if dropped:
        return Fate("reasoning", f"in {_counted(dropped, 'message')}", gone=old.role == "reasoning")
    cleared = _cleared(previous, current)
    if cleared is not None:
        return Fate("pruned", cleared)
    back = _resumed(previous, current)
    gone = previous[: back.gone] if back else previous
    summary = _sums_up(new, gone)
    if back is None:
        if summary:
            return Fate("compacted", f"{len(previous)} messages gave way to {len(current)}")
        return Fate("rewritten")
    if back.new == 0:
        return _missing(back.gone)
    if back.gone == 0 and len(previous) == 1:
        return Fate("rewritten", f"moved behind {_counted(back.new, 'message')}", gone=True)
    if back.gone == 0:
        return Fate("rewritten", f"{_counted(back.new, 'message')} inserted")
    if summary or (back.new == 1 and back.gone >= _MANY):
        return Fate("compacted", f"{back.gone} messages gave way to {back.new}")
    if back.gone > back.new:
        return _missing(back.gone - back.new)
    return Fate("rewritten")


def _sums_up(new: Component, gone: Sequence[Component]) -> bool:
    """Whether a message is a summary of several that are gone, none of which was one itself."""
    shorter = len(gone) > 1 and new.size < sum(message.size for message in gone)
    return shorter and _is_summary(new) and not _is_summary(gone[0])


def _is_summary(message: Component) -> bool:
    return _SUMMARY.search(message.text[:_OPENING]) is not None


def _missing(number: int) -> Fate:
    return Fate("pruned", f"{number} messages missing" if number > 1 else "", gone=True)


def _thoughts_dropped(previous: Sequence[Component], current: Sequence[Component]) -> int:
    """How many answers lost what the model thought, when that is what the first difference is."""
    old, new = previous[0], current[0]
    if old.role == "reasoning":
        following = next((message for message in previous if message.role != "reasoning"), None)
        if following is None or not following.same(new):
            return 0
        return max(1, _thoughts(previous) - _thoughts(current))
    if not _thought_less(old, new):
        return 0
    return sum(_thought_less(*pair) for pair in zip(previous, current, strict=False))


def _thought_less(old: Component, new: Component) -> bool:
    """Whether two messages differ in nothing but thoughts that are gone, or shorter."""
    both = old.role == new.role and old.seen.thought > new.seen.thought
    return both and old.seen.said.strip() == new.seen.said.strip()


def _thoughts(messages: Sequence[Component]) -> int:
    return sum(message.role == "reasoning" for message in messages)


def _cleared(previous: Sequence[Component], current: Sequence[Component]) -> str | None:
    """How outputs of tools became shorter in their places; None when the first difference is another."""
    if not _shorter_output(previous[0], current[0]):
        return None
    pairs = [pair for pair in zip(previous, current, strict=False) if _shorter_output(*pair)]
    cleared = all(len(new.text) <= _CLEARED for _, new in pairs)
    return f"{_counted(len(pairs), 'tool output')} {'cleared' if cleared else 'trimmed'}"


def _shorter_output(old: Component, new: Component) -> bool:
    tools = old.role == new.role == "tool" and old.seen.ids == new.seen.ids
    return tools and len(new.text) < len(old.text)


def _resumed(previous: Sequence[Component], current: Sequence[Component]) -> _Resumed | None:
    """The first message that both sides have, and have once: short replies stand in many places."""
    ours, theirs = (Counter(message.digest for message in side) for side in (previous, current))
    places = {message.digest: place for place, message in enumerate(current)}
    for gone, message in enumerate(previous):
        if ours[message.digest] == theirs[message.digest] == 1:
            return _Resumed(gone, places[message.digest])
    return None


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
