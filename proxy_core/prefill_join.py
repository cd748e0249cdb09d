"""Which request does a task of the server work for?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from proxy_core.prefill_task import PromptTask

_CLOSE = 0.3
"""Seconds between two requests of which the server may have taken the later one in first."""
_LEAST, _MOST = 0.6, 1.7
"""How far the size of a prompt may be from what its bytes let expect."""


@dataclass
class Request:
    """A request under way."""

    record: int
    began: float
    """When it was seen first, by the clock that also stamps the tasks."""
    lane: str | None = None
    tokens: int | None = None
    """About how many tokens its prompt has."""
    evaluated: bool = False
    """Whether its answer shows that the prompt is through."""
    served: bool = False
    """Whether the task that worked for it has ended."""


def assign(requests: Sequence[Request], tasks: Sequence[PromptTask]) -> dict[int, PromptTask]:
    """Tasks by record id, where there is no doubt.

    Args:
        requests: Those that no task has ended for, in the order of their arrival.
        tasks: Those that run, in the order in which the server took them in.
    """
    pairs = list(zip(requests, tasks, strict=False))
    several = len({task.place[0] for task in tasks}) > 1
    if several or len(tasks) > len(requests) or not all(_may_be(*pair) for pair in pairs):
        # Somebody else talks to the server as well, so that the order alone tells nothing.
        return _only_choices(requests, tasks)
    doubtful: set[int] = set()
    for at, (first, second) in enumerate(pairwise(requests)):
        if at < len(tasks) and _may_be_swapped(first, second, tasks[at : at + 2]):
            doubtful |= {first.record, second.record}
    return {request.record: task for request, task in pairs if request.record not in doubtful}


def _only_choices(requests: Sequence[Request], tasks: Sequence[PromptTask]) -> dict[int, PromptTask]:
    """Pairs of which neither side could belong to another one."""
    fitting = [(request, task) for request in requests for task in tasks if _may_be(request, task)]
    return {
        request.record: task
        for request, task in fitting
        if sum(other is request for other, _ in fitting) == 1 == sum(other is task for _, other in fitting)
    }


def _may_be_swapped(first: Request, second: Request, tasks: Sequence[PromptTask]) -> bool:
    if second.began - first.began >= _CLOSE:
        return False
    return _may_be(second, tasks[0]) and (len(tasks) < 2 or _may_be(first, tasks[1]))


def _may_be(request: Request, task: PromptTask) -> bool:
    if task.seen < request.began:
        return False
    if request.tokens is None:
        return True
    if task.total is not None:
        return _LEAST <= task.total / request.tokens <= _MOST
    return task.done <= request.tokens * _MOST
