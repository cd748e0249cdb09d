"""A lane's rule memory as one request sees it: what is known is read, what is new is collected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

Memory: TypeAlias = Mapping[tuple[str, str], bytes]
"""By rule id and a key of the rule's own."""


class Room(NamedTuple):
    """What is known of the slot's context."""

    context: int
    """Tokens that fit into one slot."""
    tokens_per_byte: float
    """Tokens of a prompt by bytes of its request body, as measured in the lane before."""


class Recall:
    """Reads a memory that others may add to meanwhile; keeps its own additions apart."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.writes: dict[tuple[str, str], bytes] = {}

    def get(self, rule: str, key: str) -> bytes | None:
        """What `rule` remembered under `key`."""
        found = self.writes.get((rule, key))
        return self._memory.get((rule, key)) if found is None else found

    def put(self, rule: str, key: str, value: bytes) -> None:
        """Remember; nothing is written where the same is known already."""
        if self.get(rule, key) != value:
            self.writes[rule, key] = value
