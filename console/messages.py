"""What the screen asks of the app. Facts come down as method calls with plain values."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message


@dataclass
class RuleSwitchWanted(Message):
    """The person switches a rule."""

    rule_id: str
    on: bool


@dataclass
class BodiesWanted(Message):
    """The screen needs the bodies of a request to compare them."""

    record_id: int
    before: int | None = None
    """Another request, whose bodies it is to be compared with."""

    def can_replace(self, message: Message) -> bool:
        """Only the newest wish counts."""
        return isinstance(message, BodiesWanted)


@dataclass
class PageWanted(Message):
    """The person wants a request as a page for others to read."""

    name: str
    """What the journal calls it."""


@dataclass
class CloserLookWanted(Message):
    """The person looks at a turn whose prediction rests on its structure: count its tokens."""

    record_id: int

    def can_replace(self, message: Message) -> bool:
        """Only the newest wish counts."""
        return isinstance(message, CloserLookWanted)
