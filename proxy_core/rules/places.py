"""Sections and delimited blocks: parts of a text that a rule looks into."""

from __future__ import annotations

import re

from proxy_core.prompt import Change
from proxy_core.prompt.spans import Span
from proxy_core.rules.patterns import Match, Pattern

_FENCE = re.compile(rb"^ {0,3}(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)


def sections(text: bytes, heading: Pattern, until: Pattern, before: Pattern | None) -> list[Span]:
    """The parts that begin with a heading's line.

    Args:
        text: A whole text.
        heading: Matches a heading's line; its anchors are lines (`(?m)^`).
        until: Matches the line that ends a section; a section without one goes to the text's end.
        before: Where the part begins that others write into. Only the first section, and only above that,
            is the client's.
    """
    found: list[Span] = []
    border = limit(text, before)
    at = 0
    while (match := heading.search(text, at)) is not None and match.start() < border:
        close = until.search(text, match.end())
        end = min(close.start() if close is not None else len(text), border)
        found.append(Span(match.start(), end))
        if before is not None or end >= border or match.end() == match.start():
            break
        at = end
    return found


def opening_section(text: bytes, at: int, heading: Pattern, until: Pattern) -> list[Span]:
    """The section whose heading is the line at `at`, if it is one."""
    match = heading.match(text, at)
    if match is None:
        return []
    close = until.search(text, match.end())
    return [Span(at, close.start() if close is not None else len(text))]


def limit(text: bytes, before: Pattern | None) -> int:
    """Where the part of a text begins that others write into; its end, if there is none."""
    border = before.search(text) if before is not None else None
    return len(text) if border is None else border.start()


def fences(text: bytes) -> list[Span]:
    """Fenced code, as in Markdown: a fence that is never closed is none."""
    found: list[Span] = []
    opened: re.Match[bytes] | None = None
    for fence in _FENCE.finditer(text) if b"```" in text or b"~~~" in text else ():
        if opened is None:
            opened = fence
        elif fence[1].startswith(opened[1]) and not fence[2].strip():
            found.append(Span(opened.start(), fence.end()))
            opened = None
    return found


def blocks(text: bytes, opens: Pattern, closes: Pattern | None, before: Pattern | None = None) -> list[Span]:
    """The parts from a delimiter to the next closing one, delimiters included.

    Without `closes` a block goes on to the text's end; where several could begin, none is certain. With
    `before` only the first block above it is the client's.
    """
    if before is not None:
        text = text[: limit(text, before)]
        return blocks(text, opens, closes)[:1]
    found: list[Span] = []
    at = 0
    while (match := opens.search(text, at)) is not None and match.end() > match.start():
        if closes is None:
            return [] if opens.search(text, match.end()) else [Span(match.start(), len(text))]
        close = closes.search(text, match.end())
        if close is None:
            break
        found.append(Span(match.start(), close.end()))
        at = close.end()
    return found


def opening_block(text: bytes, at: int, opens: Pattern, closes: Pattern | None) -> list[Span]:
    """The block that begins exactly at `at`, if one does."""
    match = opens.match(text, at)
    if match is None:
        return []
    if closes is None:
        return [Span(at, len(text))]
    close = closes.search(text, match.end())
    return [Span(at, close.end())] if close is not None else []


def inside(text: bytes, place: Span, wanted: Pattern | None) -> list[Change]:
    """All matches of `wanted` in a place, or the whole place."""
    if wanted is None:
        return [Change(place.start, place.end)] if place.end > place.start else []
    part = text if len(text) == place.end - place.start else text[place.start : place.end]
    found = [covered(match, wanted) for match in wanted.finditer(part)]
    return [Change(place.start + s.start, place.start + s.end) for s in found if s.end > s.start]


def covered(match: Match, wanted: Pattern) -> Span:
    """What a match stands for: its first group, if the pattern has one that took part; else all of it."""
    if wanted.groups and match.start(1) >= 0:
        return Span(match.start(1), match.end(1))
    return Span(match.start(), match.end())
