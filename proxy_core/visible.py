"""Foreign text made safe to show: nothing in it moves a cursor, hides itself or runs on without end."""

from __future__ import annotations

import re
from hashlib import blake2s

LONGEST_LINE = 10_000
"""Characters of one line that are shown; the rest becomes a note."""

_LONGEST_BLOB = 256
_BLOB_SHOWN = 48
_BLOB = re.compile(r"data:[^,\s]{0,200},\S+|[A-Za-z0-9+/_-]+={0,2}")

# C0, C1 and bidi controls, zero-width characters, tags, and surrogates, which no terminal encoding can carry.
_HIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
# No-break spaces look like the four spaces that a tab stands for, but do not compare equal to them.
_TAB = "\u00a0" * 4


def visible(text: str) -> str:
    """`text` with every control and invisible character replaced by a sign; line feeds stay.

    C0 controls become control pictures (`␛`), a tab four cells, anything else its code point (`‹200B›`).
    """
    return _HIDDEN.sub(_sign, text)


def text_lines(text: str) -> list[str]:
    """The lines of `text`, visible, each at most `LONGEST_LINE` characters and a note long."""
    return [shown_line(line) for line in visible(text).split("\n")]


def shown_line(line: str) -> str:
    """`line`, cut when it is too long to show."""
    return line if len(line) <= LONGEST_LINE else _cut(line, LONGEST_LINE)


def shorten_blob(text: str) -> str:
    """`text`, cut to its beginning when it is a long data URL or base64."""
    if len(text) <= _LONGEST_BLOB or _BLOB.fullmatch(text) is None:
        return text
    return _cut(text, _BLOB_SHOWN)


def _cut(text: str, keep: int) -> str:
    # The digest lets two texts differ on screen that differ only in what was cut.
    digest = blake2s(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{text[:keep]} ⋯ {len(text) - keep:,} more characters · #{digest}"


def _sign(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    if char == "\t":
        return _TAB
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"‹{code:04X}›"
