"""The work of `kvconsole inspect`: read, gather, try drafts, print."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from console.rules_verbs.toml_text import table_lines
from console.streams import output_width
from console.verbs.choosing import Choice, chosen, requests
from console.verbs.inspect.as_json import as_tree
from console.verbs.inspect.report import report
from console.verbs.inspect.table import wrapped
from console.verbs.rereading import rereading
from console.verbs.ruling import ruled
from console.verbs.sink import STDOUT, Sink
from proxy_core.captures import Captured
from proxy_core.clients import CLIENTS
from proxy_core.study.inspecting.inspection import Inspection, inspect
from proxy_core.study.inspecting.trial import Suggested, suggested
from proxy_core.study.steps import steps
from proxy_core.visible import visible

_HEAD = """\
# Rules drafted by `kvconsole inspect` from captured requests. Read them before you use them.
#
# What is wrong with them, if anything:  kvconsole rules check FILE
# What they do to captured requests:     kvconsole inspect SOURCE --rules FILE
# To use them, put this file into the rules directory: `kvconsole config path` says where that is.
#
# Their examples are real text of those requests.
"""


def run(
    context: click.Context, typed: dict[str, Any], suggest: str | None, *, force: bool, as_json: bool
) -> None:
    """Print what is found, and write drafts of rules where they are wanted.

    Raises:
        KvconsoleError: A source, the settings or a rule file cannot be read, or the drafts not be written.
    """
    sink = None if suggest is None else Sink(suggest, force)
    if sink is not None:
        sink.need()
    choice = chosen(typed)
    rules = ruled(context, typed)
    passes = 0

    def read() -> Iterator[Captured]:
        nonlocal passes
        passes += 1
        return _read(choice, "reading" if passes == 1 else "trying drafts", warn=passes == 1)

    with rereading(choice.sources, read) as (first, more):
        found = inspect(steps(first(), rules), rules, choice.lane)
        told = suggested(found, rules, frozenset(CLIENTS), more)
    if as_json:
        click.echo(json.dumps(as_tree(found, told, rules), indent=2, ensure_ascii=False))
    elif suggest != STDOUT:
        _print(found, told, choice, sink)
    if sink is not None:
        _write(sink, told)


def _read(choice: Choice, label: str, *, warn: bool) -> Iterator[Captured]:
    with requests(choice, label, warn=warn) as found:
        yield from found


def _print(found: Inspection, told: Suggested, choice: Choice, sink: Sink | None) -> None:
    if not found.requests:
        for line in wrapped(_nothing(choice), output_width()):
            click.echo(line)
        return
    for line in report(found, told, choice.sources, output_width(), writes=sink is not None):
        click.echo(line)


def _nothing(choice: Choice) -> str:
    """What to do where there is nothing to look at."""
    if choice.lane is not None:
        what = f"There is no request of a conversation {visible(choice.lane)}"
        return f"{what}. `kvconsole inspect` without --lane lists all."
    if choice.since is not None:
        return "There is no request since then. Without --since, all of them count."
    if not choice.sources:
        return (
            "The journal holds no requests yet. Let a client talk to llama-server through kvconsole, or name "
            "a file of captured requests: kvconsole inspect recorded.jsonl"
        )
    names = ", ".join("standard input" if name == "-" else visible(name) for name in choice.sources)
    return f"{names}: there is no request with a prompt in it."


def _write(sink: Sink, told: Suggested) -> None:
    """Write the drafts; nothing is written without any."""
    name = visible(sink.path)
    if not told.tried:
        click.echo("There is no draft that gains anything; no rules were written.", err=True)
        return
    lines = [_HEAD]
    for one in told.tried:
        lines += [*table_lines("[[rule]]", one.draft.table), ""]
    with sink.opened() as file:
        file.write("\n".join(lines).encode())
    if sink.path != STDOUT:
        number = len(told.tried)
        drafts = "1 draft of a rule was" if number == 1 else f"{number} drafts of rules were"
        click.echo(f"{drafts} written to {name}. `kvconsole rules check {name}` checks it.", err=True)
