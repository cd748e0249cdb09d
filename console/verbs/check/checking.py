"""The work of `kvconsole check`: read, compare, report."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import click

from console.streams import output_width
from console.verbs.check import text as check_text
from console.verbs.choosing import Choice, all_before, chosen, meant, requests
from console.verbs.ruling import ruled
from console.verbs.sink import OutputError, Sink
from proxy_core.config_text import read_url
from proxy_core.diagnosis.by_prompt import IN_PROMPTS
from proxy_core.errors import ConfigError
from proxy_core.rules import RuleSet
from proxy_core.study.checking import as_json, github, junit, words
from proxy_core.study.checking.counted import Counted
from proxy_core.study.checking.judging import check, with_broken
from proxy_core.study.checking.measures import by_text
from proxy_core.study.checking.report import Report, Wanted
from proxy_core.study.steps import steps
from proxy_core.verdict import CAUSES, Cause
from proxy_core.visible import visible

_CONTEXT = 131_072
"""Tokens of a slot, where nobody tells."""


class Asked(NamedTuple):
    """What a person typed, sources and rules apart."""

    min_reuse: float
    allow: tuple[str, ...]
    raw: bool
    upstream: str | None
    tokens: int | None
    form: str
    output: Path | None
    junit: Path | None
    verbose: bool


def run(context: click.Context, asked: Asked, typed: dict[str, Any]) -> int:
    """Check, report, and give the exit code.

    Raises:
        KvconsoleError: The check cannot be made.
    """
    choice = chosen(typed)
    wanted = Wanted(asked.min_reuse, causes(asked.allow), asked.raw, choice.lane)
    url = None if asked.upstream is None else _url(asked.upstream)
    for target in (asked.output, asked.junit):
        if target is not None:
            _sink(target).need(choice.sources)
    if asked.junit is not None and (str(asked.junit) == "-" or asked.junit == asked.output):
        raise ConfigError("--junit needs a file of its own; --format junit prints XML.", title="Output")
    rules = RuleSet() if asked.raw else ruled(context, typed)
    report = _checked(choice, wanted, rules, url, asked.tokens)
    told = _told(report, asked)
    if asked.output is not None and str(asked.output) != "-":
        _write(asked.output, told)
        click.echo(words.result(report))
    elif asked.form == "text":
        for line in check_text.lines(report, verbose=asked.verbose, width=output_width()):
            click.echo(line)
    else:
        click.echo(told, nl=False)
    if asked.junit is not None:
        _write(asked.junit, junit.write(report))
    if asked.form == "github":
        _summarize(report)
    return 0 if report.fine else 1


def causes(names: Iterable[str]) -> frozenset[Cause]:
    """Causes by their names; dashes may stand for spaces.

    Raises:
        ConfigError: There is none of that name, or it is nothing that a prompt can tell.
    """
    found: set[Cause] = set()
    for name in names:
        plain = " ".join(name.lower().replace("-", " ").replace("_", " ").split())
        known = next((cause for cause in CAUSES if cause.replace("-", " ") == plain), None)
        if known is None or known not in IN_PROMPTS:
            raise ConfigError(_unknown(name, plain, known), title="--allow")
        found.add(known)
    return frozenset(found)


def _unknown(name: str, plain: str, known: Cause | None) -> str:
    every = f"Known: {', '.join(IN_PROMPTS)}."
    if known is not None:
        return f"No prompt tells of {known!r}: a check has no use for it. {every}"
    near = difflib.get_close_matches(plain, IN_PROMPTS, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else every
    return f"There is no cause {visible(name)!r}. {hint}"


def _checked(choice: Choice, wanted: Wanted, rules: RuleSet, url: str | None, tokens: int | None) -> Report:
    with nullcontext() if url is None else Counted(url) as server:
        slot = tokens or (server.upstream.ctx if server is not None else None) or _CONTEXT
        settings = _settings(wanted, rules, server, slot)
        with requests(all_before(choice), "checking", warn=False) as found:
            those = meant(steps(found, rules, slot), choice)
            report = check(those, wanted, server or by_text, settings)
            return with_broken(report, found.problems, found.broken)


def _settings(wanted: Wanted, rules: RuleSet, server: Counted | None, slot: int) -> Mapping[str, object]:
    return {
        "mode": "raw" if wanted.raw else "forwarded",
        "min_reuse": wanted.min_reuse,
        "allow": sorted(wanted.allow),
        "lane": wanted.lane,
        "measure": "text" if server is None else "tokens",
        "level": None if wanted.raw else rules.level,
        "rules": None if wanted.raw else sorted(rules.enabled),
        "context": slot,
        "upstream": None
        if server is None
        else {
            "url": server.upstream.url,
            "build": server.upstream.build_info,
            "model": server.upstream.model,
        },
    }


def _told(report: Report, asked: Asked) -> bytes:
    match asked.form:
        case "json":
            return as_json.write(report)
        case "junit":
            return junit.write(report)
        case "github":
            checkout = os.environ.get("GITHUB_WORKSPACE") or os.curdir
            return github.log(report, checkout).encode(errors="replace")
        case _:
            lines = check_text.lines(report, verbose=asked.verbose)
            return click.unstyle("".join(f"{line}\n" for line in lines)).encode(errors="replace")


def _url(text: str) -> str:
    try:
        return read_url(text)
    except ValueError as error:
        raise ConfigError(f"--upstream {visible(text)}: {error}.") from error


def _write(target: Path, data: bytes) -> None:
    """Write a report, which holds pieces of prompts, for its owner alone; one of an earlier check goes."""
    try:
        with _sink(target).opened() as file:
            file.write(data)
    except OSError as error:
        raise OutputError(f"{visible(str(target))} cannot be written: {error.strerror or error}.") from error


def _sink(target: Path) -> Sink:
    return Sink(str(target), force=True)


def _summarize(report: Report) -> None:
    """Put a table on the page of the job, where GitHub gives a file for it."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    try:
        with Path(name).open("ab") as file:
            file.write(github.summary(report).encode(errors="replace"))
    except OSError as error:
        click.echo(f"warning: the summary cannot be written: {error.strerror or error}.", err=True)
