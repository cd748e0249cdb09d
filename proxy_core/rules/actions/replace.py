"""`replace`: what was matched becomes something fixed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from proxy_core.prompt import Change


class Replace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Put the same text in place of whatever was matched."""

    to: str
    """What stands there from then on."""

    def apply(self, text: bytes, matches: Sequence[Change]) -> Sequence[Change]:
        """One change for each match that does not say so already."""
        new = self.to.encode()
        return [Change(m.start, m.end, new) for m in matches if text[m.start : m.end] != new]
