"""The text around the place where two texts part."""

from __future__ import annotations

from proxy_core.diff.marks import common_end
from proxy_core.verdict import Excerpt

_SHARED_LINES = 3
_SHARED = 240
"""Characters of shared text, and its lines, that are shown."""
_CHANGED = 400
"""Characters of changed text on either side."""
_REST = 200
_READ = 8_192
"""Bytes behind the place that are read: a run that ends further down is cut anyway."""
_LEAST_LINE = 4
"""Characters that a line must have to be known again: a bracket stands everywhere."""
CUT = "…"
"""Stands for the rest where the changed characters go on."""


def excerpt(previous: bytes, current: bytes, at: int) -> Excerpt:
    """What both texts share before byte `at`, and how each goes on.

    Args:
        previous: A text in UTF-8.
        current: Another one, with the same first `at` bytes; `at` parts no character.
        at: Bytes that both begin with.
    """
    shared = previous[max(0, at - 4 * _SHARED) : at].decode(errors="replace")[-_SHARED:]
    shared = "\n".join(shared.split("\n")[-_SHARED_LINES:])
    before = shared.rpartition("\n")[2]
    old, new = (text[at : at + _READ].decode(errors="replace") for text in (previous, current))
    ours, theirs = _runs(before, old, new)
    return Excerpt(
        shared,
        *(run[:_CHANGED] for run in (old[:ours], new[:theirs])),
        *(_rest(text, end) for text, end in ((old, ours), (new, theirs))),
    )


def _runs(before: str, old: str, new: str) -> tuple[int, int]:
    """How many characters changed on either side."""
    if not old or not new:
        return len(old), len(new)
    came = _found(before, old, new)
    if came is not None:
        return 0, came
    went = _found(before, new, old)
    if went is not None:
        return went, 0
    ours, theirs = (text.partition("\n")[0] for text in (old, new))
    same = common_end(ours, theirs)
    while same and ours[-same].isalnum() and _ends_alnum(ours[:-same], theirs[:-same]):
        # A number or a word that changed is shown as one, not without the last digit that stayed.
        same -= 1
    return len(ours) - same, len(theirs) - same


def _ends_alnum(*texts: str) -> bool:
    return any(text[-1:].isalnum() for text in texts)


def _found(before: str, line: str, text: str) -> int | None:
    """Characters before the line with which the other text goes on; None when that line does not come."""
    wanted = before + line.partition("\n")[0]
    if len(wanted.strip()) < _LEAST_LINE:
        return None
    place = (text + "\n").find(f"\n{wanted}\n")
    return None if place < 0 else place + 1 + len(before)


def _rest(text: str, end: int) -> str:
    if end > _CHANGED:
        return CUT
    rest = text[end:].partition("\n")[0]
    return rest if len(rest) <= _REST else rest[: _REST - 1] + CUT
