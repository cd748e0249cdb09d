"""`kvconsole check`: a check for CI that prompts keep their beginnings from turn to turn."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from console.options import JSON, over, rule_options, source_options

# As in console.cli, nothing else is imported until it is needed.

_FORMATS = ("text", "json", "junit", "github")


@click.command(epilog="Exit codes: 0 all turns are fine, 1 the check failed, 2 it could not be made.")
@source_options
@click.option(
    "--min-reuse",
    default="0.95",
    show_default=True,
    metavar="SHARE",
    callback=lambda _context, _option, value: _share(value),
    help="What each turn must have: 0 to 1, or 95%.",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="CAUSE",
    help="Accept less where this is why; repeatable. One of: system changed, tools changed, "
    "message rewritten, history pruned, history compacted, reasoning dropped, template changed.",
)
@click.option("--raw", is_flag=True, help="Compare prompts as the client sent them, without any rule.")
@rule_options
@click.option("--upstream", metavar="URL", help="Let this llama-server count tokens; it evaluates nothing.")
@click.option(
    "--context",
    "tokens",
    type=click.IntRange(min=1),
    metavar="TOKENS",
    help="A slot's context, which rules may fill.  [default: the upstream's, else 131072]",
)
@click.option("--format", "form", type=click.Choice(_FORMATS), help="How to report.  [default: text]")
@JSON
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write the report to this file."
)
@click.option(
    "--junit", metavar="FILE", type=click.Path(path_type=Path), help="Write JUnit XML to this file as well."
)
@click.option("-v", "--verbose", is_flag=True, help="List the turns that pass as well.")
@click.pass_context
def check(
    context: click.Context,
    /,
    min_reuse: float,
    allow: tuple[str, ...],
    raw: bool,
    upstream: str | None,
    tokens: int | None,
    form: str | None,
    as_json: bool,
    output: Path | None,
    junit: Path | None,
    verbose: bool,
    **typed: Any,
) -> None:
    """Fail when a turn loses the prompt cache: a guard for CI.

    SOURCE is a file of captured requests: kvconsole's JSON Lines, HAR, request bodies, a proxy's log, or -
    for standard input. Without any, the journal.

    \b
    kvconsole check recorded.jsonl
    kvconsole check recorded.har --raw --format github --junit report.xml

    A turn's reuse is the share of the EARLIER prompt of its conversation that comes again as the beginning
    of this one: 1 where the conversation only grew, however long the new messages are. What is compared is
    the text as kvconsole's rules forward it, or as it was sent (--raw). Without --upstream no server is
    needed. Requests that could not be read fail the check, and so does a source with nothing to compare.
    """
    from console.verbs.check import checking

    if as_json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} exclude each other.")
    if raw and (typed["which"] or typed["level"]):
        raise click.UsageError("--raw leaves all rules out, so that --rules and --level have no use with it.")
    outer = over(context.find_root().obj, {"upstream": upstream})
    asked = checking.Asked(
        min_reuse=min_reuse,
        allow=allow,
        raw=raw,
        upstream=outer["upstream"],
        tokens=tokens,
        form="json" if as_json else form or "text",
        output=output,
        junit=junit,
        verbose=verbose,
    )
    sys.exit(checking.run(context, asked, typed))


def _share(text: str) -> float:
    """A share as a person writes it.

    Raises:
        click.BadParameter: It is none.
    """
    number = text.strip()
    try:
        share = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        share = float("nan")
    if 0 <= share <= 1:
        return share
    raise click.BadParameter(f"{text!r} is no share. Write a number from 0 to 1, such as 0.95, or 95%.")
