"""The work of `kvconsole replay`: meets the server, reads the requests, plays them, prints what came out."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from console.options import load, over
from console.streams import output_width, watched
from console.verbs.choosing import Choice, all_before, chosen, meant, requests
from console.verbs.replay.as_csv import CsvFile, csv_text
from console.verbs.replay.as_json import json_text
from console.verbs.replay.lines import lines
from console.verbs.replay.report import Report
from console.verbs.ruling import ruled
from console.verdicts import one_line
from proxy_core.counting.template import tools_at
from proxy_core.counting.tokens import TokenCounter
from proxy_core.llama.builds import build_number
from proxy_core.llama.facts import Upstream
from proxy_core.settings import Settings
from proxy_core.study.replay.bodies import Asking
from proxy_core.study.replay.conversations import Plan, plan
from proxy_core.study.replay.play import Limits, Player
from proxy_core.study.replay.played import Played
from proxy_core.study.replay.server import ServerClient, meet
from proxy_core.study.steps import steps

_INTERRUPTED = 128 + signal.SIGINT


def replay(context: click.Context, typed: dict[str, Any]) -> int:
    """Play what is meant, and print it; gives the exit code.

    Raises:
        click.UsageError: Options contradict one another, or one is missing.
        KvconsoleError: The settings, a rule file or a source is wrong, or there is no server to play at.
    """
    settings, key = _settings(context, typed), _key(typed.pop("key_env"))
    choice, rules = chosen(typed), ruled(context, typed)
    csv_file = _csv(typed, choice)
    upstream = asyncio.run(_met(settings, key))
    with requests(all_before(choice), "reading") as found:
        those = meant(steps(found, rules, upstream.ctx), choice)
        planned = plan(those, choice.lane, typed["limit"])
    if not planned.conversations:
        click.echo(f"Nothing to play: {nothing(planned, choice)}", err=True)
        return 1
    limits = Limits(typed["rounds"], typed["timeout"])
    report = Report(upstream, rules, planned, limits.rounds, typed["max_tokens"])
    if sum(planned.edits.values()) == 0:
        _tell("No rule changes anything in these requests: both arms send the same prompts.")
    code = _play(report, _playing(settings, key, typed["model"], limits, report))
    _print(report, typed["as_json"], csv_file)
    return code


def nothing(planned: Plan, choice: Choice) -> str:
    """Why there is nothing to play, in a sentence."""
    if choice.lane is not None and planned.others:
        names = ", ".join(one_line(name) for name in planned.others[:8])
        more = f" and {len(planned.others) - 8} more" if len(planned.others) > 8 else ""
        return f"there is no conversation {one_line(choice.lane)}, but {names}{more}."
    if planned.short:
        one = "a conversation needs at least two requests, since the first one is cold whatever it says"
        return f"{one}, and {'that one has' if len(planned.short) == 1 else 'these have'} fewer."
    if planned.unread:
        return f"no request has a prompt that can be read. {one_line(planned.why or '')}".rstrip()
    where = "the sources hold" if choice.sources else "the journal holds"
    of = f" of a conversation {one_line(choice.lane)}" if choice.lane is not None else ""
    since = " since then" if choice.since is not None else ""
    return f"{where} no request{of}{since} that carries a prompt."


def _settings(context: click.Context, typed: dict[str, Any]) -> Settings:
    outer: dict[str, Any] = context.find_root().obj
    upstream = typed.pop("upstream") or outer["upstream"]
    if upstream is None:
        raise click.UsageError(
            "Missing option '--upstream'. Replayed prompts push out what a server has cached, so that one is "
            "never taken from the settings."
        )
    if upstream.rstrip("/").endswith("/v1"):
        raise click.BadParameter(
            "the server's base address is needed, without /v1.", param_hint="'--upstream'"
        )
    return load(over(outer, {"upstream": upstream})).settings


def _key(name: str | None) -> str | None:
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        state = "is not set" if not key else "holds no API key: it has characters that no header can carry"
        raise click.BadParameter(f"the environment variable {name} {state}.", param_hint="'--api-key-env'")
    return key


def _csv(typed: dict[str, Any], choice: Choice) -> CsvFile | None:
    name: str | None = typed.pop("csv_file")
    if name is None:
        return None
    if name == "-" and typed["as_json"]:
        raise click.UsageError("--csv - and --json both want standard output. Name a file for one of them.")
    return CsvFile(name, choice.sources)


async def _met(settings: Settings, key: str | None) -> Upstream:
    client = ServerClient(settings.upstream, settings.connect_timeout, key)
    try:
        return await meet(client, _tell)
    finally:
        await client.close()


def _playing(
    settings: Settings, key: str | None, model: str | None, limits: Limits, report: Report
) -> Callable[[Callable[[Played], None]], None]:
    """What plays everything, and gives each result to whoever it is called with."""

    async def play(took: Callable[[Played], None]) -> None:
        client = ServerClient(settings.upstream, settings.connect_timeout, key)
        try:
            asking = Asking(report.max_tokens, model, await tools_at(client, model))
            counter = TokenCounter(client)
            counter.build = build_number(report.upstream.build_info)
            player = Player(client, asking, counter, limits, took, _tell)
            report.gone = await player.play(report.plan.conversations)
            report.uncounted = player.uncounted
        finally:
            await client.close()

    return lambda took: asyncio.run(play(took))


def _play(report: Report, play: Callable[[Callable[[Played], None]], None]) -> int:
    started = time.monotonic()
    try:
        with _watched(report) as took:
            play(took)
    except KeyboardInterrupt:
        report.gone = "It was interrupted: these are the figures until then."
        return _INTERRUPTED
    finally:
        report.seconds = time.monotonic() - started
    return 0 if report.complete else 1


@contextmanager
def _watched(report: Report) -> Iterator[Callable[[Played], None]]:
    """Takes results, with a progress bar where standard error is a terminal."""
    if not watched():
        yield report.played.append
        return
    bar = click.progressbar(
        length=report.prompts, label="playing", file=sys.stderr, show_pos=True, item_show_func=_shown
    )

    def took(one: Played) -> None:
        report.played.append(one)
        bar.update(1, one)

    with bar:
        bar.render_progress()
        yield took


def _shown(one: Played | None) -> str | None:
    return None if one is None else f"turn {one.turn}, {one.arm}"


def _print(report: Report, as_json: bool, csv_file: CsvFile | None) -> None:
    if csv_file is not None and csv_file.name == "-":
        click.echo(csv_text(report), nl=False)
    elif as_json:
        click.echo(json_text(report))
    else:
        for line in lines(report, output_width()):
            click.echo(line)
    if csv_file is not None and csv_file.name != "-":
        csv_file.write(csv_text(report))


def _tell(sentence: str) -> None:
    click.echo(sentence, err=True)
