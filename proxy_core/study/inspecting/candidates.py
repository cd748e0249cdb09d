"""Candidates for volatile text: what changes from turn to turn, where, how often, and which rule knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from proxy_core.prompt import Prompt
from proxy_core.rules import Rule, RuleSet
from proxy_core.rules.rule import Level
from proxy_core.study.inspecting.caught import rules_for
from proxy_core.study.inspecting.changes import KEYS, ORDER, Change, Sample, context
from proxy_core.study.inspecting.pairs import Read, Site, same_json, same_tools, text_at
from proxy_core.study.inspecting.shapes import MACHINES, Shape, shape_of
from proxy_core.study.inspecting.spots import How, spots

MOST = 100
"""Places that are followed; changes at others are only counted."""

_SAMPLES = 4
"""Requests of which a candidate keeps the whole text: a draft of a rule is tried on them."""
_VALUES = 16
_LONGEST = 2_000
"""Characters of a value that are kept."""
_TELLING = 8
"""Characters of a value that stands nowhere else by chance."""


class Named(NamedTuple):
    """A rule that knows what changed."""

    id: str
    level: Level
    on: bool


def named(rules: RuleSet, rule: Rule) -> Named:
    """A rule, and whether it is on."""
    return Named(rule.id, rule.level, rule.id in rules.enabled)


class Key(NamedTuple):
    """What a candidate is known by from turn to turn, and in other conversations of its client."""

    client: str | None
    site: Site
    how: How
    context: str


@dataclass
class Found:
    """A candidate, as far as requests have come in."""

    key: Key
    request: str
    """Id of the request in which it changed first."""
    number: int
    """That request's place in the source, from 1."""
    line: int
    """Line of its text, from 1."""
    character: int
    """Characters of its text in front of it."""
    section: str
    far: float
    """How far into the prompt it stands, from 0 to 1."""
    behind: int
    """Bytes of the prompt's text behind it."""
    rules: tuple[Named, ...] = ()
    times: int = 0
    """Turns in which it changed."""
    leading: int = 0
    """Turns in which nothing in front of it changed."""
    cost: int = 0
    """Bytes of text that were read again in those turns, as the client sent the requests."""
    lanes: set[str] = field(default_factory=set)
    values: list[str] = field(default_factory=list)
    """Different ones, in the order in which they came."""
    samples: list[Sample] = field(default_factory=list)

    @property
    def shape(self) -> Shape:
        """What its values look like."""
        if self.key.how == "shuffled":
            return "shuffled list"
        return "lines" if self.key.how == "lines" else shape_of(self.values)

    @property
    def part(self) -> str:
        """The component that it is in, for a person."""
        return "tools" if self.in_tools else self.key.site.name

    @property
    def in_tools(self) -> bool:
        """Whether it is the list of tools as a whole."""
        return self.key.site.kind is None and not self.key.site.tool

    def take(self, change: Change) -> None:
        """One more turn's values."""
        for value in change.values:
            if value not in self.values and len(self.values) < _VALUES:
                self.values.append(value[:_LONGEST])
        for sample in change.samples:
            if len(self.samples) < _SAMPLES and all(sample != known for known in self.samples):
                self.samples.append(sample)


class Turn(NamedTuple):
    """A request that goes on from another one."""

    request: str
    number: int
    lane: str
    client: str | None
    previous: Read
    current: Read
    again: int
    """Bytes of text that have to be read again."""


class Candidates:
    """Gathers candidates over all conversations. Only a client's own text is one.

    What a person or a model wrote is theirs, however often a client edits it: in user messages a candidate is
    what a rule knows, or a value within the first message that a program wrote.

    Args:
        rules: All rules, and which of them are on.
    """

    def __init__(self, rules: RuleSet) -> None:
        self.found: dict[Key, Found] = {}
        self.more = 0
        """Changes at places that are not followed, because there were too many."""
        self._rules = rules
        self._passed: set[Key] = set()

    def take(self, turn: Turn, changed: Sequence[Change]) -> None:
        """See what changed in a turn."""
        counted: set[Key] = set()
        for change in changed:
            key = Key(turn.client, change.site, change.how, change.context)
            found = self._known(key, change, turn)
            if found is None:
                continue
            if key not in counted:
                counted.add(key)
                found.times += 1
                found.lanes.add(turn.lane)
                if change is changed[0]:
                    found.leading += 1
                    found.cost += turn.again
            found.take(change)

    def _known(self, key: Key, change: Change, turn: Turn) -> Found | None:
        """What is gathered of a place so far; None for one that is no candidate."""
        known = self.found.get(key)
        if known is not None or key in self._passed:
            return known
        if len(self.found) + len(self._passed) >= MOST:
            self.more += 1
            return None
        prompts = (turn.previous.prompt, turn.current.prompt)
        rules = rules_for(self._rules, turn.client, *prompts, partial(_mended, change, prompts))
        if not rules and not _own(change):
            self._passed.add(key)
            return None
        line, character = _where(change)
        found = self.found[key] = Found(
            key,
            turn.request,
            turn.number,
            line,
            character,
            change.section,
            far=change.at / turn.current.size if turn.current.size else 0.0,
            behind=max(0, turn.current.size - change.at),
            rules=tuple(named(self._rules, rule) for rule in rules),
        )
        return found


def _where(change: Change) -> tuple[int, int]:
    """Line, and characters in front of a place in its text."""
    if change.pair is None or change.spot is None:
        return 1, 0
    start = change.spot.new.start
    return change.pair.new.decode(errors="replace").count("\n", 0, start) + 1, start


def _own(change: Change) -> bool:
    """Whether a text that no rule knows is the client's own for certain."""
    pair, spot = change.pair, change.spot
    if pair is None or spot is None or pair.site.kind != "user":
        return True
    return pair.first and change.how == "value" and shape_of(change.values) in MACHINES


def _mended(change: Change, sent: tuple[Prompt, Prompt], previous: Prompt, current: Prompt) -> bool:
    """Whether rules took a change away of two prompts that were `sent`."""
    if change.pair is None:
        return _mended_tools(change, Read(previous), Read(current))
    if change.site.kind == "user" and not _as_many(sent, (previous, current)):
        return False
    old, new = (text_at(prompt, change.site) for prompt in (previous, current))
    if old is None or new is None or old == new:
        return True
    if change.site.kind is None and same_json(old, new):
        return True
    ours, theirs = old.decode(errors="replace"), new.decode(errors="replace")
    if _still(change, ours, theirs):
        return False
    was, became = change.values
    for spot in spots(ours, theirs):
        within = was in ours[slice(*spot.old)] and became in theirs[slice(*spot.new)]
        known = change.how == "value" and context(theirs, spot) == change.context
        if within or (spot.how == change.how and known):
            return False
    return True


def _still(change: Change, old: str, new: str) -> bool:
    """Whether both texts have what they had, for a value that stands nowhere else by chance."""
    was, became = change.values
    if max(len(was), len(became)) < _TELLING:
        return False
    if not was or not became:
        return (was in old and became in new) and (was + became not in (new if was else old))
    return was in old and became in new


def _as_many(sent: tuple[Prompt, Prompt], played: tuple[Prompt, Prompt]) -> bool:
    """Whether rules left all messages where they were, so that each is known by its number."""
    counts = [[len(prompt.messages) for prompt in side] for side in (sent, played)]
    return counts[0] == counts[1]


def _mended_tools(change: Change, previous: Read, current: Read) -> bool:
    if change.context in (ORDER, KEYS):
        return same_tools(previous, current)[0 if change.context == ORDER else 1]
    names = [[tool.name for tool in side.prompt.tools] for side in (previous, current)]
    return set(names[0]) == set(names[1])
