"""A comparison as HTML: one column, what went above what came, and what did not change folded away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby

from proxy_core.diff.document import document
from proxy_core.diff.fold import CHANGED, Row
from proxy_core.diff.marks import Marks
from proxy_core.diff.rows import Diff
from proxy_core.verdict import Excerpt
from proxy_core.visible import visible

_WENT, _CAME = "−", "+"


def comparison(compared: Diff) -> Iterator[str]:
    """Two bodies compared, piece by piece."""
    yield "<div class=diff>\n"
    yield from _rows(compared.rows)
    yield "</div>\n"


def alone(body: bytes, api: str | None) -> Iterator[str]:
    """All parts of one body, each to be opened."""
    yield "<div class=diff>\n"
    for section in document(body, api):
        yield f"<details><summary>{escape(section.heading)}</summary>{_text(section.lines)}</details>\n"
    yield "</div>\n"


def around(excerpt: Excerpt) -> str:
    """The text around the place where two prompts part."""
    *above, begun = visible(excerpt.shared).split("\n")
    lines = [_line("", "", escape(line)) for line in above]
    for sign, run, rest in (
        (_WENT, excerpt.previous, excerpt.previous_rest),
        (_CAME, excerpt.current, excerpt.current_rest),
    ):
        marked = f"<mark>{escape(visible(run))}</mark>" if run else ""
        whole = f"{escape(begun)}{marked}{escape(visible(rest))}" or "<i>(nothing)</i>"
        lines.append(_line(sign, "", whole))
    return f"<div class=diff>\n{''.join(lines)}</div>\n"


def _rows(rows: Iterable[Row]) -> Iterator[str]:
    for changed, run in groupby(rows, key=lambda row: row.kind in CHANGED):
        if changed:
            several = list(run)
            # What comes instead of several lines stands behind all of them.
            yield from (_side(r.left_no, r.left, r.left_marks, _WENT) for r in several if r.left is not None)
            yield from (
                _side(r.right_no, r.right, r.right_marks, _CAME) for r in several if r.right is not None
            )
        else:
            for row in run:
                yield from _unchanged(row)


def _unchanged(row: Row) -> Iterator[str]:
    told = escape(row.right or row.left or "")
    if row.kind == "fold":
        yield f"<details><summary>{told}</summary>"
        yield from _folded(row.inner)
        yield "</details>\n"
    elif row.kind == "heading":
        yield f"<h3>{told}</h3>\n"
    elif row.kind == "note":
        yield f"<p>{told}</p>\n"
    else:
        yield _line("", row.right_no or row.left_no or "", told)


def _folded(rows: Iterable[Row]) -> Iterator[str]:
    """What a fold hides, in as little as will do: it may be two megabytes."""
    for plain, run in groupby(rows, key=lambda row: row.kind in ("same", *CHANGED)):
        if plain:
            yield _text((row.left if row.right is None else row.right) or "" for row in run)
        else:
            for row in run:
                yield from _unchanged(row)


def _text(lines: Iterable[str]) -> str:
    # A parser drops a line feed that stands right behind the tag.
    return "<pre>\n" + escape("\n".join(lines)) + "</pre>"


def _side(number: int | None, line: str | None, marks: Marks, sign: str) -> str:
    return _line(sign, "" if number is None else number, _marked(line or "", marks))


def _line(sign: str, number: int | str, markup: str) -> str:
    kind = {_WENT: " class=went", _CAME: " class=came"}.get(sign, "")
    return f"<div{kind}><b>{number}</b><b>{sign}</b><span>{markup}</span></div>\n"


def _marked(line: str, marks: Marks) -> str:
    parts: list[str] = []
    at = 0
    for start, end in marks:
        parts += (escape(line[at:start]), f"<mark>{escape(line[start:end])}</mark>")
        at = end
    parts.append(escape(line[at:]))
    return "".join(parts)
