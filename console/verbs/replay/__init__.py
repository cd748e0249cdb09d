"""`kvconsole replay`: plays captured conversations at a live server, as captured and normalized."""

from __future__ import annotations

import sys
from typing import Any

import click

from console.options import JSON, rule_options, source_options

# As in console.cli, nothing else is imported until it is needed.


@click.command()
@source_options
@click.option("--upstream", metavar="URL", help="The llama-server to play at.  [required]")
@rule_options
@click.option("--limit", type=click.IntRange(2), metavar="N", help="Only the first N requests of each one.")
@click.option(
    "--rounds", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Play all N times."
)
@click.option(
    "--max-tokens",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Tokens to generate for each prompt.",
)
@click.option("--model", metavar="NAME", help="Ask for this model.  [default: as captured]")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="For one prompt.",
)
@click.option("--api-key-env", "key_env", metavar="NAME", help="The environment variable with the API key.")
@click.option("--csv", "csv_file", metavar="FILE", help="Write a row for each prompt; - is standard output.")
@JSON
@click.pass_context
def replay(context: click.Context, /, **typed: Any) -> None:
    """Play conversations at a server, as captured and normalized.

    \b
    kvconsole replay capture.jsonl --upstream http://127.0.0.1:8080
    kvconsole replay --lane 3f2a --upstream http://127.0.0.1:8080 --rounds 3 --csv replay.csv

    Prints what the rules buy on that server: reused tokens, similarity and prompt eval time of each turn.
    Without SOURCE, the journal is played. Both begin with a cold cache; what its slots hold is pushed out.
    Only prompts are sent: no tool runs, and no answer goes on. Exits with 1 if something was not measured.
    """
    from console.verbs.replay import replaying

    sys.exit(replaying.replay(context, typed))
