"""`kvconsole rules check`: rule files are read, and their examples played."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from proxy_core import paths
from proxy_core.clients import CLIENTS
from proxy_core.rules import shipped_rules
from proxy_core.rules.files import read_files, user_files
from proxy_core.rules.wording import instead, sentence


def check(files: Sequence[Path]) -> int:
    """Print what is wrong with rule files, a line for each thing; gives the exit code.

    Args:
        files: The files, or directories of them; none means all in the person's rules directory.
    """
    places = files or [paths.rules_dir()]
    found = (f for place in places for f in (user_files(place) if place.is_dir() or not files else [place]))
    wanted = list(dict.fromkeys(found))  # One that is named twice would take its own ids.
    if not wanted:
        where = ", ".join(map(str, places))
        click.echo(f"There are no rule files in {where}. `kvconsole rules new mine.clock` writes one.")
        return 0
    rules, problems = read_files(wanted, shipped_rules())
    problems += [
        sentence(
            f"{rule.source}: rule {rule.id!r}: no client is recognized as {rule.client!r}, so it would never "
            f"run{instead(rule.client, [*CLIENTS, 'any'])}"
        )
        for rule in rules
        if rule.client not in CLIENTS | {"any"}
    ]
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        return 1
    fine = "fine, examples and all." if rules else "nothing to check; a rule begins with [[rule]]."
    click.echo(f"{_count(len(wanted), 'file')}, {_count(len(rules), 'rule')}: {fine}")
    return 0


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
