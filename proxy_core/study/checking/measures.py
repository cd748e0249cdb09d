"""How much of an earlier prompt comes again, by the text of both; no server is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from proxy_core.diagnosis.by_prompt import cause_of
from proxy_core.diagnosis.divergence import diverge
from proxy_core.diagnosis.outline import ToolsAt, outline
from proxy_core.prompt import Prompt
from proxy_core.study.checking.report import Unit
from proxy_core.verdict import Cause, Divergence


class Measured(NamedTuple):
    """Two prompts compared."""

    shared: int
    """What both begin with."""
    previous: int
    """The whole earlier prompt."""
    size: int
    """The whole later one."""
    unit: Unit
    divergence: Divergence
    cause: Cause | None

    @property
    def whole(self) -> int:
        """What could be shared: a prompt that only ends earlier, as when an answer is asked for once more,
        finds all that it needs."""
        return self.size if self.divergence.how == "shortened" else self.previous


Measure = Callable[[Prompt, Prompt], Measured]
"""Takes the earlier prompt and the later one."""


def by_text(previous: Prompt, current: Prompt, tools_at: ToolsAt = "after system") -> Measured:
    """Compare two prompts by what a model roughly sees of them.

    Args:
        previous: The earlier one.
        current: The later one.
        tools_at: Where the model's chat template writes the tools; most write them into the system text.
    """
    found = diverge(outline(previous, tools_at), outline(current, tools_at))
    return Measured(found.shared, found.previous_size, found.size, "bytes", found, cause_of(found))
