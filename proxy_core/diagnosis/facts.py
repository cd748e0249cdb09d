"""Everything that is known about a turn when it is judged."""

from __future__ import annotations

from dataclasses import dataclass

from proxy_core.exchange import Record
from proxy_core.verdict import Divergence, Predicted


@dataclass(frozen=True, slots=True)
class Option:
    """Rules that are off, and what they would have bought."""

    rules: tuple[str, ...]
    """Ids; empty when it is the bypass that keeps the rules from working."""
    level: str | None
    """The level that would switch them on; None when one has to do it by hand."""
    shared: int
    """Bytes of text that would have been shared with the predecessor."""
    gain: int
    """How many of these more than without."""
    size: int
    """Bytes of the whole prompt."""


@dataclass(frozen=True, slots=True)
class Taker:
    """Somebody else's turn in a slot."""

    record: Record
    label: str = ""
    """How its conversation began, in the person's own words; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class Before:
    """The turn before in the same lane, and what happened to what it left in the server."""

    record: Record
    raw: Divergence | None = None
    """None when a body is no longer kept, or cannot be read."""
    normalized: Divergence | None = None
    predicted_raw: Predicted | None = None
    predicted: Predicted | None = None
    thoughtful: bool = False
    """Whether its prompt has messages with what the model thought."""
    renewed: str | None = None
    """What made the server begin anew since: `the server was restarted`; None when nothing did."""
    template: str | None = None
    """How the chat template renders otherwise since: `its date is another one`."""
    model: str | None = None
    """The model that read it, when that is another one now."""
    taker: Taker | None = None
    """The first turn of somebody else in its slot since."""
    further: tuple[str, ...] = ()
    """What else changed behind the place where both part, as forwarded."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A turn that has ended, and all around it."""

    record: Record
    before: Before | None = None
    why_none: str | None = None
    """Why there is no turn before."""
    flips: tuple[str, ...] = ()
    """Rules that ran for one of both turns and explain why the prompt as forwarded changed."""
    options: tuple[Option, ...] = ()
    """The best first."""
    uncounted: str | None = None
    """Why the server's tokenizer could not count what both prompts share, in a sentence."""
    holder: int | None = None
    """Id of the record whose turn was in the slot right before."""
    ms_per_token: float | None = None
    """What this server takes to evaluate a token."""
    preserves: bool | None = None
    """Whether the chat template can keep what the model thought in earlier turns."""
    slots: int | None = None
    lanes: int = 0
    """Conversations of the last hour that asked more than once."""
    cache_ram: float | None = None
    """Limit of the host cache in MiB; 0 when it is off, negative when it has none."""
    checkpoints: int | None = None
    """Most context checkpoints of a slot, where the log told."""
    hidden: bool = False
    """Whether the server, as it runs now, does not log forced re-processing and checkpoints."""
    log: bool = False
    """Whether turns come in from a log."""
