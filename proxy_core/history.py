"""The records of this run: what is under way, what is done, and the sums over it."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from proxy_core.events import Event, RecordChanged, Totals, TotalsChanged
from proxy_core.exchange import OPEN, Bodies, Exchange, Record
from proxy_core.join import Joiner
from proxy_core.journal.entry import Key
from proxy_core.llama.turns import Turn
from proxy_core.progress import Progress
from proxy_core.rulebook import Flips
from proxy_core.verdict import Diagnosis


class History:
    """Keeps the newest records and request bodies, and joins logged turns to exchanges.

    All of it happens on the engine's loop; only `bodies` may be called from another thread.
    """

    def __init__(
        self, emit: Callable[[Event], None], *, records: int, body_bytes: int, run: str | None = None
    ) -> None:
        """
        Args:
            emit: Takes what happens.
            records: How many turns are kept, and of all else as many.
            body_bytes: What the request bodies of turns may take.
            run: The name of this run in the journal; None where nothing is kept there.
        """
        self.totals = Totals()
        self._run = run
        self._emit = emit
        self._most_records = records
        self._most_bytes = body_bytes
        self._records: dict[int, Record] = {}
        # Kept apart, so that a client that polls /health pushes out no turn, least of all one under way.
        self._turn_ids: deque[int] = deque()
        self._other_ids: deque[int] = deque()
        self._bodies: OrderedDict[int, Bodies] = OrderedDict()
        self._body_bytes = 0
        self._joiner = Joiner()
        self._logged: OrderedDict[tuple[float | None, ...], None] = OrderedDict()
        """The newest turns that were logged."""
        self._hits: Counter[str] = Counter()
        self._last_id = 0
        self._evaluating: tuple[int, ...] = ()
        """Records whose progress is told."""
        self._flips = Flips()

    def recall(self, records: Iterable[Record]) -> None:
        """Take in turns of earlier runs, oldest first, before any other; their ids are 1, 2 and so on."""
        for record in records:
            self._last_id = record.id
            self._records[record.id] = record
            self._turn_ids.append(record.id)

    def begin(self, exchange: Exchange, bodies: Bodies) -> int:
        """A request has been read; gives its record's id."""
        self._hits.update(edit.rule for edit in exchange.edits)
        self._count(requests=1)
        record = self._new(time.time(), exchange, None)
        if exchange.prompts:
            self._keep(record.id, bodies)
        return record.id

    def refused(self, exchange: Exchange) -> None:
        """A request was refused before it was read: there is nothing to keep or to join."""
        self._count(requests=1)
        self._new(time.time(), exchange, None)

    def change(self, key: int, exchange: Exchange) -> None:
        """An exchange has new figures or another state."""
        old = self._records.get(key)
        if old is None:
            return
        record = replace(old, exchange=exchange, progress=old.progress if exchange.status in OPEN else None)
        complete = not record.open or exchange.answer.prompt_ms is not None
        if record.turn is None and exchange.prompts and complete:
            turn = self._joiner.exchange(record, time.monotonic())
            record = replace(record, turn=turn)
        self._put(record)
        if old.open and not record.open:
            self._replace_in_sums(None, record)

    def turn(self, turn: Turn, *, live: bool) -> None:
        """A turn was logged; `live` is False for one that was in the log before kvconsole read it.

        A server may write the same log twice, into a file and to where kvconsole follows it as well.
        """
        if self._told_twice(turn):
            return
        if not live:
            self._new(None, None, turn)
            return
        joined = self._joiner.turn(turn, time.monotonic())
        current = self._records.get(joined.id) if joined else None
        if current is not None:
            record = replace(current, turn=turn)
            self._put(record)
            if not record.open:
                self._replace_in_sums(current, record)

    def expire(self) -> None:
        """Turns that no exchange claimed in time become records of their own."""
        late = time.monotonic()
        for waiting in self._joiner.expire(late):
            record = self._new(time.time() - (late - waiting.at), None, waiting.turn)
            self._replace_in_sums(None, record)

    def explained(self, key: int, diagnosis: Diagnosis) -> None:
        """It is known now, or better than before, why a turn cost what it cost."""
        record = self._records.get(key)
        if record is not None and record.diagnosis != diagnosis:
            self._put(replace(record, diagnosis=diagnosis))

    def not_kept(self, key: int) -> None:
        """The journal did not take a record, so that it has no name there."""
        record = self._records.get(key)
        if record is not None and record.name is not None:
            self._put(replace(record, name=None))

    def progressed(self, progress: Mapping[int, Progress]) -> None:
        """How far prompts under way are, by record id; those that are not named are not being evaluated."""
        for key in (*self._evaluating, *progress):
            record = self._records.get(key)
            if record is not None and record.progress != progress.get(key):
                self._put(replace(record, progress=progress.get(key)))
        self._evaluating = tuple(progress)

    def flipped(self, rule_id: str, on: bool) -> None:
        """A rule was switched: the next prompt carries the mark."""
        self._flips.add(rule_id, on)

    def get(self, key: int) -> Record | None:
        """A record; None when it is no longer kept."""
        return self._records.get(key)

    def prompts(self) -> Iterator[Record]:
        """The records in which a prompt was evaluated, newest first."""
        return (self._records[key] for key in reversed(self._turn_ids) if key in self._records)

    def recent(self, most: int) -> list[Record]:
        """The newest records, oldest first."""
        return list(self._records.values())[-most:]

    def bodies(self, key: int) -> Bodies | None:
        """Request bodies of a record; None when they are no longer kept."""
        return self._bodies.get(key)

    def _told_twice(self, turn: Turn) -> bool:
        """Whether that very turn was told before: a task's times are as good as a fingerprint."""
        when = turn.stamp if turn.total_ms is None else turn.total_ms
        if turn.task is None or when is None:
            return False
        key = (turn.port, turn.slot, turn.task, turn.prompt_n, turn.prompt_ms, when)
        if key in self._logged:
            return True
        self._logged[key] = None
        if len(self._logged) > self._most_records:
            self._logged.popitem(last=False)
        return False

    def _new(self, at: float | None, exchange: Exchange | None, turn: Turn | None) -> Record:
        self._last_id += 1
        record = Record(self._last_id, at, exchange, turn)
        if record.prompts and at is not None:
            name = None if self._run is None else str(Key(self._run, record.id))
            record = replace(record, flipped=self._flips.take(), name=name)
        self._put(record)
        ids = self._turn_ids if record.prompts else self._other_ids
        ids.append(record.id)
        if len(ids) > self._most_records:
            del self._records[ids.popleft()]
        return record

    def _put(self, record: Record) -> None:
        self._records[record.id] = record
        self._emit(RecordChanged(record))

    def _keep(self, key: int, bodies: Bodies) -> None:
        self._bodies[key] = bodies
        self._body_bytes += _size(bodies)
        while self._body_bytes > self._most_bytes and len(self._bodies) > 1:
            _, oldest = self._bodies.popitem(last=False)
            self._body_bytes -= _size(oldest)

    def _replace_in_sums(self, old: Record | None, new: Record) -> None:
        """Count `new`, and no longer what was known before of the same record."""
        if not new.prompts:
            return
        self._count(
            reused=(new.cached_n or 0) - ((old.cached_n or 0) if old else 0),
            evaluated=(new.prompt_n or 0) - ((old.prompt_n or 0) if old else 0),
            prompt_ms=(new.prompt_ms or 0.0) - ((old.prompt_ms or 0.0) if old else 0.0),
        )

    def _count(
        self, *, requests: int = 0, reused: int = 0, evaluated: int = 0, prompt_ms: float = 0.0
    ) -> None:
        old = self.totals
        self.totals = Totals(
            requests=old.requests + requests,
            reused=old.reused + reused,
            evaluated=old.evaluated + evaluated,
            prompt_ms=old.prompt_ms + prompt_ms,
            hits=tuple(self._hits.items()),
        )
        if self.totals != old:
            self._emit(TotalsChanged(self.totals))


def _size(bodies: Bodies) -> int:
    both = bodies.raw is not bodies.normalized
    return len(bodies.raw) + (len(bodies.normalized) if both else 0)
