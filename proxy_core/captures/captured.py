"""One captured request, whichever source it comes from, and what is known of how it went."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from proxy_core.llama.said import Said
from proxy_core.prompt import Api

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
NO_EDITS: Mapping[str, int] = MappingProxyType({})


class Place(NamedTuple):
    """Where a request was found."""

    source: str
    """The file's name as it was given; `-` is standard input."""
    line: int | None = None
    """Line of the file, from 1."""
    number: int | None = None
    """Number of the entry in the file, from 1."""

    def __str__(self) -> str:
        name = "standard input" if self.source == "-" else self.source
        line = "" if self.line is None else f":{self.line}"
        return f"{name}{line}" + ("" if self.number is None else f" (entry {self.number})")


class Problem(NamedTuple):
    """An entry that was passed over, and why."""

    place: Place
    message: str
    """What is wrong, and what was expected."""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class Passed(NamedTuple):
    """An entry that is sound, but no request to a language model."""

    place: Place


class Answered(NamedTuple):
    """An answer as far as its source holds it."""

    status: int | None = None
    """HTTP status."""
    type: str = ""
    """Media type of `body`."""
    body: bytes | None = None
    """As it came over the wire, without transfer and content encodings."""
    said: Said | None = None


class Figures(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was measured; None is unknown. Tokens, and times in milliseconds."""

    prompt_tokens: int | None = None
    cached_n: int | None = None
    """Prompt tokens that were found in the cache."""
    prompt_n: int | None = None
    """Prompt tokens evaluated."""
    prompt_ms: float | None = None
    sim: float | None = None
    f_keep: float | None = None
    total_ms: float | None = None
    lost_n: int | None = None
    lost_ms: float | None = None
    saved_n: int | None = None
    saved_ms: float | None = None


class Hint(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing to do: a rule, a flag of llama-server, a client's setting, a key of kvconsole."""

    what: str
    why: str = ""
    kind: str = ""


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A verdict in words, so that one that a later version gave can still be read."""

    cause: str
    detail: str = ""
    side: str = ""
    """Whose doing it was: `client`, `server`, `rules` or `nobody`."""
    predicted: bool = False
    """Whether nobody measured what was reused."""
    evidence: tuple[str, ...] = ()
    advice: tuple[Hint, ...] = ()

    @property
    def headline(self) -> str:
        """The verdict in one line: `system changed: Inbound Context`."""
        return f"{self.cause}: {self.detail}" if self.detail else self.cause


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """One request with what its source tells of it; what it does not tell is None."""

    place: Place
    method: str
    path: str
    """Path and query, without secrets in the query."""
    api: Api | None
    """The API whose prompt kvconsole reads; None where there is none."""
    body: bytes
    """As the client sent it."""
    forwarded: bytes | None = None
    """As kvconsole forwarded it; the same object as `body` when that was untouched."""
    at: float | None = None
    """When it came, in seconds since the epoch."""
    headers: Mapping[str, str] = NO_HEADERS
    """By lower-case name; only those that tell the client and its conversation."""
    client: str | None = None
    """Who sent it, where kvconsole told."""
    lane: str | None = None
    session: str | None = None
    """The client's own name for the conversation."""
    id: str | None = None
    """What the source calls the request, such as its id in the journal."""
    before: str | None = None
    """Id of the request before it in its conversation."""
    server: str | None = None
    """Build of the llama-server that answered."""
    ruleset: str | None = None
    """Which version of the rules it went through."""
    edited: Mapping[str, int] = NO_EDITS
    """How many edits each rule made, in their order."""
    answer: Answered | None = None
    figures: Figures | None = None
    finding: Finding | None = None
    note: str | None = None
    """Why kvconsole forwarded it untouched, or what failed."""


Read = Captured | Problem | Passed
"""What a reader makes of an entry."""
