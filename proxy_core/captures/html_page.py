"""A bundle as one HTML file: no network, no script, readable in light and dark, and foreign text is text.

The policy in its head forbids a browser to load anything, should any markup ever get through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files

from proxy_core import __version__
from proxy_core.captures.bundle import Bundle, View, facts, figure_rows, one_line, shared, where
from proxy_core.captures.captured import Captured
from proxy_core.diagnosis.words import count, plural
from proxy_core.diff.document import document
from proxy_core.diff.fold import CHANGED, Row
from proxy_core.diff.marks import Marks
from proxy_core.diff.rows import diff
from proxy_core.verdict import Excerpt
from proxy_core.visible import visible

_SIDES = {"client": "the client's doing", "server": "the server's doing", "rules": "a switched rule's doing"}
_SIGNS = {"changed": ("−", "+"), "removed": ("−", ""), "added": ("", "+")}


def write(bundles: Iterable[Bundle], note: str | None = None) -> Iterator[str]:
    """The page, piece by piece.

    Args:
        bundles: What to show, one below another.
        note: A sentence for the top, such as what was masked.
    """
    style = files(__package__).joinpath("page.css").read_text()
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>kvconsole report</title><style>\n{style}</style></head><body>\n"
    )
    if note:
        yield f"<p class=note>{text(note)}</p>\n"
    for one in bundles:
        yield from _bundle(one)
    yield f"<footer>Written by kvconsole {text(__version__)}.</footer>\n</body></html>\n"


def text(foreign: str) -> str:
    """Foreign text as one line of HTML, without markup and without anything hidden."""
    return escape(one_line(foreign))


def _bundle(bundle: Bundle) -> Iterator[str]:
    finding = bundle.current.finding
    yield f"<main><h1>{text(bundle.title)}</h1>\n"
    if finding is not None:
        side = _SIDES.get(finding.side, "")
        if side:
            yield f"<p class=side>{side}</p>\n"
        if finding.predicted:
            yield "<p>Predicted: nobody measured what was reused.</p>\n"
    yield "<div class=tables>" + _table("request", facts(bundle))
    yield _table("figures", figure_rows(bundle.current.figures)) + "</div>\n"
    if finding is not None and finding.evidence:
        yield f"<h2>Evidence</h2><ul>{''.join(f'<li>{text(line)}' for line in finding.evidence)}</ul>\n"
    if finding is not None and finding.advice:
        hints = (f"<li><code>{text(hint.what)}</code> {text(hint.why)}" for hint in finding.advice)
        yield f"<h2>What to do</h2><ul>{''.join(hints)}</ul>\n"
    if bundle.previous is None:
        yield "<p>There is no earlier request to compare it with.</p>\n"
        yield from _alone(bundle.current)
    for view in bundle.views:
        yield from _view(view, bundle.current.api)
    yield "</main>\n"


def _view(view: View, api: str | None) -> Iterator[str]:
    yield f"<h2>The two requests {text(view.title)}</h2>\n"
    if view.divergence is not None:
        yield f"<p><strong>{text(where(view.divergence))}</strong></p>\n"
        sentence = shared(view.divergence)
        if sentence:
            yield f"<p>{text(sentence)}</p>\n"
        if view.divergence.excerpt is not None and view.divergence.how != "extended":
            yield _excerpt(view.divergence.excerpt)
    compared = diff(view.previous, view.current, api)
    amounts = f"{plural(compared.removed, 'line')} removed, {count(compared.added)} added"
    yield f"<p>{amounts}.</p>\n<div class=diff>"
    yield "<div class='row head'><b></b><span>before</span><b></b><span>after</span></div>\n"
    for row in compared.rows:
        yield from _row(row)
    yield "</div>\n"


def _alone(captured: Captured) -> Iterator[str]:
    """All parts of one request, each to be opened."""
    yield "<div class=diff>"
    for section in document(captured.body, captured.api):
        lines = escape("\n".join(section.lines))
        yield f"<details><summary>{escape(section.heading)}</summary><pre>{lines}</pre></details>\n"
    yield "</div>\n"


def _excerpt(excerpt: Excerpt) -> str:
    *above, begun = visible(excerpt.shared).split("\n")
    lines = [f"<span>  {escape(line)}\n</span>" for line in above]
    for sign, kind, run, rest in (
        ("−", "removed", excerpt.previous, excerpt.previous_rest),
        ("+", "added", excerpt.current, excerpt.current_rest),
    ):
        marked = f"<mark>{escape(visible(run))}</mark>" if run else ""
        whole = f"{escape(begun)}{marked}{escape(visible(rest))}" or "<i>(nothing)</i>"
        lines.append(f"<span class={kind}>{sign} {whole}\n</span>")
    return f"<pre>{''.join(lines)}</pre>\n"


def _row(row: Row) -> Iterator[str]:
    if row.kind == "fold":
        yield f"<details><summary>{escape(row.left or row.right or '')}</summary>\n"
        for inner in row.inner:
            yield from _row(inner)
        yield "</details>\n"
    elif row.kind == "note":
        yield f"<p class=wide>{escape(row.left or '')}</p>\n"
    elif row.kind == "heading":
        left, right = escape(row.left or ""), escape(row.right or "")
        yield f"<h3 class=row><b></b><span>{left}</span><b></b><span>{right}</span></h3>\n"
    else:
        yield _line(row)


def _line(row: Row) -> str:
    signs = _SIGNS.get(row.kind, ("", ""))
    return (
        f"<div class='row {row.kind if row.kind in CHANGED else 'same'}'>"
        f"{_side(row.left_no, row.left, row.left_marks, signs[0], 'removed')}"
        f"{_side(row.right_no, row.right, row.right_marks, signs[1], 'added')}</div>\n"
    )


def _side(number: int | None, line: str | None, marks: Marks, sign: str, kind: str) -> str:
    if line is None:
        return "<b></b><span class=none></span>"
    shade = f" class={kind}" if sign else ""
    label = " ".join(part for part in ("" if number is None else str(number), sign) if part)
    return f"<b>{label}</b><span{shade}>{_marked(line, marks)}</span>"


def _marked(line: str, marks: Marks) -> str:
    parts: list[str] = []
    at = 0
    for start, end in marks:
        parts += (escape(line[at:start]), f"<mark>{escape(line[start:end])}</mark>")
        at = end
    parts.append(escape(line[at:]))
    return "".join(parts)


def _table(caption: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = (f"<tr><th scope=row>{text(label)}<td>{text(value)}" for label, value in rows)
    return f"<table><caption>{caption}</caption>{''.join(lines)}</table>"
