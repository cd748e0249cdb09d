"""One task of the server whose prompt is being evaluated, and how far it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Self, TypeAlias

from proxy_core.llama import events as ev
from proxy_core.llama.slots import SlotState
from proxy_core.progress import Progress

Place: TypeAlias = tuple[int | None, int, int | None]
"""Port of the child server (None without a router), slot, task."""

_WINDOW = 8
"""Newest steps of the evaluation over which its pace is taken."""
_STEPS = 512
"""Steps that are kept, to see by how much late tokens take longer than early ones."""
_TELLING = 5
"""Steps from which on that can be seen."""
_SLOWEST = 6.0
"""How many times the pace of the newest steps the rest may take at most: a pause is no trend."""
_APART = 0.05
"""Least difference of two shares, which the log gives in hundredths, that a size is worked out from."""
_NEARLY = 0.99
"""Most of a prompt that counts as done while its size is only estimated."""


class _Step(NamedTuple):
    at: float
    evaluated: int


class _Pace(NamedTuple):
    """What a token took, in the middle of some steps."""

    seconds: float
    at: float

    @classmethod
    def between(cls, first: _Step, last: _Step) -> Self | None:
        """None where no time went by, or no token."""
        tokens, seconds = last.evaluated - first.evaluated, last.at - first.at
        if tokens <= 0 or seconds <= 0:
            return None
        return cls(seconds / tokens, (first.evaluated + last.evaluated) / 2)


class _Share(NamedTuple):
    """What builds from b9151 on log: evaluated tokens, and the share of the prompt that is in the slot."""

    evaluated: int
    of_prompt: float
    seconds: float


@dataclass(eq=False)
class PromptTask:
    """A task, from the moment it was seen first. Tokens are counts; times are seconds of one clock."""

    place: Place
    seen: float
    logged: bool = False
    """Whether the log told of it."""
    over: bool = False
    """Whether its request has ended, though the server may still be at it."""
    generating: bool = False
    missed: int = 0
    """Answers of GET /slots in a row that did not know it."""
    total: int | None = None
    cached: int | None = None
    evaluated: int = 0
    source: Literal["log", "slots"] = "log"
    _steps: deque[_Step] = field(default_factory=lambda: deque(maxlen=_STEPS))
    _first: _Share | None = None
    _last: _Share | None = None

    @property
    def done(self) -> int:
        """Tokens of the prompt that are known to be in the slot."""
        return (self.cached or 0) + self.evaluated

    def line(self, event: ev.LogEvent, now: float) -> None:
        """A line of the log about this task."""
        match event:
            case ev.PromptFacts():
                self.total = event.n_tokens
            case ev.ForcedFull():
                self.cached, self.evaluated = 0, 0
                self._steps.clear()
            case ev.CachedPrefix():
                # The first one is what was reused; one more comes before each batch.
                if self.cached is None:
                    self.cached = event.n_past
                self._reached(event.n_past - self.cached, now, "log")
            case ev.PromptProgress(seconds=float(seconds), progress=float(progress)):
                # Lines of earlier builds have no seconds, and count a batch that is still to be evaluated.
                self._last = _Share(event.n_tokens, progress, seconds)
                self._first = self._first or self._last
                self._reached(event.n_tokens, now, "log")
            case _:
                pass

    def state(self, state: SlotState, now: float) -> None:
        """The slot in an answer to GET /slots."""
        if state.n_generated:
            self.generating = True
        # Both are 0 also in a slot that has not begun with its task.
        if state.n_done is None or state.n_cached is None or not (state.n_done or state.n_cached):
            return
        self.cached = state.n_cached
        self._reached(state.n_done, now, "slots")

    def progress(self, expected: int | None, now: float) -> Progress | None:
        """How far the prompt is; None when nothing can be said, or when it is through.

        Args:
            expected: About how many tokens the prompt has.
            now: The present moment.
        """
        cached = self._reused(expected)
        if self.generating or cached is None:
            return None
        done = cached + self.evaluated
        if self.total is not None and done >= self.total:
            return None
        size = self.total or self._size(cached) or expected
        if size is None or size <= done:
            # More is done than was expected: how much is left is anybody's guess.
            return Progress(done, self.total, None, None, self.source)
        share = self.evaluated / (size - cached)
        share = share if self.total is not None else min(share, _NEARLY)
        return Progress(done, self.total, share, self._seconds_left(size - done, now), self.source)

    def _reached(self, evaluated: int, now: float, source: Literal["log", "slots"]) -> None:
        if self._steps and evaluated <= self.evaluated:
            return
        self.evaluated = max(self.evaluated, evaluated)
        self.source = source
        self._steps.append(_Step(now, self.evaluated))

    def _reused(self, expected: int | None) -> int | None:
        """Reused tokens: as told, or what is missing between the log's two figures."""
        if self.cached is not None or self._last is None:
            return self.cached
        size = self.total or self._size_by_two() or expected
        return None if size is None else max(0, round(self._last.of_prompt * size) - self._last.evaluated)

    def _size(self, cached: int) -> int | None:
        """The prompt's size by the share that the log gives."""
        last = self._last
        if last is None or last.of_prompt < _APART:
            return None
        return round((cached + last.evaluated) / last.of_prompt)

    def _size_by_two(self) -> int | None:
        first, last = self._first, self._last
        if first is None or last is None or last.of_prompt - first.of_prompt < _APART:
            return None
        return round((last.evaluated - first.evaluated) / (last.of_prompt - first.of_prompt))

    def _seconds_left(self, tokens: int, now: float) -> float | None:
        """By what evaluated tokens took; reused ones took no time."""
        if not self._steps:
            return None
        steps = list(self._steps)
        newest = _Pace.between(steps[-_WINDOW:][0], steps[-1])
        if newest is not None:
            each = newest.seconds
            if len(steps) >= _TELLING:
                ahead = self.evaluated + tokens / 2 - newest.at
                each = min(each * _SLOWEST, each + _slowdown(steps) * ahead)
        elif self._last is not None and self._last.seconds > 0 and self._last.evaluated > 0:
            each = self._last.seconds / self._last.evaluated
        else:
            return None
        return float(max(0, round(tokens * each - (now - steps[-1].at))))


def _slowdown(steps: Sequence[_Step]) -> float:
    """By how many seconds each token takes longer than the one before: it attends to more of them."""
    half = steps[len(steps) // 2]
    early, late = _Pace.between(steps[0], half), _Pace.between(half, steps[-1])
    if early is None or late is None:
        return 0.0
    return max(0.0, (late.seconds - early.seconds) / (late.at - early.at))
