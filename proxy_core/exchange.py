"""One request and its answer, and everything measured about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

from proxy_core.llama.answer import Answer
from proxy_core.llama.turns import Turn
from proxy_core.progress import Progress
from proxy_core.prompt import Api
from proxy_core.rules import Edit
from proxy_core.verdict import Diagnosis

_N = TypeVar("_N", int, float)

Status = Literal["waiting", "streaming", "done", "cancelled", "error"]
"""`waiting` until the upstream's headers come, then `streaming` until the last byte."""

Figure = Literal["prompt_n", "cached_n", "prompt_tokens", "prompt_ms", "sim", "f_keep"]
"""The figures of a record that come from more than one place."""

Source = Literal["answer", "log", "derived"]
"""`answer`: the response's `timings` or `usage`. `log`: a line of the log. `derived`: worked out from its
lines."""

UNKNOWN = Answer()
"""An answer that tells nothing."""

OPEN: frozenset[Status] = frozenset({"waiting", "streaming"})


class Bodies(NamedTuple):
    """A request's body as the client sent it and as it was forwarded; the same object when untouched."""

    raw: bytes
    normalized: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request through the proxy, as it stands now; each change makes a new value."""

    method: str
    path: str
    """Path and query as the client sent them."""
    api: Api | None
    """The API whose prompt the rules read; None where there is none."""
    label: str
    """What to call the request in a table: `chat`, `responses`, `messages`, `completion`, or its method."""
    prompts: bool
    """Whether the request makes llama-server evaluate a prompt."""
    client: str | None = None
    model: str | None = None
    messages: int | None = None
    stream: bool = False
    status: Status = "waiting"
    http_status: int | None = None
    lane: str | None = None
    """Id of the conversation that the request belongs to; None where rules do not read the prompt."""
    rules: tuple[str, ...] = ()
    """Ids of the rules that ran, whether or not they found anything; none while rules are bypassed."""
    edits: tuple[Edit, ...] = ()
    matched: frozenset[str] = frozenset()
    """Ids of the rules that found their place, whether or not there was anything to change."""
    note: str | None = None
    """Why the request was forwarded untouched, or what failed."""
    answer: Answer = UNKNOWN
    reasoned: bool = False
    """Whether the model was heard to think before it answered."""
    total_ms: float | None = None
    """From the request's last byte to the answer's last byte, in milliseconds."""
    ruleset: str | None = None
    """Which version of the rules ran; see `RuleSet.version`."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the history: an exchange, the turn that llama-server logged for it, or both.

    A turn without an exchange came from a client that talks to llama-server directly.
    """

    id: int
    at: float | None
    """Wall-clock time of the request's arrival in seconds since the epoch. None for a turn that was in the
    log before kvconsole began to read it: llama-server does not log the date."""
    exchange: Exchange | None = None
    turn: Turn | None = None
    flipped: str | None = None
    """What a person did to the rules since the record before: `rules on`, `rules off`, or a rule's id."""
    progress: Progress | None = None
    """While the prompt is evaluated."""
    diagnosis: Diagnosis | None = None
    """Once the turn has ended; it becomes better as more is known."""
    name: str | None = None
    """Its id in the journal, as in `3f9a12c4-17`; None where it is not kept there."""
    recalled: bool = False
    """Whether it is of an earlier run of kvconsole, or of another that writes into the same journal."""

    @property
    def prompts(self) -> bool:
        """Whether a prompt was evaluated, so that the record belongs into the table of turns."""
        return self.exchange is None or self.exchange.prompts

    @property
    def open(self) -> bool:
        """Whether the answer is still to come or to end."""
        return self.exchange is not None and self.exchange.status in OPEN

    @property
    def _answer(self) -> Answer:
        return self.exchange.answer if self.exchange else UNKNOWN

    def source(self, figure: Figure) -> Source | None:
        """Where a figure comes from; None where nobody told it."""
        if getattr(self._answer, figure, None) is not None:
            return "answer"
        turn = self.turn
        if turn is None or getattr(self, figure) is None:
            return None
        implied = figure == "cached_n" or (figure == "prompt_tokens" and turn.n_tokens is None)
        return "derived" if implied and turn.cached_source == "derived" else "log"

    @property
    def prompt_n(self) -> int | None:
        """Prompt tokens evaluated."""
        return _first(self._answer.prompt_n, self.turn.prompt_n if self.turn else None)

    @property
    def cached_n(self) -> int | None:
        """Prompt tokens taken from the cache."""
        return _first(self._answer.cached_n, self.turn.cached_n if self.turn else None)

    @property
    def prompt_tokens(self) -> int | None:
        """Length of the prompt in tokens."""
        return _first(self._answer.prompt_tokens, self.turn.prompt_tokens if self.turn else None)

    @property
    def reused(self) -> float | None:
        """Share of the prompt that came from the cache, 0 to 1."""
        cached, evaluated = self.cached_n, self.prompt_n
        if cached is None or evaluated is None or cached + evaluated == 0:
            return None
        return cached / (cached + evaluated)

    @property
    def prompt_ms(self) -> float | None:
        """Prompt eval time in milliseconds."""
        return _first(self._answer.prompt_ms, self.turn.prompt_ms if self.turn else None)

    @property
    def total_ms(self) -> float | None:
        """From request to the answer's end in milliseconds; for a direct turn, what the log says."""
        if self.exchange is not None:
            return self.exchange.total_ms
        return self.turn.total_ms if self.turn else None

    @property
    def sim(self) -> float | None:
        """`sim_best`: common prefix by prompt length, 0 to 1. Only the log tells it."""
        return self.turn.sim_best if self.turn else None

    @property
    def f_keep(self) -> float | None:
        """Common prefix by length of what the slot held, 0 to 1. Only the log tells it."""
        return self.turn.f_keep if self.turn else None


def _first(first: _N | None, second: _N | None) -> _N | None:
    return second if first is None else first
