"""`kvconsole export`: captured requests in another format, or a report around a divergence."""

from __future__ import annotations

from typing import Any

import click

from console.verbs.masking import Masking, redact_option

FORMATS = ("jsonl", "har", "md", "html")


@click.command(cls=Masking)
@click.argument("refs", metavar="[REF]...", nargs=-1)
@click.option(
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    help="What to write.  [default: what the name behind --output ends with, else md]",
)
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    default="-",
    help="Write there, readable by you alone; - is standard output.  [default: -]",
)
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@redact_option
@click.option("--all", "every", is_flag=True, help="All requests of a file that leave the one before them.")
@click.option("--lane", metavar="ID", help="Only this conversation.")
@click.option("--since", metavar="WHEN", help="Only from then on: 2h, 3d, 2026-02-18, or 2026-02-18T14:00.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the newest N requests.")
def export(
    refs: tuple[str, ...],
    kind: str | None,
    output: str,
    force: bool,
    redact: str | None,
    every: bool,
    **typed: Any,
) -> None:
    """Write captured requests as a report, or for other tools.

    REF is an id of the journal, a file of any format that kvconsole reads, or FILE#N for its Nth request;
    - is standard input. md and html show each request against the one before it in its conversation: where
    they part, why, and what it cost. Without REF, that is the newest of the journal whose prompt the
    client changed; of a whole file, the first 20 requests that leave the one before them. jsonl and har
    hold the requests themselves: without REF, all of the journal.

    \b
    kvconsole export --redact -o report.html
    kvconsole export 3f9a12c4-17 --format md --redact=personal
    kvconsole export traffic.har -o traffic.jsonl
    """
    from console.verbs.choosing import chosen
    from console.verbs.export import exporting
    from console.verbs.sink import Sink

    choice = chosen({**typed, "sources": ()})
    if kind is None:
        ending = output.rpartition(".")[2].lower()
        kind = ending if ending in FORMATS else "md"
    exporting.export(refs, choice, kind, Sink(output, force), redact=redact, every=every)
