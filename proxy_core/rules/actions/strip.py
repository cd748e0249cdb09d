"""`strip`: what was matched is removed."""

from __future__ import annotations

from dataclasses import dataclass

from proxy_core.prompt import Change


@dataclass(frozen=True)
class Strip:
    """Remove what was matched, and leave everything else."""

    def apply(self, text: bytes, matches: list[Change]) -> list[Change]:
        """The matches themselves: they are cuts already."""
        return matches
