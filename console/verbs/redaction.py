"""Masking what others are to read, and saying so."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import cast

import click

from proxy_core.captures import Captured
from proxy_core.captures.redact import Redactor
from proxy_core.captures.secrets import Level
from proxy_core.diagnosis.words import plural
from proxy_core.study.pairing import Pair


def redactor_of(level: str | None) -> Redactor | None:
    """What masks at the level that a person typed; None where nothing is to be masked."""
    return None if level is None else Redactor(cast("Level", level))


def note(redactor: Redactor | None) -> str | None:
    """What was masked, for those who read an export; None where nothing was to be."""
    if redactor is None:
        return None
    what = "Passwords, keys and tokens" if redactor.level == "secrets" else "Secrets, names and addresses"
    if not redactor.masked:
        return f"{what} were to be masked, and none was found (--redact={redactor.level})."
    them = plural(redactor.masked, "string")
    return f"{what} are masked ({them}), each the same way wherever it stands (--redact={redactor.level})."


def warn(redactor: Redactor | None) -> None:
    """Say on standard error what others will be able to read."""
    told = note(redactor)
    if told is None:
        click.echo("Prompts are written as they are. --redact masks secrets in them.", err=True)
    else:
        click.echo(f"{told} Look it through: not every secret looks like one.", err=True)


def masked(pairs: Sequence[Pair], redactor: Redactor) -> list[Pair]:
    """Requests with the ones before them, their secrets masked."""
    redactor.learn(chain.from_iterable(_both(pair) for pair in pairs))
    return [
        pair._replace(
            current=redactor.captured(pair.current),
            previous=None if pair.previous is None else redactor.captured(pair.previous),
        )
        for pair in pairs
    ]


def _both(pair: Pair) -> tuple[Captured, ...]:
    return (pair.current,) if pair.previous is None else (pair.previous, pair.current)
