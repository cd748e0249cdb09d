"""GET /slots of llama-server: which slots work, and how far their prompts are.

Formats: llama.cpp from 2024 to b11549. The counters of the prompt exist since b9276; `next_token` is an
object until b6722 and an array from then on; before October 2024 a number `state` says whether a slot works.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class SlotState(NamedTuple):
    """One slot at the moment of the answer; None is unknown.

    A slot keeps the figures of its last task after that has ended, but for `n_done` and `n_generated`.
    """

    id: int
    busy: bool
    task: int | None
    """The task that works here, or the one that did last."""
    n_ctx: int | None
    n_prompt: int | None
    """Tokens in the slot: reused, evaluated and generated ones, and the batch that is being evaluated. It
    grows while a prompt is evaluated and does not say how long that prompt is."""
    n_done: int | None
    """Tokens of the prompt that were evaluated, without the batch under way and without the reused ones."""
    n_cached: int | None
    """Tokens of the prompt that were reused."""
    n_generated: int | None = None
    """0 as long as the prompt is evaluated."""


class _NextToken(msgspec.Struct):
    n_decoded: int | None = None


class _Slot(msgspec.Struct):
    id: int
    is_processing: bool | None = None
    state: int | None = None
    id_task: int | None = None
    task_id: int | None = None
    n_ctx: int | None = None
    n_prompt_tokens: int | None = None
    n_prompt_tokens_processed: int | None = None
    n_prompt_tokens_cache: int | None = None
    next_token: _NextToken | list[_NextToken] | None = None


_SLOTS = msgspec.json.Decoder(list[_Slot])


def read_slots(body: bytes) -> tuple[SlotState, ...] | None:
    """The slots in an answer to GET /slots; None when that is no list of slots."""
    try:
        slots = _SLOTS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return tuple(_state(slot) for slot in slots)


def _state(slot: _Slot) -> SlotState:
    following = slot.next_token
    if isinstance(following, list):
        following = following[0] if following else None
    task = slot.task_id if slot.id_task is None else slot.id_task
    return SlotState(
        id=slot.id,
        busy=bool(slot.state) if slot.is_processing is None else slot.is_processing,
        task=None if task is None or task < 0 else task,
        n_ctx=slot.n_ctx,
        n_prompt=slot.n_prompt_tokens,
        n_done=slot.n_prompt_tokens_processed,
        n_cached=slot.n_prompt_tokens_cache,
        n_generated=following.n_decoded if following else None,
    )
