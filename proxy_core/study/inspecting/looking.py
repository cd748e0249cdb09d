"""Looks that find a value by what surrounds it, as narrow as that allows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate, takewhile
from typing import Any, NamedTuple

from proxy_core.rules import Rule
from proxy_core.rules.places import fences
from proxy_core.study.inspecting.candidates import Found
from proxy_core.study.inspecting.changes import Sample
from proxy_core.study.inspecting.shapes import Shape, Token, escaped, pattern_of, tokens

NEAR = 40
"""Characters around a value that make up a context, in a line that is too long to be asked for whole."""
BEHIND = 60
"""Characters of constant text behind a value that are asked for."""
LETTERS = 3
"""Letters that make a text in front of a value a context."""
_LONGEST = 120
"""Characters of constant text before a value that are asked for."""
_MOST_ABOVE = 3
"""Lines above the value's own that are asked for at most."""


class Text:
    """A text with the value in it, and what surrounds it."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.text = sample.text.decode(errors="replace")
        self.start = len(sample.text[: sample.start].decode(errors="replace"))
        self.end = self.start + len(sample.value)
        self.value = self.text[self.start : self.end]
        self.line = self.text.rfind("\n", 0, self.start) + 1
        end = self.text.find("\n", self.end)
        self.line_end = len(self.text) if end < 0 else end
        self.before = tokens(self.text[self.line : self.start])
        self.behind = tokens(self.text[self.end : self.line_end])
        self.above = self.text[: self.line].split("\n")[:-1]

    def begins(self, lines: int) -> int:
        """Where so many lines above the value's own begin."""
        return self.line - sum(len(line) + 1 for line in self.above[len(self.above) - lines :])


class Look(NamedTuple):
    """A look, and how many lines above the value's own it asks for."""

    table: dict[str, Any]
    above: int


def looks(found: Found, texts: Sequence[Text]) -> list[Look]:
    """Looks that may find the value and nothing else, the shortest first."""
    values = [value for value in found.values if value]
    value = _value(found.shape, values, texts)
    before, whole, asked = _before([text.before for text in texts])
    user = found.key.site.kind == "user"
    # What follows in a user message are the person's words: they are others in the next conversation.
    behind = _behind([list(takewhile(_is_mark, text.behind)) if user else text.behind for text in texts])
    if user and any(not all(map(_is_mark, text.behind)) for text in texts):
        behind = behind.removesuffix("$")
    if user and not _stands_out(texts[0]):
        return []
    narrow: list[Look] = []
    for lines in range(min(_MOST_ABOVE, *(len(text.above) for text in texts)) + 1):
        if lines and not whole:
            break
        above = _above([text.above[len(text.above) - lines :] for text in texts], values=user)
        if above is None:
            break
        words = asked + letters("".join(texts[0].above[len(texts[0].above) - lines :]))
        if not whole and (user or words < LETTERS):
            break
        # A value without words around it may be anybody's, but for one that a text begins with.
        anchor = "" if user or not whole else r"\A" if words < LETTERS else "^"
        flags = "(?m)" if anchor or behind.endswith("$") else ""
        table: dict[str, Any] = {"in": [found.key.site.kind], "at": "start" if user else "text"}
        if user or found.key.site.number == 0:
            table["message"] = "first"
        if not user and not any(_fenced(text) for text in texts):
            table["fenced"] = False
        table["pattern"] = f"{flags}{anchor}{above}{before}({value}){behind}"
        narrow.append(Look(table, lines))
    return narrow


def _value(shape: Shape, values: Sequence[str], texts: Sequence[Text]) -> str:
    if shape == "shuffled list" and any("\n" in text.value for text in texts):
        mark = re.match(r"[ \t]*(?:[-*+•][ \t]+)?", texts[0].value)
        head = escaped(mark[0]) if mark else ""
        return rf"{head}[^\n]+(?:\n{head}[^\n]+)*" if head else r"[^\n]+(?:\n[^\n]+)*"
    return pattern_of(shape, values)


def _before(sides: Sequence[Sequence[Token]]) -> tuple[str, bool, int]:
    """A pattern for what stands before a value on its line, whether it begins where the line does, and how
    many letters it asks for."""
    if any(len(side) != len(sides[0]) for side in sides):
        return "", False, 0
    parts = [_token(some) for some in zip(*sides, strict=True)]
    nearest = list(reversed(sides[0]))
    length = 0
    kept: list[str] = []
    for part, token in zip(reversed(parts), nearest, strict=True):
        length += len(token.text)
        if part is None or length > _LONGEST:
            kept = kept[: _fitting(nearest)]
            return "".join(reversed(kept)), False, letters(_plain(nearest[: len(kept)]))
        kept.append(part)
    return "".join(reversed(kept)), True, letters(_plain(nearest))


def _behind(sides: Sequence[Sequence[Token]]) -> str:
    """A pattern for what stands behind a value on its line, as far as it is always the same."""
    kept: list[str] = []
    length = 0
    for some in zip(*sides, strict=False):
        part = _token(some)
        length += len(some[0].text)
        if part is None or length > BEHIND:
            return "".join(kept[: _fitting(sides[0])])
        kept.append(part)
    return "".join(kept) + ("$" if all(len(side) == len(sides[0]) for side in sides) else "")


def _fitting(some: Iterable[Token]) -> int:
    """How many tokens, from the first one on, make up a context of `NEAR` characters."""
    lengths = accumulate(len(token.text) for token in some)
    return sum(1 for _ in takewhile(lambda length: length <= NEAR, lengths))


def _is_mark(token: Token) -> bool:
    return token.shape is None and not token.word


def _stands_out(text: Text) -> bool:
    """Whether anything but white space is next to a value, or above it: a bare clock may be a person's."""
    near = [*text.before, *takewhile(_is_mark, text.behind)]
    return bool(text.text[: text.line].strip()) or any(token.text.strip() for token in near)


def _above(sides: Sequence[Sequence[str]], *, values: bool) -> str | None:
    """A pattern for lines above; None where they are not always the same.

    Args:
        sides: The lines of each text.
        values: Whether a value may be another one of its shape, even if it never was: what a client says
            of its surroundings is the same throughout one conversation.
    """
    found: list[str] = []
    for lines in zip(*sides, strict=True):
        parts = [_token(some, values=values) for some in zip(*map(tokens, lines), strict=False)]
        if len({len(tokens(line)) for line in lines}) > 1 or None in parts or len(lines[0]) > 2 * _LONGEST:
            return None
        found.append("".join(part for part in parts if part is not None) + r"\n")
    return "".join(found)


def _token(some: Sequence[Token], *, values: bool = False) -> str | None:
    """A pattern for a token that is the same in all texts, or a value of the same shape."""
    texts = [token.text for token in some]
    shape = some[0].shape
    if len(set(texts)) == 1 and (shape is None or not values):
        return escaped(texts[0])
    if shape is None or any(token.shape != shape for token in some):
        return None
    return f"(?:{pattern_of(shape, texts)})"


def letters(text: str) -> int:
    """How many letters there are in a text."""
    return sum(char.isalpha() for char in text)


def _plain(some: Sequence[Token]) -> str:
    return "".join(token.text for token in some if token.shape is None)


def _fenced(text: Text) -> bool:
    start, end = text.sample.start, text.sample.end
    return any(code.start < end and start < code.end for code in fences(text.sample.text))


def finds(rule: Rule, text: Text) -> bool:
    """Whether a rule finds the value in a text, there and where it comes again, and nothing else."""
    raw, own = text.sample.text, (text.sample.start, text.sample.end)
    places = [(c.start, c.end) for look in rule.looks for c in look.find(raw)]
    return own in places and all(raw[slice(*place)] == raw[slice(*own)] for place in places)
