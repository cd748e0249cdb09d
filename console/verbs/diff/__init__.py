"""`kvconsole diff`: two captured requests compared."""

from __future__ import annotations

import sys

import click

from console.options import JSON
from console.verbs.masking import Masking, redact_option


@click.command(cls=Masking)
@click.argument("first", metavar="A")
@click.argument("second", metavar="[B]", required=False)
@click.option("--forwarded", is_flag=True, help="As kvconsole forwarded them, not as the client sent them.")
@click.option("--unified", is_flag=True, help="Print the lines that differ, as rules test does.")
@click.option("--html", metavar="FILE", help="Write a page that a browser opens; - is standard output.")
@click.option("--force", is_flag=True, help="Replace the page's FILE if it is there.")
@JSON
@redact_option
@click.option("--exit-code", is_flag=True, help="Exit with 1 if they differ.")
def diff(
    first: str,
    second: str | None,
    forwarded: bool,
    unified: bool,
    html: str | None,
    force: bool,
    as_json: bool,
    redact: str | None,
    exit_code: bool,
) -> None:
    """Compare two requests part by part, as the model sees them.

    A and B are ids of the journal, files that hold one request, or FILE#N for the Nth request of a file; - is
    standard input. With A alone, it is compared with the request before it in its conversation.

    \b
    =  the same     ~  changed     +  new     -  gone     >  moved

    \b
    kvconsole diff 3f9a12c4-17
    kvconsole diff traffic.har#3 traffic.har#4 --unified
    kvconsole diff before.json after.json --html diff.html
    """
    from console.verbs.diff import comparing
    from console.verbs.sink import Sink

    if unified + as_json + (html is not None) > 1:
        raise click.UsageError("--unified, --html and --json exclude one another.")
    if force and html is None:
        raise click.UsageError("--force is for the file that --html writes.")
    asked = comparing.Asked(first, second, "forwarded" if forwarded else "sent", redact)
    shape: comparing.Shape = "json" if as_json else "unified" if unified else "structure"
    differ = comparing.page(asked, Sink(html, force)) if html is not None else comparing.show(asked, shape)
    sys.exit(1 if differ and exit_code else 0)
