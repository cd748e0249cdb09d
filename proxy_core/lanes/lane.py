"""One conversation, as it stands after its latest request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy_core.lanes.bounds import MOST_LANE_BYTES, size_of
from proxy_core.rules import RuleSet
from proxy_core.rules.past import AMBIGUOUS, is_pair

_SPARE = 0.75
"""Share of the bound that is left when it was passed."""

_BULKY = ("output.", "message.")
"""Keys of what can be done without: older messages are then sent as the client has them now."""


_TOOLS = ("order", "tool.")
_WHOLE = (*_TOOLS, "value.")
"""Keys of what stands before all messages, and belongs to one lane."""


@dataclass(eq=False)
class Lane:
    """A conversation: requests that continue one another."""

    id: str
    client: str | None
    session: str | None
    head: bytes
    chain: tuple[bytes, ...]
    asked: int = 0
    """How much of the chain its latest request had; the rest is the model's answer, as far as it is known."""
    kept: frozenset[bytes] = frozenset()
    """Digests of its latest request's messages alone; nothing after a restart."""
    seen: float = 0.0
    """When it was used last, in seconds since the epoch."""
    mark: bytes = b""
    """See `Asked.mark`; empty once the model has answered."""
    requests: int = 0
    """Requests since the start of this kvconsole."""
    memory: dict[tuple[str, str], bytes] = field(default_factory=dict)
    size: int = 0
    """Bytes of its memory."""
    borrowed: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """What was taken over from another lane since the last save."""
    shrunk: bool = False
    """Whether something went since the last save: what is on disk then has to go as well."""
    rules: RuleSet | None = None
    """The rules that it began with, while later changes are for new lanes only."""
    source: str | None = None
    """Id of the conversation that it branched off, as with other tools or another question in its midst."""
    label: str = ""
    """How its first user message begins, in the person's own words. In memory only, and empty after a restart
    until the next request."""
    tokens_per_byte: float | None = None
    """Of its latest request: prompt tokens by bytes of the body."""

    def remember(self, writes: Mapping[tuple[str, str], bytes]) -> dict[tuple[str, str], bytes]:
        """Add to the rule memory, within its bounds; gives what it holds of `writes` then."""
        for key, value in writes.items():
            old = self.memory.pop(key, None)
            self.size += size_of(key, value) - (0 if old is None else size_of(key, old))
            # A pair of messages that the lane has twice tells nothing about either.
            twice = is_pair(*key) and old not in (None, value)
            self.memory[key] = AMBIGUOUS if twice else value
        if self.size > MOST_LANE_BYTES:
            self._shrink(int(MOST_LANE_BYTES * _SPARE))
            self.shrunk = True
        return {key: self.memory[key] for key in writes if key in self.memory}

    def borrow(self, other: Lane) -> None:
        """Take over what another lane remembers of messages that this one does not know."""
        fresh = {
            key: value
            for key, value in other.memory.items()
            if key not in self.memory and not key[1].startswith(_WHOLE)
        }
        self.borrowed |= self.remember(fresh)

    def about_tools(self) -> dict[tuple[str, str], bytes]:
        """What it remembers of the order and the spelling of tools."""
        return {key: value for key, value in self.memory.items() if key[1].startswith(_TOOLS)}

    def _shrink(self, wanted: int) -> None:
        bulky = [key for key in self.memory if key[1].startswith(_BULKY)]
        # Some at once: each time that something goes, a message is sent in another form than before.
        for key in [*bulky, *self.memory]:
            if self.size <= wanted:
                return
            if key in self.memory:
                self.size -= size_of(key, self.memory.pop(key))


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
