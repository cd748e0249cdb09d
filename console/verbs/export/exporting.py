"""What `kvconsole export` does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import click

from console.figures import size
from console.verbs.choosing import Choice, is_kept, numbered
from console.verbs.export.gathering import counted, names_one, reported, single
from console.verbs.redaction import masked, note, redactor_of, warn
from console.verbs.rereading import rereading
from console.verbs.sink import Sink
from proxy_core.captures import Captured, har, html_page, jsonl, markdown
from proxy_core.captures.bundle import bundle
from proxy_core.captures.redact import Redactor
from proxy_core.diagnosis.words import plural
from proxy_core.study.pairing import Pair
from proxy_core.visible import visible

_ISSUE = 65_536
"""Characters that the issues of GitHub take."""
_NONE = "No request is meant by this; `kvconsole inspect` lists them."


def export(
    refs: Sequence[str], choice: Choice, kind: str, sink: Sink, *, redact: str | None, every: bool
) -> None:
    """Write what is meant, and say on standard error what the person should know of it.

    Raises:
        KvconsoleError: There is no such request, or it cannot be written there.
        click.UsageError: The options do not fit together.
    """
    report = kind in ("md", "html")
    if every and not report:
        raise click.UsageError("--all is for md and html; the other formats hold all requests anyway.")
    if any(map(names_one, refs)) and any(option is not None for option in choice[1:]):
        raise click.UsageError(
            "--lane, --since and --last choose among requests, and a single one is named here."
        )
    if kind == "html" and sink.is_terminal:
        raise click.UsageError("A page is for a browser: -o report.html writes it to a file.")
    sink.need(numbered(ref)[0] for ref in refs if not is_kept(ref))
    redactor = redactor_of(redact)
    if report:
        _report(reported(refs, choice, every=every), kind, sink, redactor)
    else:
        _requests(refs, choice, kind, sink, redactor)


def _report(pairs: Sequence[Pair], kind: str, sink: Sink, redactor: Redactor | None) -> None:
    if redactor is not None:
        pairs = masked(pairs, redactor)
    bundles = (bundle(pair.current, pair.previous) for pair in pairs)
    write = markdown.write if kind == "md" else html_page.write
    written = _written(sink, (piece.encode(errors="replace") for piece in write(bundles, note(redactor))))
    warn(redactor)
    if kind == "md" and written > _ISSUE:
        click.echo(f"That is more than the {_ISSUE:,} characters of a GitHub issue: attach a file.", err=True)
    _done(sink, plural(len(pairs), "request"), written)


def _requests(refs: Sequence[str], choice: Choice, kind: str, sink: Sink, redactor: Redactor | None) -> None:
    count = passes = 0

    def read() -> Iterator[Captured]:
        nonlocal passes
        passes += 1
        learns = redactor is not None and passes == 1
        return single(refs, choice, "looking for secrets" if learns else "exporting", warn=passes == 1)

    def noted(found: Iterator[Captured]) -> Iterator[Captured]:
        nonlocal count
        for one in found:
            count += 1
            yield one

    files = [numbered(ref)[0] for ref in refs if not is_kept(ref)]
    with rereading(files, read) as (first, more):
        if redactor is None:
            found = counted(first(), _NONE)
        else:
            redactor.learn(first())
            found = map(redactor.captured, counted(more(), _NONE))
        pieces = har.write(noted(found)) if kind == "har" else map(jsonl.line, noted(found))
        written = _written(sink, pieces)
    if redactor is not None:
        warn(redactor)
    _done(sink, plural(count, "request"), written)


def _written(sink: Sink, pieces: Iterable[bytes]) -> int:
    """Bytes that were written; on a terminal, without what would move its cursor."""
    written = 0
    shown = sink.is_terminal
    with sink.opened() as file:
        for piece in pieces:
            written += file.write(visible(piece.decode(errors="replace")).encode() if shown else piece)
    return written


def _done(sink: Sink, what: str, written: int) -> None:
    if sink.path != "-":
        click.echo(f"{visible(sink.path)}: {what}, {size(written)}.", err=True)
