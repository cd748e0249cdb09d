"""Runs of `kvconsole rules` in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner

from console.cli import cli
from proxy_core import paths
from proxy_core.errors import KvconsoleError


class Ran(NamedTuple):
    """How a run ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed as JSON."""
        return json.loads(self.out)


def verb(*args: str | Path, given: bytes | None = None) -> Ran:
    """Run `kvconsole rules ARGS` with `given` on standard input."""
    ran = CliRunner().invoke(cli, ["rules", *map(str, args)], input=given)
    if isinstance(ran.exception, KvconsoleError):
        # What the entry point makes of it.
        return Ran(2, ran.stdout, f"{ran.stderr}{ran.exception.title}: {ran.exception.message}\n")
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return Ran(ran.exit_code, ran.stdout, ran.stderr)


def own(name: str, text: str) -> Path:
    """Put a rule file into the person's rules directory."""
    file = paths.rules_dir() / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


CLOCK = r"""
[[rule]]
id = "mine.clock"
title = "My clock"
does = "Removes the clock."
cost = "No time."
[[rule.look]]
in = ["user"]
pattern = '\(now: \d\d:\d\d\) '
[[rule.example]]
in = "user"
before = "(now: 20:48) What is next?"
after = "What is next?"
"""
