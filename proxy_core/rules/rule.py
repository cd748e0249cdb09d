"""A rule: where it looks, what it matches there, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

from proxy_core.prompt import Api, Change, Kind, Prompt
from proxy_core.rules.actions import Action
from proxy_core.rules.anchors import Frame, block_below
from proxy_core.rules.fenced import Block, value, without
from proxy_core.rules.patterns import Pattern

Level = Literal["safe", "careful", "aggressive"]
"""How much a rule takes: `safe` removes nothing that a model needs, `aggressive` may change an answer."""

_REMEMBERED_TEXTS = 4096
_REMEMBERED_BYTES = 8192
"""Longest text that is remembered: at the most 32 MiB are held."""

_OPENING = 4096
"""Most bytes that a pattern at a text's start is shown: a prefix is short, a pasted file is not."""


class Edit(NamedTuple):
    """One change that a rule made."""

    rule: str
    message: int | None
    """Index of the message in the request's list; None for a system text outside of it."""
    old: str
    new: str


@dataclass(frozen=True)
class Look:
    """A place where a rule looks, and what it matches there.

    With `section`, the place is a fenced JSON block below that heading; with `frame` and `keys`, it is the
    blocks that a client put before a message; with `pattern`, it is the start of the message's own text.
    """

    kinds: frozenset[Kind]
    section: Pattern | None = None
    before: Pattern | None = None
    frame: Frame | None = None
    proof: tuple[tuple[str, Pattern], ...] = ()
    """Keys whose string value must match before a block is taken for the client's."""
    keys: frozenset[str] = frozenset()
    pattern: Pattern | None = None

    def matches(self, text: bytes) -> Sequence[Change]:
        """What to cut from `text`, in its bytes.

        History comes again in every request, so what was found in a message is remembered.
        """
        return _remembered(self, text) if len(text) <= _REMEMBERED_BYTES else self.find(text)

    def find(self, text: bytes) -> list[Change]:
        """As `matches`, worked out anew."""
        if self.section is not None:
            return self._cut_keys(text, block_below(text, self.section, self.before))
        blocks, at = self.frame.opening(text) if self.frame else ([], 0)
        cuts = self._cut_keys(text, blocks) if self.keys else []
        if self.pattern is not None and (end := self._prefix_end(text, at)) > at:
            cuts.append(Change(at, end))
        return cuts

    def _prefix_end(self, text: bytes, at: int) -> int:
        """Where the matched start of a message's own text ends; `at` when there is none to cut.

        A client puts its prefix right before a person's words. Where more of the client's decoration would
        follow, the person quoted it, and cutting the first prefix would make the quoted one look real.
        """
        end = self._match_end(text, at)
        if end == at or self.frame is None:
            return end
        blocks, then = self.frame.opening(text[end:])
        return at if blocks or self._match_end(text, end + then) > end + then else end

    def _match_end(self, text: bytes, at: int) -> int:
        found = self.pattern.match(text[at : at + _OPENING]) if self.pattern else None
        return at if found is None else at + found.end()

    def _cut_keys(self, text: bytes, blocks: list[Block]) -> list[Change]:
        return [cut for block in blocks if self._proven(text, block) for cut in without(block, self.keys)]

    def _proven(self, text: bytes, block: Block) -> bool:
        for key, wanted in self.proof:
            found = value(text, block, key)
            if found is None or wanted.fullmatch(found.encode()) is None:
                return False
        return True


@lru_cache(maxsize=_REMEMBERED_TEXTS)
def _remembered(look: Look, text: bytes) -> tuple[Change, ...]:
    return tuple(look.find(text))


@dataclass(frozen=True)
class Rule:
    """A value and a pure function: the same text gives the same cuts, always."""

    id: str
    title: str
    client: str
    """The client it was written for; `any` for all."""
    apis: frozenset[Api]
    level: Level
    does: str
    """What it does, in one sentence."""
    cost: str
    """What it costs, in one sentence."""
    looks: tuple[Look, ...]
    action: Action
    on: bool = True
    """Whether it is on until a person says otherwise."""
    source: str = field(default="", compare=False)
    """The file it came from, for people."""

    def runs_for(self, api: Api, client: str | None) -> bool:
        """Whether the rule may run: never for a client that is known to be another one."""
        return api in self.apis and (client is None or self.client in ("any", client))

    def changes(self, prompt: Prompt) -> list[tuple[int, Change]]:
        """(segment index, change) for everything the rule would change in `prompt`."""
        found: list[tuple[int, Change]] = []
        for look in self.looks:
            for index, segment in enumerate(prompt.segments):
                if segment.kind in look.kinds and (segment.first or look.section is not None):
                    cuts = self.action.apply(segment.text, look.matches(segment.text))
                    found += ((index, cut) for cut in cuts)
        return found
