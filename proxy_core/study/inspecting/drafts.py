"""Drafts of rules for text that changes from turn to turn and that no rule knows.

A draft is as narrow as what surrounds the text allows: it is anchored to constant words of the same line, or
of the lines above, and tried on the texts that it was made from before anybody sees it. Nothing is lost by
it: what the model may need moves to the newest user message, or is told there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Any, NamedTuple

from proxy_core.errors import RuleError
from proxy_core.rules import Rule
from proxy_core.rules.pack import made_rule
from proxy_core.rules.places import fences
from proxy_core.study.inspecting.candidates import Found
from proxy_core.study.inspecting.changes import Sample
from proxy_core.study.inspecting.shapes import MACHINES, TIMES, Shape, Token, escaped, pattern_of, tokens

SOURCE = "draft"
"""What the file of a draft is called until it is written."""

LEAVE = "(see the user's messages)"
"""What stays where a moved time stood."""

_SECONDS = (
    r"([0-9](?::[0-9]{2}| ?[时時点點] ?[0-9]{1,2} ?分))"
    r"(?::[0-9]{2}(?:[.,][0-9]+)?| ?[0-9]{1,2} ?秒)"
)
_LONGEST = 120
"""Characters of constant text before a value that are asked for."""
_BEHIND = 60
_NEAR = 40
"""The same of a line that is too long to be asked for from its beginning, or to its end."""
_MOST_ABOVE = 3
"""Lines above the value's own that are asked for at most."""
_LETTERS = 3
"""Letters that make a text in front of a value a context."""
_LABEL = 60
_OFTEN = 2
"""Times that text of no machine's shape has to change: a person may have edited it once."""


class Refused(NamedTuple):
    """Why there is no draft."""

    why: str


@dataclass(frozen=True)
class Draft:
    """A rule that would take a candidate out of the prefix."""

    table: dict[str, Any]
    """The rule as in `[[rule]]` of a rule file."""
    rule: Rule
    found: Found


def draft(found: Found, client: str | None, taken: Sequence[str]) -> Draft | Refused:
    """A rule for a candidate.

    Args:
        found: What changes.
        client: The client that it is for; None for any.
        taken: Ids of rules that there are.
    """
    why = _unfit(found)
    if why is not None:
        return Refused(why)
    texts = [_Text(sample) for sample in found.samples]
    label = _label(texts[0], found)
    for look in _looks(found, texts):
        table = _table(found, client, taken, label, look, texts)
        try:
            rule = made_rule(SOURCE, table)
        except RuleError:
            continue
        if all(_finds(rule, text) for text in texts):
            return Draft(table, rule, found)
    return Refused("what stands around it does not tell it from other text")


def _unfit(found: Found) -> str | None:
    """Why no rule of one's own can help."""
    if found.key.site.kind is None:
        return "no rule looks into the declaration of a tool; let the client send the same tools each time"
    if found.key.how == "lines":
        return "whole lines come and go; a rule for them needs to know where they begin and end"
    if len(found.samples) < 2:
        return "it was seen once only"
    if found.shape not in MACHINES and found.times < _OFTEN:
        return "it changed once, which a person may have done"
    return None


class _Text:
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


class _Look(NamedTuple):
    """A look, and how many lines above the value's own it asks for."""

    table: dict[str, Any]
    above: int


def _looks(found: Found, texts: Sequence[_Text]) -> list[_Look]:
    """Looks that may find the value and nothing else, the shortest first."""
    values = [value for value in found.values if value]
    value = _value(found.shape, values, texts)
    before, whole, letters = _before([text.before for text in texts])
    user = found.key.site.kind == "user"
    # What follows in a user message are the person's words: they are others in the next conversation.
    behind = _behind([list(takewhile(_is_mark, text.behind)) if user else text.behind for text in texts])
    if user and any(not all(map(_is_mark, text.behind)) for text in texts):
        behind = behind.removesuffix("$")
    if user and not _stands_out(texts[0]):
        return []
    looks: list[_Look] = []
    for lines in range(min(_MOST_ABOVE, *(len(text.above) for text in texts)) + 1):
        if lines and not whole:
            break
        above = _above([text.above[len(text.above) - lines :] for text in texts], values=user)
        if above is None:
            break
        words = letters + _letters("".join(texts[0].above[len(texts[0].above) - lines :]))
        if not whole and (user or words < _LETTERS):
            break
        # A value without words around it may be anybody's, but for one that a text begins with.
        anchor = "" if user or not whole else r"\A" if words < _LETTERS else "^"
        flags = "(?m)" if anchor or behind.endswith("$") else ""
        table: dict[str, Any] = {"in": [found.key.site.kind], "at": "start" if user else "text"}
        if user or found.key.site.number == 0:
            table["message"] = "first"
        if not user and not any(_fenced(text) for text in texts):
            table["fenced"] = False
        table["pattern"] = f"{flags}{anchor}{above}{before}({value}){behind}"
        looks.append(_Look(table, lines))
    return looks


def _value(shape: Shape, values: Sequence[str], texts: Sequence[_Text]) -> str:
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
            return "".join(reversed(kept)), False, _letters(_plain(nearest[: len(kept)]))
        kept.append(part)
    return "".join(reversed(kept)), True, _letters(_plain(nearest))


def _behind(sides: Sequence[Sequence[Token]]) -> str:
    """A pattern for what stands behind a value on its line, as far as it is always the same."""
    kept: list[str] = []
    length = 0
    for some in zip(*sides, strict=False):
        part = _token(some)
        length += len(some[0].text)
        if part is None or length > _BEHIND:
            return "".join(kept[: _fitting(sides[0])])
        kept.append(part)
    return "".join(kept) + ("$" if all(len(side) == len(sides[0]) for side in sides) else "")


def _fitting(some: Iterable[Token]) -> int:
    """How many tokens, from the first one on, make up a context of `_NEAR` characters."""
    lengths = accumulate(len(token.text) for token in some)
    return sum(1 for _ in takewhile(lambda length: length <= _NEAR, lengths))


def _is_mark(token: Token) -> bool:
    return token.shape is None and not token.word


def _stands_out(text: _Text) -> bool:
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


def _letters(text: str) -> int:
    return sum(char.isalpha() for char in text)


def _plain(some: Sequence[Token]) -> str:
    return "".join(token.text for token in some if token.shape is None)


def _fenced(text: _Text) -> bool:
    start, end = text.sample.start, text.sample.end
    return any(code.start < end and start < code.end for code in fences(text.sample.text))


def _finds(rule: Rule, text: _Text) -> bool:
    """Whether a rule finds the value in a text, there and where it comes again, and nothing else."""
    raw, own = text.sample.text, (text.sample.start, text.sample.end)
    places = [(c.start, c.end) for look in rule.looks for c in look.find(raw)]
    return own in places and all(raw[slice(*place)] == raw[slice(*own)] for place in places)


def _label(text: _Text, found: Found) -> str:
    """What a value is called: the constant words in front of it."""
    words: list[str] = []
    for token in reversed(text.before):
        if token.shape is not None:
            break
        words.append(token.text)
    label = _clean(re.split(r"[.;!?] ", "".join(reversed(words)))[-1])
    if _letters(label) >= _LETTERS:
        return label
    above = next((_clean(line) for line in reversed(text.above) if line.strip()), "")
    shape = found.shape if found.shape not in ("text", "number", "counter") else "value"
    return above if _letters(above) >= _LETTERS and above.endswith(":") else f"{shape}:"


def _clean(text: str) -> str:
    """A text without marks and line breaks, for a note."""
    text = re.sub(r"[{}<>*`\"'#|\[\]\\]|[^\x20-\x7e\u00a1-\U0010ffff]", " ", text)
    text = " ".join(text.split()).replace(" :", ":").lstrip("-•.,;:)( ")
    text = re.sub(" ?=$", ":", text)
    cut = text[-_LABEL:] if len(text) > _LABEL else text
    return cut if cut == text else cut.partition(" ")[2]


def _table(
    found: Found,
    client: str | None,
    taken: Sequence[str],
    label: str,
    look: _Look,
    texts: Sequence[_Text],
) -> dict[str, Any]:
    """The rule's table."""
    moves = found.shape in TIMES and found.key.site.kind == "system"
    what = label.rstrip(" :=") or found.shape
    where = "the system prompt" if found.key.site.kind == "system" else "the first user message"
    note = f"[{label} {{}}]"
    table: dict[str, Any] = {
        "id": _id(what, taken),
        "title": f"“{what}” in {where}",
        "client": client or "any",
        # Nothing is lost by it, and who puts it into the rules directory wants it to work there.
        "level": "safe",
    }
    if moves:
        table["does"] = f"Moves “{what}” from {where} to the end of the newest user message, where it stays."
        coarse = any(re.search(_SECONDS, value) for value in found.values)
        less = ", without seconds" if coarse else ""
        table["cost"] = f"The model finds it further down{less}; some tokens for each change."
    else:
        table["does"] = (
            f"Keeps the first “{what}” that the conversation had in {where}, and tells a new one at the end "
            "of the newest user message."
        )
        table["cost"] = "The newest value stands further down; some tokens for each change."
    if client is None:
        table["rare"] = True
    table["action"] = "relocate" if moves else "freeze"
    table["with"] = {"note": note}
    if moves:
        table["with"]["leave"] = LEAVE
        if coarse:
            table["with"] |= {"find": _SECONDS, "to": r"\1"}
    table["look"] = [look.table]
    table["example"] = _examples(found, note, look, texts, moves=moves)
    return table


def _id(what: str, taken: Sequence[str]) -> str:
    slug = "-".join(re.findall("[a-z0-9]+", what.lower()))[:40].strip("-") or "text"
    name, number = f"mine.{slug}", 2
    while name in taken:
        name, number = f"mine.{slug}-{number}", number + 1
    return name


def _examples(
    found: Found, note: str, look: _Look, texts: Sequence[_Text], *, moves: bool
) -> list[dict[str, Any]]:
    """Examples of the real text: what becomes of it, and that nobody's pasted words are touched."""
    kind = found.key.site.kind
    old, new = (_snippet(text, look) for text in texts[:2])
    (was, _), (value, cut) = old, new
    if moves:
        said = re.sub(_SECONDS, r"\1", value)
        shown = {"in": kind, "before": cut.replace("\0", value), "after": cut.replace("\0", LEAVE)}
        shown["moved"] = note.replace("{}", said.strip())
    else:
        shown = {"in": kind, "first": old[1].replace("\0", was), "before": cut.replace("\0", value)}
        told = note.replace("{}", value.strip())
        after = cut.replace("\0", was)
        shown["after"] = f"{after}\n\n{told}" if kind == "user" else after
        if kind != "user":
            shown["moved"] = told
    other = "user" if kind == "system" else "system"
    return [shown, {"in": other, "before": cut.replace("\0", value)}]


def _snippet(text: _Text, look: _Look) -> tuple[str, str]:
    """The value, and as much around it as the look asks for, with NUL in the value's place."""
    start = text.begins(look.above)
    pattern = look.table["pattern"]
    bare = not pattern.startswith(("(?m)^", r"(?m)\A")) and look.table["at"] == "text"
    if bare:
        start = max(start, text.start - 2 * _NEAR)
    end = text.line_end if text.line_end - text.end <= 2 * _BEHIND else text.end + 2 * _NEAR
    return text.value, text.text[start : text.start] + "\0" + text.text[text.end : end]
