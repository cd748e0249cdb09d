"""One conversation, as it stands after its latest request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy_core.rules import RuleSet

MOST_BYTES = 8 * 1024 * 1024
"""Bytes of rule memory in one lane; what was remembered of the oldest messages goes first."""

_LASTING = ("value.", "order", "tool.")
"""Keys of what stands before all messages: without it, the whole prompt would be another."""


@dataclass(eq=False)
class Lane:
    """A conversation: requests that continue one another."""

    id: str
    client: str | None
    session: str | None
    head: bytes
    chain: tuple[bytes, ...]
    kept: frozenset[bytes] = frozenset()
    """Digests of its latest request's messages alone; nothing after a restart."""
    seen: float = 0.0
    """When it was used last, in seconds since the epoch."""
    requests: int = 0
    """Requests since the start of this kvconsole."""
    memory: dict[tuple[str, str], bytes] = field(default_factory=dict)
    size: int = 0
    """Bytes of its memory."""
    rules: RuleSet | None = None
    """The rules that it began with, while later changes are for new lanes only."""
    tokens_per_byte: float | None = None
    """Of its latest request: prompt tokens by bytes of the body."""

    def remember(self, writes: Mapping[tuple[str, str], bytes]) -> None:
        """Add to the rule memory, within its bounds."""
        for key, value in writes.items():
            old = self.memory.pop(key, None)
            self.size += _size(key, value) - (0 if old is None else _size(key, old))
            self.memory[key] = value
        while self.size > MOST_BYTES and self.memory:
            key = next(
                (key for key in self.memory if not key[1].startswith(_LASTING)), next(iter(self.memory))
            )
            self.size -= _size(key, self.memory.pop(key))


def _size(key: tuple[str, str], value: bytes) -> int:
    return len(key[0]) + len(key[1]) + len(value)


def common(one: tuple[bytes, ...], other: tuple[bytes, ...]) -> int:
    """How many messages two chains share: each link stands for all before it, so halving finds the last."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[middle - 1] == other[middle - 1]:
            low = middle
        else:
            high = middle - 1
    return low
