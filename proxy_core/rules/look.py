"""Where a rule looks in a text, and what it matches there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from proxy_core.prompt import Change, Kind
from proxy_core.prompt.spans import Span
from proxy_core.rules.anchors import OPENING, Frame, block_below
from proxy_core.rules.fenced import Block, value, without
from proxy_core.rules.patterns import Pattern, pattern
from proxy_core.rules.places import (
    blocks,
    covered,
    fences,
    inside,
    limit,
    opening_block,
    opening_section,
    sections,
)

At = Literal["start", "json", "section", "block", "whole", "tail", "text", "carrier"]
"""The kinds of places; a rule file names them with `at`."""

WRITTEN: frozenset[Kind] = frozenset({"user", "assistant"})
"""Who may quote anything anywhere: in their texts only the opening is certain."""

_BARE = Frame()
"""The frame of a client that decorates nothing."""


@dataclass(frozen=True)
class Look:
    """A place where a rule looks, and what it matches there.

    Which fields count depends on `at`; `proxy_core.rules.tables` says so, key by key.
    """

    kinds: frozenset[Kind]
    at: At = "start"
    pattern: Pattern | None = None
    """What is matched: its first group where it has one. For `tail` it ends with the text."""
    frame: Frame | None = None
    first_message: bool = False
    """Whether only the first message of its kind is looked at."""
    section: Pattern | None = None
    """The heading above a fenced JSON block."""
    proof: tuple[tuple[str, Pattern], ...] = ()
    """Keys whose string value must match before a block is taken for the client's."""
    keys: frozenset[str] = frozenset()
    heading: Pattern | None = None
    """The first line of a section."""
    until: Pattern | None = None
    """The line that ends a section."""
    before: Pattern | None = None
    """Where the part of a text begins that others write into."""
    fenced: bool = True
    """For `text`: whether fenced code counts. What stands there is an example more often than a client's."""
    opens: Pattern | None = None
    closes: Pattern | None = None
    """The delimiters of a block."""
    last: bool = False
    """For `text`: whether only the last match counts, as for what a client writes behind files."""
    token: object = field(default_factory=object, compare=False, repr=False)
    """Stands for this look where its matches are remembered: hashing it whole each time would cost more."""

    def wants(self, kind: Kind, first_text: bool, first_message: bool) -> bool:
        """Whether the look wants to see a text.

        Args:
            kind: Who speaks in it.
            first_text: Whether it is the first text of its kind in its message.
            first_message: Whether its message is the first of its kind in the prompt.
        """
        if kind not in self.kinds or (self.first_message and not first_message):
            return False
        if self.at in ("whole", "tail", "text"):
            return True
        opens = self.at in ("start", "carrier") or self.frame is not None or bool(self.kinds & WRITTEN)
        return first_text or not opens

    def find(self, text: bytes) -> list[Change]:
        """What the rule's action is to work on, in bytes of `text`: in order, apart, none of them empty."""
        match self.at:
            case "json":
                return [c for b in self._json(text) if self._proven(text, b) for c in without(b, self.keys)]
            case "start":
                return self._start(text)
            case "section" | "block":
                return [change for place in self._parts(text) for change in inside(text, place, self.pattern)]
            case "text":
                return self._anywhere(text)
            case "carrier":
                carrier = self.frame.carrier if self.frame else None
                return [Change(0, len(text))] if carrier is not None and carrier.match(text) else []
            case "whole" | "tail":
                return self._edge(text)

    def _anywhere(self, text: bytes) -> list[Change]:
        found = inside(text, Span(0, len(text)), self.pattern)
        if found and self.before is not None:
            end = limit(text, self.before)
            found = [change for change in found if change.end <= end]
        if found and not self.fenced:
            code = fences(text)
            found = [c for c in found if not any(f.start < c.end and c.start < f.end for f in code)]
        return found[-1:] if self.last else found

    def _json(self, text: bytes) -> list[Block]:
        if self.section is not None:
            return block_below(text, self.section, self.before)
        return self.frame.opening(text).blocks if self.frame else []

    def _parts(self, text: bytes) -> list[Span]:
        """The sections or blocks; in a text that a person or a model wrote, only one that opens it."""
        written = bool(self.kinds & WRITTEN)
        at = self._body(text) if written else 0
        if self.heading is not None and self.until is not None:
            if written:
                return opening_section(text, at, self.heading, self.until)
            return sections(text, self.heading, self.until, self.before)
        if self.opens is None:
            return []
        if written:
            return opening_block(text, at, self.opens, self.closes)
        return blocks(text, self.opens, self.closes, self.before)

    def _body(self, text: bytes) -> int:
        """Where a text begins to be its writer's own; white space does not count."""
        at = self.frame.opening(text).body if self.frame else 0
        return len(text) - len(text[at:].lstrip())

    def _start(self, text: bytes) -> list[Change]:
        """The matched start of a message's own text.

        A client puts its prefix right before a person's words. Where another one or more decoration follows,
        the person quoted it, and cutting the first prefix would make the quoted one look real. Only a stamp
        may stand in front of the decoration.
        """
        frame = self.frame or _BARE
        opening = frame.opening(text)
        if opening.stamp is not None and opening.stamp.end <= opening.body:
            stamp = self._match_at(text, opening.stamp.start)
            if stamp is not None:
                return [stamp]
        found = self._match_at(text, opening.body)
        if found is None:
            return []
        behind = frame.opening(text[found.end :])
        again = self._match_at(text, found.end + behind.body) is not None
        return [] if behind.blocks or again else [found]

    def _match_at(self, text: bytes, at: int) -> Change | None:
        found = self.pattern.match(text[at : at + OPENING]) if self.pattern else None
        if found is None or self.pattern is None:
            return None
        span = covered(found, self.pattern)
        return Change(at + span.start, at + span.end) if span.end > span.start else None

    def _edge(self, text: bytes) -> list[Change]:
        """A match of a whole text, white space around it not counted, or of one's end."""
        if self.pattern is None:
            return []
        bare, at = (text.strip(), len(text) - len(text.lstrip())) if self.at == "whole" else (text, 0)
        found = self.pattern.fullmatch(bare) if self.at == "whole" else self.pattern.search(text)
        if found is None:
            return []
        span = covered(found, self.pattern)
        return [Change(at + span.start, at + span.end)] if span.end > span.start else []

    def _proven(self, text: bytes, block: Block) -> bool:
        for key, wanted in self.proof:
            found = value(text, block, key)
            if found is None or wanted.fullmatch(found.encode()) is None:
                return False
        return True


def line_pattern(source: str) -> Pattern:
    """A pattern for a whole line, wherever it stands in a text.

    Raises:
        RuleError: RE2 does not know it.
    """
    pattern(source)  # alone first, so that an error names what was written
    return pattern(f"(?m)^(?:{source})[ \\t]*\\r?$")


def end_pattern(source: str) -> Pattern:
    """A pattern that matches up to the very end of a text.

    Raises:
        RuleError: RE2 does not know it.
    """
    pattern(source)
    return pattern(f"(?:{source})\\z")
