"""`kvconsole inspect`: captured requests one by one, and what changes in them from turn to turn."""

from __future__ import annotations

from typing import Any

import click

from console.options import JSON, rule_options, source_options

# As in console.cli, nothing else is imported until it is needed.


@click.command()
@source_options
@rule_options
@click.option(
    "--suggest",
    metavar="FILE",
    help="Write drafts of rules for what no rule knows into this rule file; - is standard output.",
)
@click.option("--force", is_flag=True, help="Let --suggest replace a file.")
@JSON
@click.pass_context
def inspect(context: click.Context, /, suggest: str | None, force: bool, as_json: bool, **typed: Any) -> None:
    """List captured requests, and what changes from turn to turn.

    SOURCE is a file of captured requests: kvconsole's JSON Lines, HAR, request bodies, a proxy's log, or -
    for standard input. Without any, the journal.

    \b
    kvconsole inspect recorded.jsonl
    kvconsole inspect recorded.har --suggest mine.toml

    Three parts: each request with its items and sizes; each conversation with the parts that changed, and how
    much had to be read again for that; and each text that changed, with the rule that knows it or, where none
    does, with a draft of one. A draft is played over the requests before it is shown: what reuse becomes with
    it stands beside it. Reuse is the share of the EARLIER prompt of a conversation that comes again as the
    beginning of this one; no server is needed.
    """
    from console.verbs.inspect import inspecting

    if force and suggest is None:
        raise click.UsageError("--force goes with --suggest FILE.")
    if as_json and suggest == "-":
        raise click.UsageError(
            "--json and --suggest - both want standard output; name a file for one of them."
        )
    inspecting.run(context, typed, suggest, force=force, as_json=as_json)
