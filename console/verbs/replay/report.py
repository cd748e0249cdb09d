"""What a replay found, as far as it came: the table, the JSON and the CSV are made of this."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from console.figures import count, plural
from console.verdicts import one_line
from proxy_core.llama.facts import Upstream
from proxy_core.rules import RuleSet
from proxy_core.study.replay.conversations import ARMS, Plan
from proxy_core.study.replay.figures import Row, rows
from proxy_core.study.replay.played import Played


@dataclass
class Report:
    """A replay under way, or ended."""

    upstream: Upstream
    rules: RuleSet
    plan: Plan
    rounds: int
    max_tokens: int
    played: list[Played] = field(default_factory=list)
    """In the order in which they were sent."""
    gone: str | None = None
    """Why it ended before everything was played."""
    uncounted: str | None = None
    """Why the similarity is unknown, where it is."""
    seconds: float = 0.0
    """How long it took."""

    @property
    def prompts(self) -> int:
        """How many prompts there are to play."""
        return self.plan.requests * len(ARMS) * self.rounds

    @property
    def complete(self) -> bool:
        """Whether every prompt was measured."""
        return len(self.played) == self.prompts and all(one.answered for one in self.played)

    def rows(self) -> dict[str, list[Row]]:
        """The turns by conversation."""
        return rows(self.played)

    def warnings(self) -> Iterator[str]:
        """What puts figures in doubt, in sentences."""
        if self.gone is not None:
            yield self.gone
        if self.upstream.reason is not None:
            why = one_line(self.upstream.reason)
            end = "" if why.endswith("?") else "."
            yield f"The server does not tell its build, model and slots: {why}{end}"
        for one in self.played:
            if one.warm:
                turn = f"The first turn of {one_line(one.lane)} was not cold ({one.arm}, round {one.round})"
                yield f"{turn}: {count(one.reused)} tokens were reused."
        others = sum(one.others is True for one in self.played)
        if others:
            yield (
                f"Slots were working for others before {plural(others, 'prompt')}: "
                "these figures include others' work."
            )
        if self.uncounted is not None and self.gone is None:
            yield f"The similarity is not known throughout. {one_line(self.uncounted)}"

    def left_out(self) -> Iterator[str]:
        """What is not played, in sentences."""
        made = self.plan
        if made.short:
            yield f"{plural(len(made.short), 'conversation')} of a single request"
        if made.failed:
            yield f"{plural(made.failed, 'request')} that failed when captured"
        if made.beyond:
            yield f"{plural(made.beyond, 'request')} beyond --limit"
        if made.unread:
            yield f"{plural(made.unread, 'request')} whose prompt cannot be read"
