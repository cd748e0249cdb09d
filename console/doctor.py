"""`kvconsole doctor`: looks at a running setup and says what to change."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click

from console.options import engine_options, load, over
from proxy_core.checkup.findings import AREAS, Finding, Level

_SIGNS: dict[Level, str] = {"ok": "✓", "hint": "!", "problem": "✗", "unknown": "?"}
_WIDEST = 110
_NARROWEST = 60


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@engine_options
@click.pass_obj
def doctor(outer: dict[str, Any], /, as_json: bool, **typed: Any) -> None:
    """Look at a running setup, and say what to change.

    Give it the options that kvconsole itself gets. It asks llama-server and a kvconsole that runs, reads the
    log, and changes nothing. Exits with 1 if there is a problem; hints alone are none.
    """
    sys.exit(examine(over(outer, typed), as_json=as_json))


def examine(typed: dict[str, Any], *, as_json: bool) -> int:
    """Print all findings; gives the exit code.

    Raises:
        ConfigError: The settings are wrong.
    """
    from proxy_core.checkup.gather import gather
    from proxy_core.checkup.report import examine as run_checks

    findings = run_checks(asyncio.run(gather(load(typed))))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        for line in report(findings, shutil.get_terminal_size((_WIDEST, 24)).columns):
            # A terminal of another alphabet shows a question mark rather than nothing at all.
            click.echo(line.encode(encoding, "replace").decode(encoding))
    return 1 if any(finding.level == "problem" for finding in findings) else 0


def report(findings: Sequence[Finding], columns: int) -> Iterator[str]:
    """The findings as lines, by area: a sign and its word, what was looked at, what was seen, what to do.

    Args:
        findings: In the order of a report.
        columns: Width of the terminal.
    """
    width = min(_WIDEST, max(_NARROWEST, columns))
    names = max((len(finding.name) for finding in findings), default=0)
    margin = " " * (len("  ✓ problem  ") + names + 2)
    for area in AREAS:
        those = [finding for finding in findings if finding.area == area]
        if those:
            yield area.capitalize()
        for finding in those:
            head = f"  {_SIGNS[finding.level]} {finding.level:<7}  {finding.name:<{names}}  "
            yield from _wrapped(finding.saw, head, margin, width)
            if finding.do:
                yield from _wrapped(finding.do, f"{margin}→ ", f"{margin}  ", width)
        if those:
            yield ""
    yield _summary(findings)


def _wrapped(text: str, first: str, rest: str, width: int) -> Iterator[str]:
    """Each line of `text`, broken between words alone: addresses and paths stay whole."""
    for line in text.splitlines() or [""]:
        yield from textwrap.wrap(
            line,
            width,
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [first.rstrip()]
        first = rest


def _summary(findings: Sequence[Finding]) -> str:
    counts = {level: sum(finding.level == level for finding in findings) for level in _SIGNS}
    problems, hints = counts["problem"], counts["hint"]
    parts = [
        f"{problems} problem{'' if problems == 1 else 's'}" if problems else "No problem",
        f"{hints} hint{'' if hints == 1 else 's'}",
        f"{counts['ok']} fine",
    ]
    if counts["unknown"]:
        parts.append(f"{counts['unknown']} not known")
    return f"{', '.join(parts)}."
