"""A bundle as one HTML file: no network, no script, readable in light and dark, and foreign text is text.

The policy in its head forbids a browser to load anything, should any markup ever get through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files

from proxy_core import __version__
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
from proxy_core.captures.captured import Figures, Finding
from proxy_core.captures.html_diff import alone, around, comparison
from proxy_core.diagnosis.words import count, plural, share
from proxy_core.diff.rows import diff

_SIDES = {"client": "the client's doing", "server": "the server's doing", "rules": "a switched rule's doing"}


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
    current = bundle.current
    yield "<article>"
    if current.finding is not None and (side := _SIDES.get(current.finding.side)):
        yield f"<p class=side>{side}</p>"
    yield f"<h1>{text(bundle.title)}</h1>\n"
    yield _reused(current.figures)
    yield "<div class=tables>\n" + _table("request", facts(bundle))
    yield _table("figures", figure_rows(current.figures), "figures")
    if current.edited:
        yield _table("what rules did", rule_rows(current))
    yield "</div>\n"
    if current.finding is not None:
        yield from _finding(current.finding)
    if bundle.previous is None:
        yield "<h2>The request</h2>\n<p>There is no earlier request to compare it with.</p>\n"
        yield from alone(current.body, current.api)
    for view in bundle.views:
        yield from _view(view, current.api)
    yield "</article>\n"


def _reused(figures: Figures | None) -> str:
    """How much of the prompt was reused, for a glance."""
    known = figures or Figures()
    if known.cached_n is None or not known.prompt_tokens:
        return ""
    part = known.cached_n / known.prompt_tokens
    told = f"{share(part)} of {plural(known.prompt_tokens, 'prompt token')} reused"
    return f'<p class=reused><meter value="{min(1.0, part):.3f}"></meter> {told}</p>\n'


def _finding(finding: Finding) -> Iterator[str]:
    if finding.predicted:
        yield "<p>Predicted: nobody measured what was reused.</p>\n"
    if finding.evidence:
        yield f"<h2>Evidence</h2><ul>{''.join(f'<li>{text(line)}' for line in finding.evidence)}</ul>\n"
    if finding.advice:
        hints = (f"<li><code>{text(hint.what)}</code> {text(hint.why)}" for hint in finding.advice)
        yield f"<h2>What to do</h2><ul>{''.join(hints)}</ul>\n"


def _view(view: View, api: str | None) -> Iterator[str]:
    yield f"<h2>The two requests {text(view.title)}</h2>\n"
    parted = view.divergence
    if parted is not None:
        yield f"<p><strong>{text(where(parted))}</strong></p>\n"
        for sentence in (shared(parted), behind(view.further)):
            if sentence:
                yield f"<p>{text(sentence)}</p>\n"
        if parted.excerpt is not None and parted.how != "extended":
            yield around(parted.excerpt)
    elif view.note is not None:
        yield f"<p>{text(view.note)}</p>\n"
    compared = diff(view.previous, view.current, compared_as(view, api))
    yield f"<p class=amounts>{plural(compared.removed, 'line')} removed, {count(compared.added)} added.</p>\n"
    yield from comparison(compared)


def _table(caption: str, rows: Iterable[tuple[str, str]], kind: str = "") -> str:
    lines = (f"<tr><th scope=row>{text(label)}<td>{text(value)}" for label, value in rows)
    attribute = f" class={kind}" if kind else ""
    return f"<table{attribute}><caption>{caption}</caption>{''.join(lines)}</table>\n"
