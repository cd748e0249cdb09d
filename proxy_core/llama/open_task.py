"""A task that has its slot, and what the log said about it so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from proxy_core.llama import events as ev
from proxy_core.llama.held import Taken
from proxy_core.llama.turn import Turn

_Source: TypeAlias = Literal["logged", "derived"]

_DRAFTED = 16
"""Most tokens of a draft that a derived count may have too many."""


@dataclass(slots=True)
class OpenTask:
    """Gathers lines from a task's start, or from its first line in a log that is read from its middle."""

    task: int | None
    taken: Taken = field(default_factory=Taken)
    lcp_n: int | None = None
    facts: ev.PromptFacts | None = None
    cached_n: int | None = None
    prompt: ev.PromptTiming | None = None
    generation: ev.EvalTiming | None = None
    total: ev.TotalTiming | None = None
    checkpoint: ev.Checkpoint | None = None
    forced_full: bool = False
    shifted: bool = False
    cancelled: bool = False
    error: str | None = None

    def is_meant(self, event: ev.LogEvent) -> bool:
        """Whether a line of this slot is about this task; builds of 2023 name it only where it starts."""
        return event.task is None or self.task is None or self.task == event.task

    def note(self, event: ev.LogEvent) -> None:
        """Write down what a line says about this task."""
        match event:
            case ev.PromptTiming():
                self.prompt = event
            case ev.EvalTiming():
                self.generation = event
            case ev.TotalTiming():
                self.total = event
            case ev.CachedPrefix():
                if self.cached_n is None:
                    self.cached_n = event.n_past
            case ev.PromptFacts():
                self.facts = event
            case ev.PartialCache() | ev.CachedPart():
                self.lcp_n = event.lcp_n
            case ev.ForcedFull():
                self.forced_full = True
                self.cached_n = 0
            case ev.Checkpoint(what="restored"):
                self.checkpoint = event
            case ev.Checkpoint(what="invalidated"):
                if self.checkpoint is None or self.checkpoint.what != "restored":
                    self.checkpoint = event
            case ev.ContextShift():
                self.shifted = True
            case _:
                pass

    def finished(self, epoch: int, event: ev.Released) -> Turn:
        """The turn that ends with this release."""
        taken, facts, checkpoint = self.taken, self.facts, self.checkpoint
        selected = taken.selected
        cached_n, source = self._reused(event)
        return Turn(
            port=event.port,
            slot=event.slot or 0,
            task=self.task,
            stamp=event.stamp,
            epoch=epoch,
            selected_by=selected.how if selected else None,
            sim_best=selected.sim_best if selected else None,
            similarity=selected.similarity if selected else None,
            f_keep=selected.f_keep if selected else None,
            lcp_n=self.lcp_n if taken.lcp_n is None else taken.lcp_n,
            held_task=taken.held_task,
            held_n=taken.held_n,
            cleared=taken.cleared,
            found_in_ram=taken.found or self._more_than_held(cached_n, source),
            evictions=taken.evictions,
            evicted_n=taken.evicted_n,
            prompt_n=self.prompt.tokens if self.prompt else None,
            prompt_ms=self.prompt.ms if self.prompt else None,
            gen_n=self.generation.tokens if self.generation else None,
            gen_ms=self.generation.ms if self.generation else None,
            total_ms=self.total.ms if self.total else None,
            end_n=event.n_tokens,
            cached_n=cached_n,
            cached_source=source,
            n_tokens=facts.n_tokens if facts else None,
            forced_full=self.forced_full,
            checkpoint=_used(checkpoint),
            checkpoint_pos=checkpoint.pos if checkpoint else None,
            shifted=self.shifted,
            truncated=event.truncated,
            cancelled=self.cancelled,
            error=self.error,
            n_ctx_slot=facts.n_ctx_slot if facts else None,
        )

    def _reused(self, event: ev.Released) -> tuple[int | None, _Source | None]:
        """Reused tokens: as logged, or from the balance of the slot.

        At its release a slot holds what was reused, evaluated and generated, but for the last generated
        token, which was never fed back (measured on b11549). A context shift drops tokens: no balance then.
        """
        if self.cached_n is not None:
            return self.cached_n, "logged"
        if self.prompt is None or self.generation is None or event.n_tokens is None or self.shifted:
            return None, None
        reused = event.n_tokens - self.prompt.tokens - self.generation.tokens + 1
        return (reused, "derived") if reused >= 0 else (None, None)

    def _more_than_held(self, cached_n: int | None, source: _Source | None) -> bool:
        """Whether more was reused than the slot can have had of this prompt."""
        taken = self.taken
        if cached_n is None:
            return False
        cached_n -= _DRAFTED if source == "derived" else 0
        if taken.held_n is not None and cached_n > taken.held_n:
            return True
        if taken.selected is None or taken.selected.how != "lru" or taken.threshold is None:
            return False
        # No slot shared more than the threshold, or it would have been chosen for that.
        prompt_n = self.prompt.tokens if self.prompt else 0
        whole = self.facts.n_tokens if self.facts else cached_n + prompt_n
        return cached_n > taken.threshold * whole


def _used(checkpoint: ev.Checkpoint | None) -> Literal["restored", "invalidated"] | None:
    if checkpoint is None:
        return None
    return "restored" if checkpoint.what == "restored" else "invalidated"
