"""What is said about a turn: the divergence, the predictions, the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

Cause = Literal[
    "healthy",
    "cold start",
    "system changed",
    "tools changed",
    "message rewritten",
    "history pruned",
    "history compacted",
    "reasoning dropped",
    "model changed",
    "template changed",
    "rule flipped",
    "slot taken",
    "evicted",
    "checkpoint fallback",
    "full re-processing",
    "cache lost",
    "cancelled",
    "unknown",
]
"""The closed vocabulary of verdicts, in the words that a person reads."""

CAUSES: tuple[Cause, ...] = get_args(Cause)

Side = Literal["nobody", "client", "server", "rules"]
"""Whose doing it was: what the client sent, what the server did with its cache, or a switched rule."""

Part = Literal["tools", "system", "message"]

How = Literal[
    "extended",
    "changed",
    "added",
    "removed",
    "reordered",
    "redescribed",
    "rewritten",
    "pruned",
    "compacted",
    "reasoning",
    "rendered",
    "shortened",
]
"""What became of the predecessor's prompt.

`extended`: it is whole in this one. `changed`: a system text reads otherwise. `added`, `removed`,
`reordered`, `redescribed`: of the tools. `rewritten`: a message reads otherwise. `pruned`: messages are
missing or their content was cleared, and later ones come again. `compacted`: messages gave way to a summary.
`reasoning`: an assistant's message lost what it thought. `rendered`: the messages came again as they were,
but the chat template makes another text of them. `shortened`: the prompt ends earlier than its predecessor,
as when an answer is asked for once more.
"""

SIDE_OF: dict[Cause, Side] = {
    "healthy": "nobody",
    "cold start": "nobody",
    "cancelled": "client",
    "unknown": "nobody",
    "rule flipped": "rules",
    **dict.fromkeys(
        (
            "system changed",
            "tools changed",
            "message rewritten",
            "history pruned",
            "history compacted",
            "reasoning dropped",
            "model changed",
        ),
        "client",
    ),
    **dict.fromkeys(
        (
            "template changed",
            "slot taken",
            "evicted",
            "checkpoint fallback",
            "full re-processing",
            "cache lost",
        ),
        "server",
    ),
}


class Excerpt(NamedTuple):
    """Text around a divergence: what both prompts share before it, and how each goes on."""

    shared: str
    """The end of what is the same, a few lines at most."""
    previous: str
    """How the predecessor goes on: the changed characters, and nothing behind them; empty where it ends."""
    current: str
    """How this prompt goes on."""
    previous_rest: str = ""
    """What follows the changed characters in the predecessor, to the end of the line at most."""
    current_rest: str = ""


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first place where a prompt leaves its predecessor's, in the order in which the model sees them."""

    how: How
    part: Part | None = None
    """None when the predecessor is whole in this prompt."""
    name: str = ""
    """The component, for a person: ``system, "Inbound Context"``, `tool exec`, `message 12 (user)`."""
    detail: str = ""
    """What happened there in a few words, such as `added: exec, read` or the heading alone; short."""
    message: int | None = None
    """Index in the list of messages (0-based) of the request, where it is one; for the current prompt."""
    names: tuple[str, ...] = ()
    """Tools that were added, removed, moved or described anew."""
    offset: int = 0
    """Characters of the component that are the same before the first difference."""
    excerpt: Excerpt | None = None
    shared: int = 0
    """Size of the text that both prompts begin with, as the model sees them: bytes, of which those weigh more
    that make more tokens (see `seen.weight`)."""
    previous_size: int = 0
    """Size of the predecessor's whole prompt."""
    size: int = 0
    """Size of this whole prompt."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """How many tokens a prompt should find in the cache, by what it shares with its predecessor."""

    tokens: int
    of: int | None
    """Tokens of the whole prompt, where known."""
    source: Literal["structure", "tokens"]
    """`structure`: by bytes and the predecessor's tokens per byte. `tokens`: counted by the server's own
    tokenizer."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do, and why."""

    kind: Literal["rule", "flag", "client", "kvconsole"]
    what: str
    """A rule id, a llama-server flag with a value, a client's setting, or a key of kvconsole."""
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The cause of a cache result, and what stands behind it."""

    cause: Cause
    detail: str = ""
    """What exactly, in a few words for a table: a heading, tools, a lane; may be empty."""
    evidence: tuple[str, ...] = ()
    """Sentences with figures, the strongest first."""
    advice: tuple[Advice, ...] = ()
    predicted: bool = False
    """Whether it rests on the prompts alone, because nobody measured what was reused."""

    @property
    def side(self) -> Side:
        """Whose doing it was."""
        return SIDE_OF[self.cause]

    @property
    def headline(self) -> str:
        """The verdict in one line: `system changed: Inbound Context`."""
        return f"{self.cause}: {self.detail}" if self.detail else self.cause


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that is worked out about one turn; None is unknown."""

    verdict: Verdict
    predecessor: int | None = None
    """Record id of the latest request of the same lane that the same model had answered by then."""
    why_none: str | None = None
    """Why there is no predecessor, or none to compare with."""
    raw: Divergence | None = None
    """As the client sent both requests."""
    normalized: Divergence | None = None
    """As both were forwarded."""
    predicted_raw: Predicted | None = None
    """What this turn would have reused without rules."""
    predicted: Predicted | None = None
    """What it should have reused as it was forwarded."""
    lost_n: int | None = None
    """Tokens evaluated again that the predecessor had in the cache."""
    lost_ms: float | None = None
    """What these took, at the server's measured speed."""
    saved_n: int | None = None
    """Tokens reused that would not have been without rules; predicted against measured."""
    saved_ms: float | None = None
