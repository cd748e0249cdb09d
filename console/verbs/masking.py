"""`--redact`, for the verbs whose output others will read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., Any])

LEVELS = ("secrets", "personal")


class Masking(click.Command):
    """A command whose `--redact` may stand alone: what comes behind it is then no value of it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Spell a bare `--redact` out."""
        return super().parse_args(ctx, _spelled(args))


def _spelled(args: list[str]) -> list[str]:
    end = args.index("--") if "--" in args else len(args)
    spelled: list[str] = []
    rest = list(args[:end])
    while rest:
        arg = rest.pop(0)
        if arg == "--redact":
            arg = f"--redact={rest.pop(0) if rest[:1] and rest[0] in LEVELS else LEVELS[0]}"
        spelled.append(arg)
    return spelled + args[end:]


def redact_option(command: _F) -> _F:
    """`--redact[=personal]`; the command's class is `Masking`."""
    option = click.option(
        "--redact",
        type=click.Choice(LEVELS),
        metavar="[=personal]",
        help="Mask passwords, keys and tokens; with =personal, also names, addresses and telephone numbers.",
    )
    return option(command)
