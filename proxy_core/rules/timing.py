"""Runs rules one by one: a rule that raises, or takes too long, is left out of the request and named."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")

_SECONDS_PER_MB = 0.005
_MB = 1_000_000


class Timer:
    """The rules of one request, each with its share of time."""

    def __init__(self, body_bytes: int) -> None:
        """A rule has 5 ms of processor time for each megabyte of the body, and for less than one."""
        self.budget = _SECONDS_PER_MB * max(1.0, body_bytes / _MB)
        self.failures: list[str] = []
        """A sentence for each rule that was left out."""

    def run(self, rule: str, work: Callable[[], _T]) -> _T | None:
        """What `work` gives; None if the rule is to be left out of this request.

        Work that takes too long is done once more before that is held against it: Python may have cleared
        its memory meanwhile, and a rule that is left out costs the prefix. `work` must be pure.
        """
        took = 0.0
        for _ in range(2):
            # Of the thread alone: what others do meanwhile is not the rule's fault.
            began = time.thread_time()
            try:
                done = work()
            except Exception as error:  # a rule must never stop a request
                self.failures.append(f"rule {rule} failed and was left out of this request: {error!r}")
                return None
            took = time.thread_time() - began
            if took <= self.budget:
                return done
        self.failures.append(
            f"rule {rule} took {took * 1000:.0f} ms, more than its {self.budget * 1000:.0f} ms, "
            "and was left out of this request"
        )
        return None
