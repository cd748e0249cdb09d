"""One task of llama-server as its log tells it."""

from __future__ import annotations

from typing import Literal

import msgspec


class Turn(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the log tells about one task. Unknown figures are `None`; times are ms, counts are tokens."""

    slot: int
    task: int | None
    port: int | None = None
    stamp: float | None = None
    """Seconds from the server's start to the end of this turn."""
    epoch: int = 0
    """Number of the server's run, from 0 in the order in which the runs of a log have their first turn. A
    restart, a sleep and a reloaded child of a router begin another one: no slot has its cache any more."""
    selected_by: Literal["lcp", "lru", "id"] | None = None
    sim_best: float | None = None
    similarity: float | None = None
    """`similarity` of builds before b6723. It is not `sim_best` and must not share its axis."""
    f_keep: float | None = None
    lcp_n: int | None = None
    """Tokens that the prompt shared with what the slot held when it was selected."""
    held_task: int | None = None
    """Task whose prompt and answer the slot held when it was selected."""
    held_n: int | None = None
    """Tokens that the slot held then; 0 when it was empty."""
    cleared: bool = False
    """Whether the slot was emptied after its last turn, for want of room or because it was idle."""
    found_in_ram: bool = False
    """Whether the slot's content was replaced by an entry of the host cache: as logged, or since more tokens
    were reused than the slot can have shared with the prompt."""
    evictions: int = 0
    """Prompts that the host cache dropped, or did not take, for want of room since this slot's last turn."""
    evicted_n: int = 0
    """The same since the server started. The difference between two turns of one epoch is what went between
    them, in whatever slots they ran."""
    prompt_n: int | None = None
    """Tokens evaluated, without the reused ones."""
    prompt_ms: float | None = None
    gen_n: int | None = None
    gen_ms: float | None = None
    total_ms: float | None = None
    end_n: int | None = None
    """Tokens in the slot at its release."""
    cached_n: int | None = None
    cached_source: Literal["logged", "derived"] | None = None
    """`derived` is exact, save with a draft model, where the last draft can add a few tokens."""
    n_tokens: int | None = None
    """Tokens of the whole prompt, where the log says so."""
    forced_full: bool = False
    checkpoint: Literal["restored", "invalidated"] | None = None
    checkpoint_pos: int | None = None
    """Last position of the checkpoint that was restored, or of the last one that was invalidated."""
    shifted: bool = False
    """Whether the context ran full, so that the tokens after the first ones were dropped."""
    truncated: bool | None = None
    cancelled: bool = False
    error: str | None = None
    """Why the server gave the task up."""
    n_ctx_slot: int | None = None

    @property
    def prompt_tokens(self) -> int | None:
        """Tokens of the whole prompt: as logged, or reused plus evaluated."""
        if self.n_tokens is not None:
            return self.n_tokens
        if self.cached_n is None or self.prompt_n is None:
            return None
        return self.cached_n + self.prompt_n
