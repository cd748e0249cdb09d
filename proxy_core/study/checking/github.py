"""A check as annotations of GitHub Actions, and as a table for the summary of a job.

Workflow commands: https://docs.github.com/actions/reference/workflow-commands-for-github-actions. Values are
escaped as GitHub's own toolkit does it (`packages/core/src/command.ts`): `%`, CR and LF everywhere, `:` and
`,` in properties as well.
"""

from __future__ import annotations

import os
from pathlib import Path

from proxy_core.captures.markdown import escaped
from proxy_core.study.checking import words
from proxy_core.study.checking.report import Report, Spot, Turn
from proxy_core.visible import visible

_MOST_ROWS = 50
"""Of the table: a job's summary takes 1 MB."""
_TITLE = "Prompt cache"
_RESULTS = {"fail": "failed", "allowed": "allowed", "pass": "passed"}


def log(report: Report, root: str = os.curdir) -> str:
    """A line for each turn that failed or was allowed and each request that was not read, then a summary.

    GitHub shows ten errors, ten warnings and ten notices of a step at most; its log has all of them.

    Args:
        report: What the check found.
        root: The folder from which GitHub names files: that of the checkout, wherever a step works in it.
    """
    lines = [_turn(turn, report.wanted.min_reuse, root) for turn in report.turns if turn.result != "pass"]
    lines += [
        _command("warning", one.spot, f"{_TITLE}: not checked", f"{one.spot.place}: {one.reason}", root)
        for one in report.unread
    ]
    if not report.turns:
        lines.append(_command("error", None, f"{_TITLE}: nothing compared", words.nothing(report), root))
    told = [words.result(report)] if report.turns else []
    told += filter(None, (words.not_compared(report), words.not_checked(report)))
    return "\n".join([*lines, *told]) + "\n"


def summary(report: Report) -> str:
    """The same as Markdown, short."""
    head = "passed" if report.fine else "failed"
    parts = [f"### Prompt cache check {head}\n", f"{escaped(words.result(report))}\n"]
    rest = [words.not_compared(report), words.not_checked(report)]
    parts += [f"{escaped(text)}\n" for text in rest if text]
    rows = [turn for turn in report.turns if turn.result != "pass"]
    if rows:
        lines = [
            "| turn | conversation | reuse | result | first divergence |",
            "| --- | --- | ---: | --- | --- |",
        ]
        lines += map(_row, rows[:_MOST_ROWS])
        parts.append("\n".join(lines) + "\n")
    if len(rows) > _MOST_ROWS:
        parts.append(f"{len(rows) - _MOST_ROWS} more are in the log.\n")
    return "\n".join(parts)


def _row(turn: Turn) -> str:
    cells = (
        turn.spot.place,
        turn.lane,
        words.percent(turn.reuse),
        _RESULTS[turn.result],
        words.headline(turn),
    )
    return f"| {' | '.join(map(escaped, cells))} |"


def _turn(turn: Turn, min_reuse: float, root: str) -> str:
    kind = "error" if turn.result == "fail" else "notice"
    title = f"{_TITLE}: {turn.cause or 'less reuse'}" + (" (allowed)" if turn.result == "allowed" else "")
    lines = [words.headline(turn), words.sentence(turn, min_reuse), *words.excerpt_lines(turn.excerpt)]
    return _command(kind, turn.spot, title, f"{turn.spot.place}: " + "\n".join(lines), root)


def _command(kind: str, spot: Spot | None, title: str, message: str, root: str) -> str:
    properties: list[tuple[str, str]] = []
    if spot is not None and spot.file is not None:
        properties.append(("file", _relative(spot.file, root)))
        if spot.line is not None:
            properties.append(("line", str(spot.line)))
    properties.append(("title", title))
    told = ",".join(f"{name}={_property(value)}" for name, value in properties)
    return f"::{kind} {told}::{_data(visible(message))}"


def _relative(name: str, root: str) -> str:
    """The file as seen from a folder, where it is below that."""
    path = os.path.relpath(name, root)
    return name if path.startswith(os.pardir) else Path(path).as_posix()


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(visible(text)).replace(":", "%3A").replace(",", "%2C")
