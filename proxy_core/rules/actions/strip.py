"""`strip`: what was matched is removed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from proxy_core.prompt import Change


class Strip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Remove what was matched, and leave everything else."""

    def apply(self, text: bytes, matches: Sequence[Change]) -> Sequence[Change]:
        """The matches themselves: they are cuts already."""
        return matches
