"""`kvconsole rules check`: rule files are read, and their examples played."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from proxy_core import paths
from proxy_core.rules import shipped_rules
from proxy_core.rules.library import read_files, user_files


def check(files: Sequence[Path]) -> int:
    """Print what is wrong with rule files, a line for each thing; gives the exit code.

    Args:
        files: The files, or directories of them; none means all in the person's rules directory.
    """
    places = files or [paths.rules_dir()]
    wanted = [file for place in places for file in ([place] if place.is_file() else user_files(place))]
    if not wanted:
        where = ", ".join(map(str, places))
        click.echo(f"There are no rule files in {where}. `kvconsole rules new mine.clock` writes one.")
        return 0
    rules, problems = read_files(wanted, shipped_rules())
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        return 1
    click.echo(f"{_count(len(wanted), 'file')}, {_count(len(rules), 'rule')}: fine, examples and all.")
    return 0


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
