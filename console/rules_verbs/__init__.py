"""`kvconsole rules …`: look at rules, check, try and write them, and forget what they remember."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.options import JSON, LEVEL, engine_options, over
from console.rules_verbs.templates import TEMPLATES

if TYPE_CHECKING:
    from proxy_core.prompt import Api

# As in console.cli, nothing else is imported until it is needed.


@click.group()
def rules() -> None:
    """Look at the rules, check, try and write them."""


@rules.command("list")
@click.option("--client", metavar="NAME", help="Only the rules that run for this client.")
@LEVEL
@JSON
@click.pass_context
def rules_list(context: click.Context, /, client: str | None, as_json: bool, **typed: Any) -> None:
    """List all rules, and whether they are on."""
    from console.rules_verbs import listing

    click.echo(listing.all_rules(_outer(context, typed), client, as_json=as_json))


@rules.command("show")
@click.argument("rule", metavar="ID")
@LEVEL
@JSON
@click.pass_context
def rules_show(context: click.Context, /, rule: str, as_json: bool, **typed: Any) -> None:
    """Show all there is to know about a rule."""
    from console.rules_verbs import listing

    click.echo(listing.one_rule(_outer(context, typed), rule, as_json=as_json))


@rules.command("check")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(exists=True, path_type=Path))
def rules_check(files: tuple[Path, ...]) -> None:
    """Read rule files and play their examples; without FILE, all of your own.

    Exits with 1 if any of them is wrong.
    """
    from console.rules_verbs import checking

    sys.exit(checking.check(files))


@rules.command("test")
@click.argument("rule", metavar="ID|all")
@click.argument("body", metavar="BODY.json", type=click.File("rb"))
@click.option(
    "--first",
    "earlier",
    multiple=True,
    metavar="EARLIER.json",
    type=click.File("rb"),
    help="An earlier request of the same conversation, for rules with a memory; repeatable, oldest first.",
)
@click.option("--client", metavar="NAME", help="Who sent it.  [default: told from the prompt]")
@click.option(
    "--api",
    type=click.Choice(["chat", "responses", "messages"]),
    help="Which API it was sent to.  [default: told from the body]",
)
@click.option(
    "--context",
    "tokens",
    type=click.IntRange(min=1),
    metavar="TOKENS",
    default=131_072,
    show_default=True,
    help="The slot's context, which restore may fill.",
)
@LEVEL
@JSON
@click.pass_context
def rules_test(
    context: click.Context,
    /,
    rule: str,
    body: Any,
    earlier: tuple[Any, ...],
    client: str | None,
    api: Api | None,
    tokens: int,
    as_json: bool,
    **typed: Any,
) -> None:
    """Try a rule on a request body (- is standard input), and print what it changes as a diff.

    \b
    kvconsole rules test mine.clock body.json
    kvconsole rules test mine.clock turn3.json --first turn1.json --first turn2.json
    kvconsole rules test all body.json --level careful

    With `all`, every rule that is on works on it, as in the proxy. Exits with 1 if nothing matched.
    """
    from console.rules_verbs import trying

    request = trying.Request(body.read(), [file.read() for file in earlier], api, client, tokens)
    name = getattr(body, "name", "<stdin>")
    sys.exit(
        trying.try_rule(
            _outer(context, typed),
            rule,
            request,
            name=name.replace("<stdin>", "standard input"),
            as_json=as_json,
        )
    )


@rules.command("new")
@click.argument("rule", metavar="ID")
@click.option(
    "--template",
    type=click.Choice(TEMPLATES),
    default="strip",
    show_default=True,
    help="The action to begin with.",
)
@click.option(
    "--from-client", "client", metavar="NAME", help="For this client alone, with how it decorates messages."
)
@click.pass_context
def rules_new(context: click.Context, /, rule: str, template: str, client: str | None) -> None:
    """Write a rule file to begin with into your rules directory.

    ID is made of small letters, digits, dots and dashes: mine.clock. No file is ever overwritten.
    """
    from console.rules_verbs import starter

    click.echo(starter.write(_outer(context, {}), rule, template, client))


@rules.command("schema")
def rules_schema() -> None:
    """Print the JSON schema of a rule file, for editors."""
    import json

    from proxy_core.rules.schema import rule_schema

    click.echo(json.dumps(rule_schema(), indent=2, ensure_ascii=False))


@rules.command("forget")
@click.option("--lane", metavar="ID", help="Only this conversation.  [default: all]")
@click.option("--yes", is_flag=True, help="Do not ask.")
@engine_options
@click.pass_context
def rules_forget(context: click.Context, /, lane: str | None, yes: bool, **typed: Any) -> None:
    """Forget what rules remember of conversations, on disk and in a kvconsole that runs.

    The next request of each begins with a cold prompt.
    """
    from console.rules_verbs import forgetting

    sys.exit(forgetting.forget(_outer(context, typed), lane, ask=not yes))


def _outer(context: click.Context, typed: dict[str, Any]) -> dict[str, Any]:
    return over(context.find_root().obj, typed)
