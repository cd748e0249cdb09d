"""`kvconsole journal …`: how much the journal holds, and how to make it less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.options import JSON, load

if TYPE_CHECKING:
    from proxy_core.settings import Settings

# As in console.cli, nothing else is imported until it is needed.


@click.group()
def journal() -> None:
    """Look at the journal of requests, empty it, or shrink it."""


@journal.command("info")
@JSON
@click.pass_context
def journal_info(context: click.Context, /, as_json: bool) -> None:
    """Print what the journal holds, and what it takes on the disk."""
    from console.verbs.journal import journaling

    click.echo(journaling.info(_settings(context), as_json=as_json))


@journal.command("clear")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def journal_clear(context: click.Context, /, yes: bool) -> None:
    """Remove every request from the journal.

    A kvconsole that runs may go on: the next request begins the journal anew.
    """
    from console.verbs.journal import journaling

    click.echo(journaling.clear(_settings(context), ask=not yes))


@journal.command("vacuum")
@click.pass_context
def journal_vacuum(context: click.Context, /) -> None:
    """Write the file anew, without gaps.

    What is too old or too much goes before. It takes as much free space on the disk as the journal itself.
    """
    from console.verbs.journal import journaling

    click.echo(journaling.vacuum(_settings(context)))


def _settings(context: click.Context) -> Settings:
    typed: dict[str, Any] = context.find_root().obj
    return load(typed).settings
