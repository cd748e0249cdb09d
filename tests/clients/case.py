"""What a case is: a client's side of a conversation, as a list of requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["safe", "careful", "aggressive"]

LEVELS: tuple[Level, ...] = ("safe", "careful", "aggressive")


@dataclass(frozen=True)
class Spoken:
    """What the model says to a request, before any client has parsed and rewritten it."""

    text: str
    reasoning: str = ""
    call: tuple[str, str, str] | None = None
    """A tool call: id, name, and the arguments letter for letter as generated."""


@dataclass(frozen=True)
class Sent:
    """One HTTP POST."""

    path: str
    headers: dict[str, str]
    """`Host` and `Content-Length` are left to whoever sends it."""
    body: bytes
    turn: int
    """The person's turn that it belongs to, from 1; a tool loop makes several requests of one turn."""
    lane: str
    """The logical conversation that it belongs to; side requests have others than `main`."""
    spoken: Spoken
    """What the model answers in the script."""


@dataclass(frozen=True)
class Case:
    """One client, or one era or habit of it."""

    name: str
    client: str | None
    """The client's name as kvconsole tells it; None for one that nothing recognizes."""
    about: str
    """What in these requests moves, in a few words."""
    requests: Callable[[bool], Iterator[Sent]]
    """All requests in order; the shortened conversation when the argument is true."""
    wanted: Level = "safe"
    """The first level at which nearly all of the previous prompt should be reused."""
    scripted: bool = False
    """Whether the client rewrites what the model generated, so that the model must say what the script says:
    elsewhere the random model's own words are read and thrown away."""
