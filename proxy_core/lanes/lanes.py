"""All lanes: finds the one that a request continues, and keeps what it leaves behind.

A lane is found by the longest chain of equal messages. A client's own session key, and how alike the prompts
are before their messages, decide between lanes that share much the same history.
"""

from __future__ import annotations

import secrets
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from proxy_core.lanes.asked import Asked
from proxy_core.lanes.bounds import MOST_LANES
from proxy_core.lanes.head import alike, likeness, same_tools
from proxy_core.lanes.lane import Lane, common
from proxy_core.lanes.store import LaneStore
from proxy_core.rules import RuleSet
from proxy_core.rules.generated import Learned
from proxy_core.rules.identity import SIZE

_LAST_TURN = 2
"""Messages at the end that may differ in the same lane: an edited question, a removed heartbeat."""
_TAIL = 2
"""Messages that must come again in a conversation whose beginning was cut off."""


class Shared(NamedTuple):
    """A lane that begins as a request does."""

    lane: Lane
    messages: int
    """How many messages they share."""

    @property
    def gap(self) -> int:
        """How many of the lane's messages the request does not have."""
        return len(self.lane.chain) - self.messages

    @property
    def missing(self) -> int:
        """The same, of what the lane was last asked, without the answer."""
        return max(0, self.lane.asked - self.messages)

    def nearness(self, asked: Asked) -> tuple[bool, int, int, int, float]:
        """How well a request goes on where the lane stands; the greatest is the best.

        A lane that ends with the request's latest answer comes first: an older conversation may have begun
        with the same words, up to the question that is asked now.
        """
        goes_on = self.gap == 0 and self.messages >= asked.said
        return goes_on, self.messages, -self.gap, self.like(asked), self.lane.seen

    def like(self, asked: Asked) -> int:
        """How much of their system texts is the same."""
        return likeness(self.lane.head, asked.head)


class Lanes:
    """Lanes by id. `find` and `commit` may be called from any thread."""

    def __init__(self, store: LaneStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._lanes: dict[str, Lane] = {}
        self._by_start: defaultdict[bytes, set[str]] = defaultdict(set)
        for row in reversed(store.load(MOST_LANES)):
            links = tuple(row.chain[at : at + SIZE] for at in range(0, len(row.chain), SIZE))
            lane = Lane(row.id, row.client, row.session, row.head, links, len(links), seen=row.seen)
            lane.remember(row.memory)
            self._add(lane)

    def find(self, asked: Asked) -> Lane:
        """The lane that a request belongs to; a new one, not kept yet, if it continues none.

        A request that leaves a lane before its last turn, or has other tools or another system text, begins a
        lane of its own with what the one that it comes from remembers. Messages are known by all that stands
        before them, so nothing that was remembered behind the fork can apply.
        """
        with self._lock:
            shared = [Shared(lane, common(lane.chain, asked.chain)) for lane in self._sharing(asked)]
            rivals = sum(f.messages == 1 and f.missing == 0 and not _apart(asked, f.lane) for f in shared)
            shared = [found for found in shared if _continues(asked, found, alone=rivals == 1)]
            source = max(shared, key=lambda f: f.nearness(asked), default=None)
            own = self._going_on(asked, shared)
            if own is None:
                return self._branch(asked, source)
            if (
                source is not None
                and source.lane is not own
                and source.messages > common(own.chain, asked.chain)
            ):
                own.borrow(source.lane)
            return own

    def commit(self, lane: Lane, asked: Asked, writes: Mapping[tuple[str, str], bytes], now: float) -> None:
        """A request was normalized: keep what it leaves behind.

        Args:
            lane: What `find` gave for it.
            asked: The request.
            writes: What the rules want remembered.
            now: Seconds since the epoch.
        """
        with self._lock:
            fresh = lane.id not in self._lanes
            if not fresh:
                self._unlist(lane)
            lane.session = asked.session or lane.session
            lane.head, lane.chain, lane.kept = asked.head, asked.chain, frozenset(asked.kept)
            lane.asked, lane.mark = len(asked.chain), asked.mark
            lane.label = lane.label or asked.label
            lane.seen, lane.requests = now, lane.requests + 1
            held = lane.remember(writes)
            self._add(lane)
            self._save(lane, lane.memory if fresh else held)
            self._bound()

    def learn(self, lane_id: str, asked: Asked, learned: Learned) -> None:
        """The model answered a request: the lane goes on with that, whoever asks next."""
        with self._lock:
            lane = self._lanes.get(lane_id)
            if lane is None:
                return
            if lane.chain == asked.chain:
                lane.chain += learned.links
                lane.mark = b""
            self._save(lane, lane.remember(learned.writes))

    def measured(self, lane_id: str, tokens_per_byte: float) -> None:
        """A lane's prompt was counted."""
        with self._lock:
            lane = self._lanes.get(lane_id)
            if lane is not None:
                lane.tokens_per_byte = tokens_per_byte

    def pin(self, rules: RuleSet | None) -> None:
        """Let every lane keep `rules` that keeps none yet; None lets all follow the rules in force."""
        with self._lock:
            for lane in self._lanes.values():
                lane.rules = None if rules is None else lane.rules or rules

    def label_of(self, lane_id: str) -> str:
        """How a conversation began, in the person's own words; empty where that is not known."""
        with self._lock:
            lane = self._lanes.get(lane_id)
            return lane.label if lane is not None else ""

    def source_of(self, lane_id: str) -> str | None:
        """The conversation that a lane branched off, if it did since the start of this kvconsole."""
        with self._lock:
            lane = self._lanes.get(lane_id)
            return lane.source if lane is not None else None

    def live(self, since: float) -> list[Lane]:
        """Lanes that were used since then (seconds since the epoch), the latest first."""
        with self._lock:
            found = [lane for lane in self._lanes.values() if lane.seen >= since]
        return sorted(found, key=lambda lane: -lane.seen)

    def forget(self, lane_id: str | None) -> int:
        """Forget one lane, or all; gives how many there were."""
        with self._lock:
            gone = [lane for lane in self._lanes.values() if lane_id in (None, lane.id)]
            self._remove(gone)
            self._store.drop(lane.id for lane in gone)
        return len(gone)

    def _going_on(self, asked: Asked, shared: Sequence[Shared]) -> Lane | None:
        """The lane that a request goes on with, if it does."""
        best = max(
            (f for f in shared if alike(f.lane.head, asked.head)),
            key=lambda f: (f.lane.session == asked.session, f.nearness(asked)),
            default=None,
        )
        # One that shares less is another conversation, even if it has not gone on elsewhere.
        if best is not None and best.missing <= _LAST_TURN:
            return best.lane
        return None if shared else self._by_session(asked) or self._by_tail(asked)

    def _branch(self, asked: Asked, source: Shared | None) -> Lane:
        lane = Lane(secrets.token_hex(4), asked.client, asked.session, asked.head, asked.chain)
        if source is not None:
            lane.source = source.lane.id
            lane.rules = source.lane.rules
            lane.remember(source.lane.memory)
        else:
            # Another conversation with the same tools: in the same order, its prompt begins as theirs do.
            alike_tools = (
                other
                for other in self._lanes.values()
                if other.client == asked.client and same_tools(other.head, asked.head)
            )
            latest = max(alike_tools, key=lambda other: other.seen, default=None)
            if latest is not None:
                lane.remember(latest.about_tools())
        return lane

    def _sharing(self, asked: Asked) -> Iterable[Lane]:
        """Lanes of the same client that begin as the request does."""
        ids = self._by_start.get(asked.chain[0], ()) if asked.chain else ()
        return [lane for lane in map(self._lanes.__getitem__, ids) if lane.client == asked.client]

    def _by_session(self, asked: Asked) -> Lane | None:
        """The conversation that the client calls the same, with another history: it was compacted, say."""
        if asked.session is None:
            return None
        named = (
            lane
            for lane in self._lanes.values()
            if lane.session == asked.session
            and lane.client == asked.client
            and len(asked.chain) > 1
            and alike(lane.head, asked.head)
        )
        return max(named, key=lambda lane: lane.seen, default=None)

    def _by_tail(self, asked: Asked) -> Lane | None:
        """A conversation whose beginning was cut off, but whose last messages come again."""
        wanted = set(asked.kept[:-1])
        if asked.session is not None or len(wanted) < _TAIL:
            return None
        hits = (
            (len(wanted & lane.kept), lane.seen, lane)
            for lane in self._lanes.values()
            if lane.client == asked.client and not wanted.isdisjoint(lane.kept)
        )
        best = max(
            (hit for hit in hits if alike(hit[2].head, asked.head)), key=lambda hit: hit[:2], default=None
        )
        return best[2] if best is not None and best[0] >= max(_TAIL, len(wanted) // 2) else None

    def _add(self, lane: Lane) -> None:
        self._lanes.pop(lane.id, None)
        self._lanes[lane.id] = lane
        if lane.chain:
            self._by_start[lane.chain[0]].add(lane.id)

    def _unlist(self, lane: Lane) -> None:
        if lane.chain:
            ids = self._by_start[lane.chain[0]]
            ids.discard(lane.id)
            if not ids:
                del self._by_start[lane.chain[0]]

    def _save(self, lane: Lane, writes: Mapping[tuple[str, str], bytes]) -> None:
        links = b"".join(lane.chain)
        held = {**lane.borrowed, **writes}
        if lane.shrunk:
            # On disk, what went would keep what is new from fitting in.
            self._store.drop([lane.id])
            held = dict(lane.memory)
        lane.borrowed, lane.shrunk = {}, False
        self._store.save(lane.id, lane.client, lane.session, lane.head, links, lane.seen, held)

    def _bound(self) -> None:
        if len(self._lanes) <= MOST_LANES:
            return
        # The one in hand is the last of all, and never goes.
        old = list(self._lanes.values())[:-1]
        gone = next((lane for lane in old if lane.requests == 1), old[0])
        self._remove([gone])
        self._store.drop([gone.id])

    def _remove(self, gone: Iterable[Lane]) -> None:
        for lane in gone:
            self._unlist(lane)
            self._lanes.pop(lane.id, None)


def _apart(asked: Asked, lane: Lane) -> bool:
    """Whether the client calls a request and a lane by different names."""
    return asked.session is not None and lane.session is not None and asked.session != lane.session


def _continues(asked: Asked, found: Shared, *, alone: bool) -> bool:
    """Whether a request can be of a lane's conversation, or branch off it.

    The same first words begin many conversations, so they prove nothing until the model has answered, except
    where the client calls both the same, or sends the very same request again; and nothing after that either
    unless the lane is `alone` in having just begun with them. Another session key says that it is another
    conversation, unless its history is this one's.
    """
    lane = found.lane
    if found.messages == 0:
        return False
    if _apart(asked, lane):
        return asked.answered and found.messages > 1
    if asked.session is not None and lane.session is not None:
        return True
    if not asked.answered:
        return asked.mark == lane.mark and asked.chain == lane.chain
    # Of the answer, a client may have made something else than what was heard.
    return found.messages > 1 or (found.missing == 0 and alone)
