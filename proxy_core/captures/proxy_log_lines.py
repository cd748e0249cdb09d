"""Lines of a logging proxy's log: what they announce, what stands before them, and values over several."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from proxy_core.captures.stream import LONGEST

Kind = Literal["request", "headers", "body", "response", "answer", "raw"]

_COLOUR = re.compile(rb"\x1b\[[0-9;:]*[A-Za-z]")
_MARK = re.compile(
    rb'(?P<before>[^"{\[]*?(?:\[[^"{\[\]]*\][^"{\[]*?)*)'
    rb"(?:(?P<request>CATCH-ALL: *(?P<method>[A-Z]+) +(?P<path>/\S*)|INCOMING REQUEST\b)"
    rb"|(?P<response>CATCH-ALL RESPONSE: *(?P<status>\d{3})|(?:STREAMING )?RESPONSE \(completed\b)"
    rb"|(?P<headers>HEADERS: *)(?=\{)"
    rb"|(?P<body>(?:FULL REQUEST )?BODY: *)(?=$|[{\[])"
    rb"|(?P<answer>FULL RESPONSE: *)(?=$|[{\[])"
    rb"|(?P<raw>RAW RESPONSE: ?))"
)
_KINDS: tuple[Kind, ...] = ("request", "response", "headers", "body", "answer", "raw")
STAMP = re.compile(rb"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?")
_NESTING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]')
_ELEMENT = re.compile(rb'\s*(?:["{}\[\]]|(?:-?\d[\d.eE+-]*|true|false|null),?\s*$)')
"""A line within an indented value."""
_INNER = (b'"', b"{", b"[", b"}", b"]")
"""How a line within an indented value begins, where its second one is told from the log's own."""


class Marked(NamedTuple):
    """A line that says what follows."""

    kind: Kind
    found: re.Match[bytes]
    rest: bytes


class JsonLines:
    """A JSON value over several lines, of which a log may have put its prefix before each."""

    def __init__(self, shape: re.Pattern[bytes] | None, before: bytes) -> None:
        self._shape = self._message = shape
        self._others = _every_line(before)
        """What may stand before each line, where `shape` stands before messages alone."""
        self._lines: list[bytes] = []
        self._depth = self._size = 0
        self._prefixed: bool | None = None
        """Whether the prefix stands before every line of the value; None until its second line."""

    def add(self, line: bytes) -> bool:
        """Take a line; gives whether the value ends with it. A line that is none of the value's is let go."""
        if not self._lines:
            begun = self._begun(line)
            if begun is None:
                return False
            line = begun
        else:
            own = self._shape.match(line) if self._shape else None
            behind = line[own.end() :] if own else line
            if self._prefixed is None:
                self._prefixed = own is not None and behind.lstrip()[:1] in _INNER
            if own is not None and not self._prefixed:
                return False
            if self._shape is not self._message and self._interrupts(line, behind):
                return False
            line = behind if self._prefixed else line
        self._lines.append(line)
        self._size += len(line)
        for token in _NESTING.finditer(line):
            self._depth += (token[0] in (b"{", b"[")) - (token[0] in (b"}", b"]"))
        return self._depth <= 0 or self._size > LONGEST

    @property
    def data(self) -> bytes:
        """What was taken."""
        return b"\n".join(self._lines).strip()

    def _begun(self, line: bytes) -> bytes | None:
        """The first line of a value without what stands before it; None if no value begins there."""
        for shape in (self._shape, *self._others):
            own = shape.match(line) if shape else None
            behind = line[own.end() :] if own else line
            if behind.lstrip()[:1] in (b"{", b"["):
                self._shape = shape
                return behind
        return None

    def _interrupts(self, line: bytes, behind: bytes) -> bool:
        """Whether a line is a message of its own, and no part of the value around it."""
        message = self._message.match(line) if self._message else None
        if message is None:
            return False
        return message.end() > len(line) - len(behind) or _ELEMENT.match(behind) is None


def plain(line: bytes) -> bytes:
    """A line without colours and what else terminals want, in UTF-8."""
    line = _COLOUR.sub(b"", line).rstrip(b"\r")
    try:
        line.decode()
    except UnicodeDecodeError:
        # On Windows, Python writes logs in the system's own encoding.
        return line.decode("cp1252", errors="replace").encode()
    return line


def announced(line: bytes) -> Marked | None:
    """What a line announces; None for most."""
    # Most lines are JSON, and none of these words stands in them outside of a string.
    if b":" not in line and b"INCOMING" not in line and b"RESPONSE" not in line:
        return None
    found = _MARK.match(line)
    if found is None:
        return None
    kind = next(kind for kind in _KINDS if found[kind] is not None)
    return Marked(kind, found, line[found.end() :])


def shape_of(before: bytes) -> re.Pattern[bytes] | None:
    """What the log puts before its messages: digits and words in other lines may be others."""
    if not before.strip():
        return None
    stamp = STAMP.search(before)
    if stamp is not None:
        # What follows the stamp differs from message to message; the stamp alone tells.
        return re.compile(_generic(before[: stamp.end()]) + rb" ?")
    return re.compile(_generic(before.rstrip()) + rb" ?")


def _every_line(before: bytes) -> list[re.Pattern[bytes]]:
    """What a log with stamps may put before each line, and not before messages alone: all of it, or what
    whoever collects the logs of several programs puts before the program's own stamp."""
    stamp = STAMP.search(before)
    parts = [] if stamp is None else [before.rstrip(), before[: stamp.start()].rstrip(b" \t[(<")]
    return [re.compile(_generic(part) + rb" ?") for part in parts if part]


def _generic(text: bytes) -> bytes:
    parts = re.split(rb"(\d+|[A-Z]{4,})", text)
    return b"".join(
        re.escape(part) if not at % 2 else rb"\d+" if part.isdigit() else rb"[A-Z]{4,}"
        for at, part in enumerate(parts)
    )
