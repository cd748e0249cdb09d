"""What was measured, by turn: medians over the rounds, and over the turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from proxy_core.study.replay.conversations import ARMS, Arm
from proxy_core.study.replay.played import Played

_T = TypeVar("_T")

Clock = Literal["prompt", "answer"]
"""What `ms` measures: prompt eval as the server tells it, or the whole answer, where it does not tell."""


@dataclass(frozen=True)
class Measured:
    """Medians of one arm, over rounds or over turns; None is unknown. Tokens, and times in milliseconds."""

    tokens: int | None = None
    reused: int | None = None
    evaluated: int | None = None
    sim: float | None = None
    ms: float | None = None
    ms_min: float | None = None
    ms_max: float | None = None
    clock: Clock = "prompt"


@dataclass(frozen=True)
class Row:
    """One turn in both arms."""

    turn: int
    request: int
    place: str
    raw: Measured
    normalized: Measured
    played: tuple[Played, ...]
    """What the medians are made of."""

    @property
    def ratio(self) -> float | None:
        """How many times longer the raw prompt took."""
        return ratio(self.raw, self.normalized)

    @property
    def compared(self) -> bool:
        """Whether it counts for the medians over turns: not the first one, and measured in both arms."""
        return self.turn > 1 and None not in (self.raw.tokens, self.normalized.tokens)

    def problem(self, arm: Arm) -> str | None:
        """Why a round of an arm has no figures."""
        return next((one.problem for one in self.played if one.arm == arm and one.problem is not None), None)


@dataclass(frozen=True)
class Sums:
    """Many turns in both arms: medians, and the sums of their times."""

    turns: int
    """How many count: those after the first one of their conversation that were measured in both arms."""
    raw: Measured
    normalized: Measured
    raw_ms: float | None
    normalized_ms: float | None

    @property
    def ratio(self) -> float | None:
        """The ratio of the medians of times."""
        return ratio(self.raw, self.normalized)


def rows(played: Iterable[Played]) -> dict[str, list[Row]]:
    """The turns of each conversation, in their order."""
    found: dict[str, dict[int, list[Played]]] = {}
    for one in played:
        found.setdefault(one.lane, {}).setdefault(one.turn, []).append(one)
    return {lane: [_row(turns[turn]) for turn in sorted(turns)] for lane, turns in found.items()}


def sums(of: Sequence[Row]) -> Sums:
    """Medians over turns. The first turn of a conversation is cold in both arms and left out.

    Times of two kinds make no sum: where the server did not tell prompt eval for all, whole answers count.
    """
    those = [row for row in of if row.compared]
    if len({arm.clock for row in those for arm in (row.raw, row.normalized)}) > 1:
        those = [_row(row.played, "answer") for row in those]
    raw, normalized = [row.raw for row in those], [row.normalized for row in those]
    return Sums(len(those), _over_turns(raw), _over_turns(normalized), _total(raw), _total(normalized))


def ratio(raw: Measured, normalized: Measured) -> float | None:
    """How many times longer `raw` took; None where that is unknown, or measured in another way."""
    if raw.ms is None or not normalized.ms or raw.clock != normalized.clock:
        return None
    return raw.ms / normalized.ms


def _row(played: Sequence[Played], clock: Clock = "prompt") -> Row:
    first = played[0]
    by_arm = {arm: [one for one in played if one.arm == arm and one.answered] for arm in ARMS}
    return Row(
        first.turn,
        first.request,
        first.place,
        _over_rounds(by_arm["raw"], clock),
        _over_rounds(by_arm["normalized"], clock),
        tuple(played),
    )


def _over_rounds(played: Sequence[Played], clock: Clock) -> Measured:
    told = clock == "prompt" and bool(played) and all(one.prompt_ms is not None for one in played)
    times = _known(played, lambda one: one.prompt_ms if told else one.answer_ms)
    return Measured(
        tokens=_whole(played, lambda one: one.tokens),
        reused=_whole(played, lambda one: one.reused),
        evaluated=_whole(played, lambda one: one.evaluated),
        sim=_median(_known(played, lambda one: one.sim)),
        ms=_median(times),
        ms_min=min(times, default=None),
        ms_max=max(times, default=None),
        clock="prompt" if told or not played else "answer",
    )


def _over_turns(found: Sequence[Measured]) -> Measured:
    times = _known(found, lambda one: one.ms)
    return Measured(
        tokens=_whole(found, lambda one: one.tokens),
        reused=_whole(found, lambda one: one.reused),
        evaluated=_whole(found, lambda one: one.evaluated),
        sim=_median(_known(found, lambda one: one.sim)),
        ms=_median(times),
        ms_min=min(times, default=None),
        ms_max=max(times, default=None),
        clock="answer" if any(one.clock == "answer" for one in found) else "prompt",
    )


def _total(found: Sequence[Measured]) -> float | None:
    times = [one.ms for one in found]
    known = [ms for ms in times if ms is not None]
    return sum(known) if known and len(known) == len(times) else None


def _whole(of: Sequence[_T], get: Callable[[_T], int | None]) -> int | None:
    middle = _median(_known(of, get))
    return None if middle is None else round(middle)


def _known(of: Sequence[_T], get: Callable[[_T], float | None]) -> list[float]:
    return [value for value in map(get, of) if value is not None]


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
