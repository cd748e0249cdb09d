"""What a check found."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from proxy_core.captures.bundle import one_line
from proxy_core.captures.captured import Captured
from proxy_core.captures.kept import JOURNAL
from proxy_core.verdict import Cause, Excerpt

Result = Literal["pass", "fail", "allowed"]

Unit = Literal["bytes", "tokens"]
"""Of what reuse is counted: bytes of the prompt's text (weighed, see `diagnosis.seen.weight`), or tokens."""

Apart = Literal["first", "midway", "error", "foreign"]
"""Why a request is not compared: it is the first of its conversation, with no answer in it yet (`first`) or
with answers to earlier turns that are not here (`midway`); it was answered by an error; or it is of an API
whose prompts kvconsole does not read."""


class Spot(NamedTuple):
    """Where a request was found."""

    place: str
    """For a person, on one line: `capture.jsonl:7`, `capture.har:1#7` where the line is not its number,
    or the request's id in the journal."""
    file: str | None = None
    """As it was named; None for the journal and standard input."""
    line: int | None = None
    entry: int | None = None
    """Number of the request in its file."""
    id: str | None = None
    """What the source calls it."""


class Wanted(NamedTuple):
    """What is asked of each turn."""

    min_reuse: float = 0.95
    """Share of the earlier prompt, 0 to 1."""
    allow: frozenset[Cause] = frozenset()
    """Causes for which a turn may have less."""
    raw: bool = False
    """Whether prompts are compared as the client sent them, and not as the rules forward them."""
    lane: str | None = None
    """The only conversation that counts; None for all."""


@dataclass(frozen=True)
class Turn:
    """A turn, compared with the one before it in its conversation."""

    spot: Spot
    before: Spot
    """The turn before."""
    lane: str
    client: str | None
    shared: int
    """Of the earlier prompt comes again as the beginning of this one."""
    whole: int
    """What `shared` is measured against: the whole earlier prompt; this one, where it only ends earlier."""
    previous: int
    """The whole earlier prompt."""
    size: int
    """This whole prompt."""
    unit: Unit
    result: Result
    cause: Cause | None = None
    """None where the earlier prompt comes again whole."""
    where: str = ""
    """The first divergence in a line; empty where there is none."""
    offset: int = 0
    """Characters of the component named there that are the same before it."""
    excerpt: Excerpt | None = None
    note: str | None = None
    """Why the request was forwarded untouched, or which rule failed."""

    @property
    def reuse(self) -> float:
        """From 0 to 1; an empty prompt leaves nothing to be lost."""
        return self.shared / self.whole if self.whole else 1.0


class Unread(NamedTuple):
    """A request that should have been checked and could not be."""

    spot: Spot
    reason: str


@dataclass(frozen=True)
class Report:
    """All turns in the order of the source, and what was not compared."""

    wanted: Wanted
    settings: Mapping[str, object]
    """How it was checked, for programs: keys and values of JSON."""
    turns: tuple[Turn, ...] = ()
    apart: Mapping[Apart, int] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()
    """Entries that are broken, and requests whose prompt cannot be read."""
    more_unread: int = 0
    """How many of these there were beyond the ones that are kept."""
    lanes: tuple[str, ...] = ()
    """The conversations of the source, those that do not count included."""

    def of(self, result: Result) -> list[Turn]:
        """The turns with that result."""
        return [turn for turn in self.turns if turn.result == result]

    @property
    def unread_count(self) -> int:
        """How many requests could not be checked."""
        return len(self.unread) + self.more_unread

    @property
    def fine(self) -> bool:
        """Whether something was compared, no turn failed, and nothing was left unchecked."""
        return bool(self.turns) and not self.of("fail") and not self.unread_count

    @property
    def median(self) -> float | None:
        """Median reuse; None where nothing was compared."""
        return statistics.median(turn.reuse for turn in self.turns) if self.turns else None

    @property
    def worst(self) -> float | None:
        """The lowest reuse of all turns, allowed ones included."""
        return min((turn.reuse for turn in self.turns), default=None)


def spot(captured: Captured) -> Spot:
    """Where a request was found."""
    return spot_of(captured.place.source, captured.place.line, captured.place.number, captured.id)


def spot_of(source: str, line: int | None, entry: int | None, own_id: str | None = None) -> Spot:
    """A place in a file, on standard input, or in the journal.

    Args:
        source: The file's name, `-`, or `journal ID`.
        line: Line of the file.
        entry: Number of the request.
        own_id: What the source calls the request.
    """
    if source.startswith(f"{JOURNAL} ") and line is None and entry is None:
        own_id = own_id or source.removeprefix(f"{JOURNAL} ")
        return Spot(one_line(own_id), id=own_id)
    name = "standard input" if source == "-" else source
    at = "" if line is None else f":{line}"
    if entry is not None and entry != line:
        # A HAR may hold all its requests on one line, and no two tests may have the same name.
        at += f"#{entry}"
    return Spot(one_line(name + at), None if source == "-" else source, line, entry, own_id)
