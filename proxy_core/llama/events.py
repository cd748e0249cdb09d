"""What a line of llama-server's log says, one type per kind of line.

Times are milliseconds unless a name says otherwise, counts are tokens, shares run from 0 to 1. `None` means
that the line did not carry the figure, or carried `nan` or `inf`.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

import msgspec

Category: TypeAlias = Literal["select", "task", "timing", "release", "warn", "cache", "server"]


class LogEvent(msgspec.Struct, frozen=True, gc=False):
    """One parsed line, and where it belongs."""

    category: ClassVar[Category] = "server"

    port: int | None
    """Port of the child server in a router's log, else `None`."""
    slot: int | None
    task: int | None
    """Task id; -1 where the line names a slot without a task."""
    stamp: float | None
    """Seconds since the server started, where the log has timestamps."""


class SlotSelected(LogEvent, frozen=True, gc=False):
    """The server chose a slot for the next task; the line's own task id is not that task's."""

    category: ClassVar[Category] = "select"

    how: Literal["lcp", "lru", "id"]
    sim_best: float | None = None
    """Common prefix / new prompt (b6723 and later)."""
    similarity: float | None = None
    """What builds before b6723 print: common part / *cached* tokens, and before b5331 not even a prefix."""
    f_keep: float | None = None
    """Common prefix / cached tokens."""
    lcp_n: int | None = None
    """Length of the common prefix; only b6455 to b6722 print it in this line."""
    threshold: float | None = None
    unused: bool = False
    """Whether the slot had no task before (`t_last = -1`), so that it is empty."""


class SlotCandidate(LogEvent, frozen=True, gc=False):
    """One slot was compared with the new prompt (b10178 and later, `-lv 4`)."""

    category: ClassVar[Category] = "select"

    sim: float | None
    lcp_n: int
    prompt_n: int
    threshold: float | None = None


class TaskStarted(LogEvent, frozen=True, gc=False):
    """A task took its slot."""

    category: ClassVar[Category] = "task"

    is_child: bool = False


class PromptFacts(LogEvent, frozen=True, gc=False):
    """Size of a task's whole prompt and of its slot's context."""

    category: ClassVar[Category] = "task"

    n_ctx_slot: int
    n_tokens: int


class CachedPrefix(LogEvent, frozen=True, gc=False):
    """Tokens kept from the slot; the first one of a task is the reused prefix, later ones are progress."""

    category: ClassVar[Category] = "task"

    n_past: int


class PartialCache(LogEvent, frozen=True, gc=False):
    """Part of the slot's cache may be unusable, as with sliding windows (WARN, b5550 to b9309)."""

    category: ClassVar[Category] = "warn"

    lcp_n: int
    slot_n: int
    pos_min: int


class CachedPart(LogEvent, frozen=True, gc=False):
    """What a new prompt shares with its slot, in ik_llama.cpp's words; the line names no slot."""

    category: ClassVar[Category] = "task"

    lcp_n: int
    slot_n: int


class PromptProgress(LogEvent, frozen=True, gc=False):
    """How far the evaluation of a prompt is.

    Before b9151 `n_tokens` are those in the slot, reused ones among them. From then on (`seconds` is there)
    only evaluated ones are counted, while `progress` goes on counting both.
    """

    category: ClassVar[Category] = "task"

    n_tokens: int
    progress: float | None
    """As printed. Before b6890 it leaves the reused tokens out of the dividend, but not of the divisor."""
    seconds: float | None = None
    """Prompt eval time so far; only b9151 and later print it, and not before the third second."""


class TimingHeader(LogEvent, frozen=True, gc=False):
    """First line of a timing block whose figures follow without a prefix (before b9230)."""

    category: ClassVar[Category] = "timing"


class PromptTiming(LogEvent, frozen=True, gc=False):
    """Evaluation of the prompt; `tokens` are those evaluated, without the reused ones, in every build."""

    category: ClassVar[Category] = "timing"

    ms: float | None
    tokens: int


class EvalTiming(LogEvent, frozen=True, gc=False):
    """Generation."""

    category: ClassVar[Category] = "timing"

    ms: float | None
    tokens: int


class TotalTiming(LogEvent, frozen=True, gc=False):
    """Prompt and generation together."""

    category: ClassVar[Category] = "timing"

    ms: float | None
    tokens: int | None = None


class Released(LogEvent, frozen=True, gc=False):
    """A task left its slot; `n_tokens` stay in the slot, generated ones included."""

    category: ClassVar[Category] = "release"

    n_tokens: int | None
    truncated: bool | None = None
    timing_follows: bool = False
    """Whether the builds that write this line may write the task's timing block after it (`n_past`, b3761 to
    b6889)."""


class Cancelled(LogEvent, frozen=True, gc=False):
    """The client of `task` went away; the line names no slot."""

    category: ClassVar[Category] = "warn"


class TaskFailed(LogEvent, frozen=True, gc=False):
    """The server refused `task` or gave it up; the line names no slot."""

    category: ClassVar[Category] = "warn"

    reason: str


class ForcedFull(LogEvent, frozen=True, gc=False):
    """Nothing of the slot's cache can be used, so the whole prompt is evaluated."""

    category: ClassVar[Category] = "warn"


class Checkpoint(LogEvent, frozen=True, gc=False):
    """A context checkpoint of a sliding-window or recurrent model."""

    category: ClassVar[Category] = "cache"

    what: Literal["created", "restored", "erased", "invalidated", "failed"]
    pos_min: int | None = None
    pos: int | None = None
    """Last position that the checkpoint covers (`pos_max`)."""
    mib: float | None = None


class HostCache(LogEvent, frozen=True, gc=False):
    """The prompt cache in host memory (b6723 and later), and what makes room in the slots."""

    category: ClassVar[Category] = "cache"

    what: Literal[
        "saved",
        "skipped",
        "replaced",
        "searched",
        "found",
        "state",
        "evicted",
        "shrunk",
        "cleared",
        "failed",
        "limit",
    ]
    tokens: int | None = None
    """Tokens of the entry, or of the slot that was cleared."""
    prompts: int | None = None
    mib: float | None = None
    limit_mib: float | None = None
    """Upper bound in MiB; 0 when the cache is off, `None` when unbounded or not printed."""
    limit_tokens: int | None = None
    f_keep: float | None = None
    sim: float | None = None


class ContextShift(LogEvent, frozen=True, gc=False):
    """The slot ran full and dropped `n_discard` tokens after the first `n_keep`: its prefix is gone."""

    category: ClassVar[Category] = "warn"

    n_keep: int
    n_discard: int | None


class AllIdle(LogEvent, frozen=True, gc=False):
    """No slot has work."""


class ServerState(LogEvent, frozen=True, gc=False):
    """A step in the life of the server process."""

    what: Literal[
        "starting",
        "build",
        "verbosity",
        "loading",
        "slots",
        "slot",
        "checkpoints",
        "unsupported",
        "loaded",
        "listening",
        "sleeping",
        "waking",
        "stopping",
    ]
    n_slots: int | None = None
    n_ctx_slot: int | None = None
    kv_unified: bool | None = None
    """Whether the slots share one cache (b9829 and later)."""
    n_checkpoints: int | None = None
    """Most context checkpoints of a slot."""
    verbosity: int | None = None
    text: str = ""
    """Build, model path, listening address, or the option that does not work here; empty where the line
    names none."""


def category(event: LogEvent) -> Category:
    """The family of an event, by which a log view colours its line."""
    return event.category
