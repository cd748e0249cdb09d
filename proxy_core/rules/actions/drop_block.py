"""`drop-block`: a block goes, and the line breaks that only set it apart go with it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from proxy_core.prompt import Change

_BREAKS_BEFORE = re.compile(rb"(?:\r?\n[ \t]*)*\Z")
_BREAKS_AFTER = re.compile(rb"(?:[ \t]*\r?\n)*")
_MOST_BREAKS = 256
"""Most bytes before a block that are looked through for line breaks."""


class DropBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Remove what was matched as if it had never been written: no blank line is left behind."""

    def apply(self, text: bytes, matches: Sequence[Change]) -> Sequence[Change]:
        """The matches, each widened by the white space that only separated it."""
        return [_widened(text, run) for run in _runs(text, matches)]


def _runs(text: bytes, matches: Sequence[Change]) -> list[Change]:
    """The matches, those that only white space parts as one."""
    runs: list[Change] = []
    for match in sorted(matches, key=lambda match: match.start):
        if runs and not text[runs[-1].end : match.start].strip():
            runs[-1] = Change(runs[-1].start, max(runs[-1].end, match.end))
        else:
            runs.append(match)
    return runs


def _widened(text: bytes, match: Change) -> Change:
    """The cut that takes a block off its own lines.

    Of the breaks before and behind it the longer ones stay: they part the texts that were there without it. A
    block that shares a line with other text is cut out of it as it is.
    """
    near = max(0, match.start - _MOST_BREAKS)
    before = _BREAKS_BEFORE.search(text, near, match.start)
    after = _BREAKS_AFTER.match(text, match.end)
    start = before.start() if before else match.start
    end = after.end() if after else match.end
    opens, closes = not text[:start].strip(), not text[end:].strip()
    if opens and closes:
        return Change(0, len(text))
    if closes:
        return Change(start, len(text))
    if opens:
        return Change(match.start, end)
    if start == match.start or end == match.end:
        return Change(match.start, match.end)
    behind = text.count(b"\n", match.end, end)
    return (
        Change(start, match.end)
        if behind > text.count(b"\n", start, match.start)
        else Change(match.start, end)
    )
