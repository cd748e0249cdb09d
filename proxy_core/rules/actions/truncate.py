"""`truncate`: of what was matched, only the beginning is kept."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from proxy_core.prompt import Change
from proxy_core.rules.patterns import pattern


class Truncate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cut a match down to what a pattern matches at its start: a clock to the day, say."""

    keep: str
    """A pattern. What it matches at the start of the match stays; where it does not match, all stays."""

    def apply(self, text: bytes, matches: Sequence[Change]) -> Sequence[Change]:
        """A cut from the end of what is kept to the end of each match."""
        keep = pattern(self.keep)
        cuts: list[Change] = []
        for match in matches:
            kept = keep.match(text[match.start : match.end])
            if kept is not None and match.start + kept.end() < match.end:
                cuts.append(Change(match.start + kept.end(), match.end))
        return cuts
