"""What the commands share: options of several of them, and the settings that they give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from proxy_core.settings import Loaded

_F = TypeVar("_F", bound=Callable[..., Any])

# Written out rather than imported: `kvconsole --help` should not wait for the engine.
LEVELS = ("safe", "careful", "aggressive")

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")

LEVEL = click.option("--level", type=click.Choice(LEVELS), help="How much rules may take.  [default: safe]")


def engine_options(command: _F) -> _F:
    """The options of every command that runs the proxy."""
    for option in (
        click.option(
            "--no-journal",
            "journal",
            flag_value=False,
            default=None,
            help="Keep nothing of requests on disk.",
        ),
        click.option(
            "--no-rules", "rules", flag_value=False, default=None, help="Pass everything through untouched."
        ),
        LEVEL,
        click.option(
            "--config",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Read this file, not the usual one.",
        ),
        click.option(
            "--log",
            multiple=True,
            metavar="FILE",
            help="llama-server's log; repeatable; - is standard input.",
        ),
        click.option(
            "--listen", metavar="HOST:PORT", help="Where clients connect.  [default: 127.0.0.1:1234]"
        ),
        click.option(
            "--upstream", metavar="URL", help="Where llama-server is.  [default: http://127.0.0.1:8080]"
        ),
    ):
        command = option(command)
    return command


def source_options(command: _F) -> _F:
    """`[SOURCE]… --lane --since --last`, for verbs that work on captured requests; see `choosing.chosen`."""
    for option in (
        click.option("--last", type=click.IntRange(1), metavar="N", help="Only the newest N requests."),
        click.option(
            "--since", metavar="WHEN", help="Only from then on: 2h, 3d, 2026-02-18, or 2026-02-18T14:00."
        ),
        click.option("--lane", metavar="ID", help="Only this conversation."),
        click.argument("sources", metavar="[SOURCE]...", nargs=-1),
    ):
        command = option(command)
    return command


def rule_options(command: _F) -> _F:
    """`--level --rules`, for verbs that let requests go through rules; see `ruling.ruled`."""
    option = click.option(
        "--rules",
        "which",
        multiple=True,
        metavar="ID|FILE.toml",
        help="Repeatable. With ids, these rules and no others; a file adds its rules.",
    )
    return LEVEL(option(command))


def over(outer: dict[str, Any], typed: dict[str, Any]) -> dict[str, Any]:
    """Options of the command over those that stood before it."""
    return {**outer, **{key: value for key, value in typed.items() if value not in (None, ())}}


def load(typed: dict[str, Any]) -> Loaded:
    """The settings, with what was typed over all else.

    Raises:
        ConfigError: Something is wrong with them.
    """
    from proxy_core.settings import load_settings

    flags = {k: v for k, v in typed.items() if k != "config" and v not in (None, ())}
    return load_settings(flags, config=typed.get("config"))
