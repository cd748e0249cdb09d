"""Turns compared with the ones before them, and judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from proxy_core.captures.bundle import one_line
from proxy_core.captures.captured import Place, Problem
from proxy_core.diagnosis.compare import Sent, prompt_of
from proxy_core.errors import KvconsoleError, PromptError
from proxy_core.prompt import Prompt
from proxy_core.study.checking.measures import Measure, Measured
from proxy_core.study.checking.report import Apart, Report, Result, Spot, Turn, Unread, Wanted, spot, spot_of
from proxy_core.study.checking.words import where
from proxy_core.study.steps import Step

MOST_UNREAD = 100
"""Requests that could not be checked, and are told; all are counted."""


def check(
    steps: Iterable[Step], wanted: Wanted, measure: Measure, settings: Mapping[str, object] | None = None
) -> Report:
    """Compare each turn with the one before it.

    Args:
        steps: The requests in their conversations.
        wanted: What is asked of them.
        measure: Compares two prompts.
        settings: How it is checked, for programs.

    Raises:
        KvconsoleError: The measure cannot compare two prompts; the message begins with their place.
    """
    turns: list[Turn] = []
    apart: Counter[Apart] = Counter()
    unread: list[Unread] = []
    lanes: dict[str, None] = {}
    for step in steps:
        if step.lane is not None:
            lanes.setdefault(step.lane)
        if wanted.lane is not None and step.lane != wanted.lane:
            continue
        found = _judged(step, wanted, measure)
        if isinstance(found, Turn):
            turns.append(found)
        elif isinstance(found, Unread):
            unread.append(found)
        else:
            apart[found] += 1
    kept = tuple(unread[:MOST_UNREAD])
    return Report(
        *(wanted, settings or {}, tuple(turns), dict(apart), kept), len(unread) - len(kept), tuple(lanes)
    )


def with_broken(report: Report, problems: Sequence[Problem], count: int) -> Report:
    """The report with entries of the source that could not be read.

    Args:
        report: What the requests gave.
        problems: The broken entries that are told.
        count: How many there were.
    """
    told = [Unread(_entry(problem.place), problem.message) for problem in problems]
    kept = (*told, *report.unread)[:MOST_UNREAD]
    return replace(report, unread=kept, more_unread=report.unread_count + count - len(kept))


def _entry(place: Place) -> Spot:
    """An entry that is no request: it is not counted with the requests, and said to be an entry."""
    return spot_of(*place)._replace(place=one_line(str(place)))


def _judged(step: Step, wanted: Wanted, measure: Measure) -> Turn | Unread | Apart:
    if step.failed:
        return "error"
    if step.exchange.api is None:
        return "foreign"
    if step.lane is None:
        why = (step.exchange.note or "it is no prompt").removeprefix("forwarded untouched: ")
        return Unread(spot(step.captured), f"its prompt cannot be read: {why}")
    if step.previous is None or step.previous.exchange.api != step.exchange.api:
        return "midway" if _has_answers(step) else "first"
    try:
        before, now = (_prompt(one, raw=wanted.raw) for one in (step.previous, step))
    except PromptError as error:
        return Unread(spot(step.captured), error.message)
    try:
        measured = measure(before, now)
    except KvconsoleError as error:
        raise KvconsoleError(f"{spot(step.captured).place}: {error.message}", title=error.title) from error
    return _turn(step, spot(step.previous.captured), measured, wanted)


def _has_answers(step: Step) -> bool:
    """Whether the model has spoken in it, so that there must have been turns before."""
    try:
        return any(message.kind == "assistant" for message in _prompt(step, raw=True).messages)
    except PromptError:
        return False


def _prompt(step: Step, *, raw: bool) -> Prompt:
    if step.exchange.api is None:
        raise PromptError("It is of no API whose prompts kvconsole reads.")
    return prompt_of(Sent(step.exchange.api, step.bodies), raw=raw)


def _turn(step: Step, before: Spot, measured: Measured, wanted: Wanted) -> Turn:
    whole = measured.shared >= measured.whole
    parted = measured.divergence
    turn = Turn(
        spot=spot(step.captured),
        before=before,
        lane=step.lane or "",
        client=step.exchange.client,
        shared=measured.shared,
        whole=measured.whole,
        previous=measured.previous,
        size=measured.size,
        unit=measured.unit,
        result="pass",
        cause=None if whole else measured.cause,
        where="" if whole else where(parted),
        offset=0 if whole else parted.offset,
        excerpt=None if whole else parted.excerpt,
        note=step.exchange.note,
    )
    return replace(turn, result=_result(turn, wanted))


def _result(turn: Turn, wanted: Wanted) -> Result:
    if turn.reuse >= wanted.min_reuse:
        return "pass"
    return "allowed" if turn.cause in wanted.allow else "fail"
