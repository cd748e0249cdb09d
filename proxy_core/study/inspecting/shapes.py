"""What a value that changes from turn to turn looks like, and a pattern for such values and no others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

Shape = Literal[
    "uuid",
    "ISO time",
    "date",
    "clock",
    "epoch",
    "hex id",
    "id",
    "path",
    "counter",
    "number",
    "shuffled list",
    "lines",
    "text",
]
"""`counter`: a number that grows with each turn. `lines`: whole lines that come, go or change. `text`: no
shape that is known."""

TIMES: frozenset[Shape] = frozenset({"ISO time", "date", "clock"})
"""Shapes that tell a person or a model what time it is."""

MACHINES: frozenset[Shape] = TIMES | {"uuid", "epoch", "hex id", "id"}
"""Shapes that a program wrote: nobody types them anew from turn to turn."""

_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*\.?,?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_ZONE = r"(?: ?(?:Z|[+-][0-9]{2}:?[0-9]{2}|UTC|GMT|[A-Z]{2,4}T))?(?: ?\([A-Za-z_/+0-9 -]{2,40}\))?"
_HOUR = (
    r"(?:[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?: ?[AaPp]\.?[Mm]\b\.?)?"
    r"|[0-9]{1,2} ?[时時点點] ?[0-9]{1,2} ?分(?: ?[0-9]{1,2} ?秒)?)"
)
_HAN_DAY = (
    r"[0-9]{4} ?年 ?[0-9]{1,2} ?月 ?[0-9]{1,2} ?日"
    r"(?: ?(?:星期|周|週|[(（])[一二三四五六日天月火水木金土](?:曜日)?[)）]?)?"
)
"""A day as Chinese and Japanese write it."""
_CALENDAR = (
    rf"(?:[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|[0-9]{{1,2}}[./][0-9]{{1,2}}[./][0-9]{{4}}"
    rf"|{_MONTH} [0-9]{{1,2}}(?:st|nd|rd|th)?,? [0-9]{{4}}|[0-9]{{1,2}}\.? {_MONTH} [0-9]{{4}})"
)

# Python and RE2 read all of these alike.
_PATTERNS: dict[Shape, str] = {
    "uuid": r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
    "ISO time": rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_HOUR}{_ZONE}",
    "clock": rf"(?:{_HAN_DAY} ?|(?:{_DAY} )?(?:{_CALENDAR}(?:,| at| -| –| —)? )?){_HOUR}{_ZONE}",
    "date": rf"(?:{_HAN_DAY}|(?:{_DAY} )?{_CALENDAR})",
    "path": r"(?:~|\.{1,2})?(?:/[0-9A-Za-z_.@+-]+){2,}/?",
    "number": r"[0-9]+(?:[.,][0-9]+)*",
    "id": r"[0-9A-Za-z]+(?:[_-][0-9A-Za-z]+)*",
}

_LEXED: tuple[Shape, ...] = ("uuid", "ISO time", "clock", "date", "path", "number", "id")
_NO_PART: dict[Shape, str] = {"number": "|-[0-9A-Za-z]"}
"""What else must not stand behind a value: `12-ab34cd` is an id, and no number."""
_TOKEN = re.compile(
    "|".join(
        [
            *(
                rf"(?<![0-9A-Za-z_])(?P<s{at}>{_PATTERNS[name]})(?![0-9A-Za-z_]{_NO_PART.get(name, '')})"
                for at, name in enumerate(_LEXED)
            ),
            # Languages that put no spaces between words and figures have them as tokens of their own.
            r"(?P<w>[^\W0-9A-Za-z_]+|\w+)",
            r"\s+",
            r".",
        ]
    ),
    re.DOTALL,
)
_HEX = re.compile(r"[0-9a-fA-F]{5,64}")
_EPOCH = re.compile(r"1[0-9]{9}(?:[0-9]{3}|[0-9]{6}|[0-9]{9})?(?:\.[0-9]+)?")
_PIECE = re.compile(r"[0-9]+|[^\W\d_]+|.", re.DOTALL)
_NAMES = [
    (re.compile(pattern), pattern)
    for pattern in (
        "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*",
        "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*",
        "[AaPp][Mm]?",
        "(?:st|nd|rd|th)",
    )
]
"""Words of dates and times that change."""
_LEAST_ID = 6
"""Characters of an id: shorter ones are words and names of versions."""


class Token(NamedTuple):
    """A piece of a line that changes as a whole."""

    text: str
    shape: Shape | None = None
    """None for a word, white space, or a mark."""
    word: bool = False

    @property
    def masked(self) -> str:
        """The token, or its shape in place of a value."""
        return self.text if self.shape is None else f"\0{self.shape}"


def tokens(line: str) -> list[Token]:
    """The tokens of a line, all of its characters in order."""
    return [_token(match) for match in _TOKEN.finditer(line)]


def _token(match: re.Match[str]) -> Token:
    text, group = match[0], match.lastgroup
    if group is None or group == "w":
        return Token(text, None, group == "w")
    shape = _LEXED[int(group[1:])]
    if shape == "number" and _EPOCH.fullmatch(text):
        return Token(text, "epoch")
    if shape == "id":
        return _word(text)
    return Token(text, shape)


def _word(text: str) -> Token:
    """A word, or an id: letters and digits that no language mixes like that."""
    digits = sum(char.isdigit() for char in text)
    if digits == len(text):
        return Token(text, "epoch" if _EPOCH.fullmatch(text) else "number")
    if digits and _HEX.fullmatch(text):
        return Token(text, "hex id")
    if not digits or len(text) < _LEAST_ID:
        return Token(text, None, True)
    # `gpt-4-turbo-2024` is a name; `req_8f3kQ2` and `01HZX3…` are none.
    mixed = any(
        any(char.isdigit() for char in part) and any(char.isalpha() for char in part)
        for part in re.split("[_-]", text)
        if len(part) >= _LEAST_ID
    )
    return Token(text, "id") if mixed or digits >= _LEAST_ID else Token(text, None, True)


def shape_of(values: Sequence[str]) -> Shape:
    """What all values of one place look like; `values` in the order in which they came."""
    shapes = {shape for value in values if value for shape in [_whole(value)]}
    if not shapes or None in shapes:
        return "text"
    if shapes == {"number"}:
        return "counter" if _grows(values) else "number"
    if len(shapes) == 1:
        return next(shape for shape in shapes if shape is not None)
    if shapes <= {"uuid", "hex id", "id", "number", "epoch"}:
        # Of hexadecimal ids, some happen to have digits alone.
        hexes = all(_HEX.fullmatch(value) for value in values if value)
        return "hex id" if hexes else "id"
    return "clock" if shapes <= {"clock", "date", "ISO time"} else "text"


def _whole(value: str) -> Shape | None:
    found = tokens(value)
    return found[0].shape if len(found) == 1 else None


def _grows(values: Sequence[str]) -> bool:
    try:
        numbers = [float(value.replace(",", "")) for value in values if value]
    except ValueError:
        return False
    return len(numbers) > 1 and all(a < b for a, b in pairwise(numbers))


def pattern_of(shape: Shape, values: Sequence[str]) -> str:
    """An RE2 pattern for values of a shape, no wider than it must be.

    Args:
        shape: What `shape_of` says of them.
        values: Some of them.
    """
    lengths = {len(value) for value in values}
    times = f"{{{lengths.pop()}}}" if len(lengths) == 1 else "{5,64}"
    match shape:
        case "hex id":
            return f"[0-9A-Fa-f]{times}"
        case "id":
            return _id_pattern(values)
        case "epoch":
            return r"1[0-9]{9,18}(?:\.[0-9]+)?"
        case "counter" | "number":
            return _PATTERNS["number"]
        case "text" | "lines" | "shuffled list":
            return r"[^\n]+?"
        case "clock" | "ISO time" | "date":
            return _form(values) or (_PATTERNS["clock"] if shape == "date" else _PATTERNS[shape])
        case _:
            return _PATTERNS[shape]


def _form(values: Sequence[str]) -> str | None:
    """A pattern for dates and times that are all written in the same form; None for several forms."""
    pieces = [_PIECE.findall(value) for value in values]
    if any(len(some) != len(pieces[0]) for some in pieces):
        return None
    parts = [_piece(some) for some in zip(*pieces, strict=True)]
    return None if None in parts else "".join(part for part in parts if part is not None)


def _piece(some: Sequence[str]) -> str | None:
    if all(text.isdecimal() for text in some):
        longest = max(map(len, some))
        # A day or an hour has one digit or two, unless a zero fills it up.
        if longest <= 2 and not any(len(text) == 2 and text[0] == "0" for text in some):
            return "[0-9]{1,2}"
        return f"[0-9]{{{longest}}}" if len(set(map(len, some))) == 1 else f"[0-9]{{1,{longest}}}"
    for name, pattern in _NAMES:
        if all(name.fullmatch(text) for text in some):
            return pattern
    return escaped(some[0]) if len(set(some)) == 1 else None


def _id_pattern(values: Sequence[str]) -> str:
    """Ids often begin with what they are of: `req_8f3kQ2`."""
    heads = {match[0] if (match := re.match(r"[A-Za-z]+[_-]", value)) else "" for value in values}
    head = heads.pop() if len(heads) == 1 else ""
    return f"{head}[0-9A-Za-z_-]+"


_SPECIAL = frozenset(r"\.+*?()|[]{}^$")


def escaped(text: str) -> str:
    """A pattern, for RE2 and Python, that matches a text and nothing else."""
    return "".join(
        "\\" + char
        if char in _SPECIAL
        else char
        if char.isprintable()
        else r"\n"
        if char == "\n"
        else r"\t"
        if char == "\t"
        else rf"\x{{{ord(char):X}}}"
        for char in text
    )
