"""A bundle as Markdown, to be pasted into an issue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from proxy_core.captures.bundle import (
    Bundle,
    View,
    behind,
    compared_as,
    facts,
    figure_rows,
    one_line,
    rule_rows,
    shared,
    where,
)
from proxy_core.diagnosis.words import count, plural
from proxy_core.diff.rows import diff
from proxy_core.diff.unified import hunks
from proxy_core.verdict import Excerpt
from proxy_core.visible import visible

_MOST_LINES = 400
"""Changed lines of one comparison; an issue takes 65 536 characters."""
_LONGEST = 400
_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|!~$^])")
_OPENING = re.compile(r"[-+=]|\d+(?=[.)](?:\s|$))")
"""What begins a list or underlines a heading, where it comes first."""
_LINKS = re.compile(r"(@|\\#|:(?=//)|\bwww(?=\.)|\bGH(?=-))", re.IGNORECASE)
_APART = "<!-- -->"
"""Parts a sign from the word behind it: issue trackers look for mentions once the markup is gone."""
_FENCE = re.compile(r"`{3,}")


def write(bundles: Iterable[Bundle], note: str | None = None) -> Iterator[str]:
    """The bundles, one below another, piece by piece.

    Args:
        bundles: What to write.
        note: A sentence for the top, such as what was masked.
    """
    yield "# kvconsole report\n"
    if note:
        yield f"\n{escaped(note)}\n"
    for one in bundles:
        yield from (f"\n{part}" for part in _bundle(one))


def escaped(text: str) -> str:
    """Foreign text as one line in which nothing is markup, a link, a mention or a reference."""
    plain = _SIGNS.sub(r"\\\1", one_line(text)).replace("&", "&amp;")
    if (opening := _OPENING.match(plain)) is not None:
        at = opening.start() if opening[0] in "-+=" else opening.end()
        plain = f"{plain[:at]}\\{plain[at:]}"
    return _LINKS.sub(rf"\1{_APART}", plain)


def _bundle(bundle: Bundle) -> Iterator[str]:
    finding = bundle.current.finding
    yield f"## {escaped(bundle.title)}\n"
    yield _table(("", ""), facts(bundle))
    yield _table(("figure", "value"), figure_rows(bundle.current.figures))
    if bundle.current.edited:
        yield _table(("rule", "what it did"), rule_rows(bundle.current))
    if finding is not None:
        if finding.predicted:
            yield "Predicted: nobody measured what was reused.\n"
        if finding.evidence:
            yield "**Evidence**\n"
            yield "".join(f"- {escaped(sentence)}\n" for sentence in finding.evidence)
        if finding.advice:
            yield "**What to do**\n"
            yield "".join(f"- {escaped(hint.what)}: {escaped(hint.why)}\n" for hint in finding.advice)
    for view in bundle.views:
        yield from _view(view, bundle.current.api)


def _view(view: View, api: str | None) -> Iterator[str]:
    yield f"### The two requests {view.title}\n"
    if view.divergence is not None:
        yield f"{escaped(where(view.divergence))}\n"
        for sentence in (shared(view.divergence), behind(view.further)):
            if sentence:
                yield f"{escaped(sentence)}\n"
        if view.divergence.excerpt is not None and view.divergence.how != "extended":
            yield _fenced(_excerpt(view.divergence.excerpt))
    elif view.note is not None:
        yield f"{escaped(view.note)}\n"
    compared = diff(view.previous, view.current, compared_as(view, api))
    lines = list(hunks(compared, _LONGEST))
    if not lines:
        yield "Nothing in them differs.\n"
        return
    more = len(lines) - _MOST_LINES
    if more > 0:
        lines = [*lines[:_MOST_LINES], f" … {more:,} more lines"]
    summary = f"All changes: {plural(compared.removed, 'line')} removed, {count(compared.added)} added"
    yield f"<details><summary>{summary}</summary>\n"
    yield _fenced(lines)
    yield "</details>\n"


def _excerpt(excerpt: Excerpt) -> Iterator[str]:
    *above, begun = visible(excerpt.shared).split("\n")
    yield from (f"  {line}" for line in above)
    for sign, run, rest in (
        ("-", excerpt.previous, excerpt.previous_rest),
        ("+", excerpt.current, excerpt.current_rest),
    ):
        if run or rest or begun:
            yield from (f"{sign} {line}" for line in f"{begun}{visible(run)}{visible(rest)}".split("\n"))


def _fenced(lines: Iterable[str]) -> str:
    text = "\n".join(lines)
    longest = max((len(run) for run in _FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}diff\n{text}\n{fence}\n"


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "| --- | --- |"]
    lines += [f"| {escaped(label)} | {escaped(value)} |" for label, value in rows]
    return "\n".join(lines) + "\n"
