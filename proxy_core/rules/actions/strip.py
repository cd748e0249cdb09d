"""`strip`: what was matched is removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from proxy_core.prompt import Change


@dataclass(frozen=True)
class Strip:
    """Remove what was matched, and leave everything else."""

    def apply(self, text: bytes, matches: Sequence[Change]) -> Sequence[Change]:
        """The matches themselves: they are cuts already."""
        return matches
