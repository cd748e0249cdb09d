"""Which section of a text a place lies in: the nearest heading above it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby, takewhile

LONGEST = 40
"""Characters of a heading that are told."""

_READ = 65_536
"""Bytes above a place that are searched: headings further up say little about it."""
_HEADING = re.compile(r"#{1,6}[ \t]+(.*\S)")
_TAG = re.compile(r"<(/?)([A-Za-z][\w:.-]{0,60})(?:\s[^<>]{0,200})?>")
_KEY = re.compile(r"\s*(?:[-*] +)?[\"*]*([A-Za-z][\w'&/()-]*(?: [\w'&/()-]+){0,3})[\"*]*:(?=\s|$|\*)")
_NEAR = 6
"""Lines above a place in which a key may stand."""
_FENCE = ("```", "~~~")
_MARKS = "#*:` \t"


def section(previous: bytes, current: bytes, at: int) -> str:
    """The section in which two texts part.

    A Markdown heading, else an open tag, else the key of a `Key: …` line or of one shortly above, else the
    text of the line. Of a heading and a tag that both lie above the place, the nearer one tells more. A
    `Key: …` line counts before a heading that has other paragraphs below it: clients append such lines to
    whatever text comes last. Where a whole section came or went, its own heading is told, not that of its
    neighbour.

    Args:
        previous: A text in UTF-8.
        current: Another one.
        at: Bytes that both begin with.
    """
    above = previous[max(0, at - _READ) : at].decode(errors="replace")
    lines = above.split("\n")
    start = at - len(lines[-1].encode())
    if len(lines) == 1 and start > 0:
        # One endless line: its beginning is out of sight, and says nothing about this place.
        near = " ".join(above[-(LONGEST - 4) :].split())
        return f"“…{near.partition(' ')[2] or near}…”"
    ours, theirs = (_line(text, max(0, start)) for text in (previous, current))
    inside = _inside_fence(lines[:-1])
    found = "" if inside else _own_heading(ours, theirs, previous, current, at)
    if not found:
        heading, below = _heading_above(lines[:-1])
        keys = [ours, theirs, *_lines_above(below)]
        key = next((match[1].strip() for line in keys if (match := _KEY.match(line))), "")
        appended = key and not inside and _paragraphs(below) > 1
        found = key if appended or not heading else heading
    if not found:
        said = next((line for line in (ours, theirs) if line.strip()), "")
        found = _quoted(said) if said else ""
    return clipped(found)


def clipped(text: str, most: int = LONGEST) -> str:
    """A text on one line, cut where it is too long."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _line(text: bytes, start: int) -> str:
    end = text.find(b"\n", start)
    return text[start : len(text) if end < 0 else end].decode(errors="replace")


def _quoted(line: str) -> str:
    text = " ".join(line.split())
    return f"“{text}”" if len(text) <= LONGEST - 2 else f"“{text[: LONGEST - 3].rstrip()}…”"


def _title(line: str) -> str:
    """What a line says as a heading; empty when it is none."""
    if (match := _HEADING.fullmatch(line.strip())) is not None:
        return match[1].strip(_MARKS)
    tag = _TAG.fullmatch(line.strip())
    return tag[2] if tag is not None and not tag[1] else ""


def _own_heading(ours: str, theirs: str, previous: bytes, current: bytes, at: int) -> str:
    """The heading of a section that came or went at the place; empty when neither did."""
    old, new = _title(ours), _title(theirs)
    came, went = _comes(ours, current, at), _comes(theirs, previous, at)
    if new and (came or not ours.strip()):
        return new
    if old and (went or not theirs.strip()):
        return old
    # Neither heading stands further down on the other side: one took the other's place.
    return new if old else ""


def _comes(line: str, text: bytes, at: int) -> bool:
    """Whether a line of the one text stands in the other as well, further down."""
    return bool(line.strip()) and (text[at:] + b"\n").find(b"\n" + line.encode() + b"\n") >= 0


def _lines_above(below: Sequence[str]) -> list[str]:
    """The lines above the place, up to the beginning of its paragraph, the nearest first."""
    return list(takewhile(str.strip, reversed(below[-_NEAR:])))


def _paragraphs(below: Sequence[str]) -> int:
    """How many paragraphs there are between a heading and the end of the place's own one."""
    return sum(1 for filled, _ in groupby([*below, "."], key=lambda line: bool(line.strip())) if filled)


def _heading_above(lines: list[str]) -> tuple[str, list[str]]:
    """The nearest heading or open tag, and the lines below it; none below a tag, which says where it ends.

    Headings inside fenced code are comments.
    """
    closed: dict[str, int] = {}
    fences = sum(line.lstrip().startswith(_FENCE) for line in lines)
    for number, line in reversed(list(enumerate(lines))):
        if line.lstrip().startswith(_FENCE):
            fences -= 1
            continue
        if (
            line.startswith("#")
            and fences % 2 == 0
            and (match := _HEADING.fullmatch(line.rstrip())) is not None
        ):
            return match[1].strip(_MARKS), lines[number + 1 :]
        if "<" not in line:
            continue
        for tag in reversed(list(_TAG.finditer(line))):
            name = tag[2]
            if tag[1]:
                closed[name] = closed.get(name, 0) + 1
            elif closed.get(name):
                closed[name] -= 1
            elif not line[: tag.start()].strip() and not tag[0].endswith("/>"):
                return name, []
    return "", lines


def _inside_fence(lines: list[str]) -> bool:
    return sum(line.lstrip().startswith(_FENCE) for line in lines) % 2 == 1
