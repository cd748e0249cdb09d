"""The figures of a turn, each with its source: measured, derived, predicted, or unknown and why."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len
from textual.content import Content

from console import figures
from console.verdicts import one_line
from console.widgets.why_lines import Case, Lines
from console.widgets.wrapped import QUIET, STRONG, clipped
from proxy_core.exchange import Figure, Source
from proxy_core.verdict import Predicted

_SOURCES: dict[Source, str] = {
    "answer": "measured (answer)",
    "log": "measured (log)",
    "derived": "derived (log)",
}
_PREDICTED = {"structure": "predicted (text)", "tokens": "predicted (tokens)"}
_LABEL, _VALUE, _BESIDE = 13, 8, 10
_LOG_ONLY: tuple[Figure, ...] = ("sim", "f_keep")


class _Row(NamedTuple):
    label: str
    value: str
    beside: str
    """A share, or how far off a prediction was."""
    source: str


def figure_lines(case: Case, width: int) -> Lines:
    """A line a figure; what is unknown says why. While the turn is under way there are none."""
    if case.record.open:
        return []
    return [
        Content.styled("figures", STRONG),
        *(_line(row, width) for row in (*_measured(case), *_predicted(case))),
        *_kept(case, width),
    ]


def _kept(case: Case, width: int) -> Lines:
    """The name by which verbs know the request: longer than a figure."""
    name = case.record.name
    if name is None:
        return []
    shown = clipped(one_line(name), width - _LABEL)
    left = f"{'journal':<{_LABEL}}{shown}"
    gap = " " * max(2, _LABEL + _VALUE + 2 + _BESIDE - cell_len(left))
    when = gap + "of an earlier run" if case.record.recalled else ""
    return [Content.assemble(left, (clipped(when, width - cell_len(left)), QUIET))]


def _measured(case: Case) -> list[_Row]:
    record = case.record
    share = "" if record.reused is None else figures.share(record.reused)
    known = "tokens" if record.prompt_tokens is not None else ""
    rows = [
        _Row("prompt", figures.count(record.prompt_tokens), known, _source(case, "prompt_tokens")),
        _Row("reused", figures.count(record.cached_n), share, _source(case, "cached_n")),
        _Row("evaluated", figures.count(record.prompt_n), "", _source(case, "prompt_n")),
        _Row("prompt eval", figures.ms(record.prompt_ms), "", _source(case, "prompt_ms")),
        _Row("sim_best", figures.sim(record.sim), "", _source(case, "sim")),
        _Row("f_keep", figures.sim(record.f_keep), "", _source(case, "f_keep")),
    ]
    turn = record.turn
    if turn is not None and turn.similarity is not None:
        # What builds before b6723 log is another measure, so it has a name and a line of its own.
        rows.append(_Row("similarity", figures.sim(turn.similarity), "", "an older measure"))
    if turn is not None and turn.slot is not None:
        rows.append(_Row("slot", str(turn.slot), "", _SOURCES["log"]))
    return rows


def _source(case: Case, figure: Figure) -> str:
    source = case.record.source(figure)
    if source is not None:
        return _SOURCES[source]
    if figure in _LOG_ONLY and case.record.recalled:
        # Whether there was a log then is not known.
        return "unknown: not logged"
    if figure in _LOG_ONLY:
        return "unknown: not in log" if case.log_seen else "unknown: no log"
    return "unknown: not told"


def _predicted(case: Case) -> list[_Row]:
    diagnosis = case.diagnosis
    if diagnosis is None:
        return []
    rows = []
    if diagnosis.predicted is not None:
        rows.append(_prediction("to be reused", diagnosis.predicted, case.record.cached_n))
    elif diagnosis.predecessor is not None:
        rows.append(_Row("to be reused", figures.UNKNOWN, "", "unknown: not counted"))
    if diagnosis.predicted_raw is not None:
        # Without rules nothing was measured, unless no rule changed anything.
        rows.append(_prediction("without rules", diagnosis.predicted_raw, None))
    return rows


def _prediction(label: str, predicted: Predicted, measured: int | None) -> _Row:
    beside = figures.share(predicted.tokens / predicted.of) if predicted.of else ""
    if measured is not None:
        off = abs(predicted.tokens - measured)
        beside = f"off {figures.tokens_short(off)}" if off else "exact"
    return _Row(label, figures.count(predicted.tokens), beside, _PREDICTED[predicted.source])


def _line(row: _Row, width: int) -> Content:
    left = f"{row.label:<{_LABEL}}{row.value:>{_VALUE}}  {row.beside:<{_BESIDE}}"
    return Content.assemble(left, (clipped(row.source, width - len(left)), QUIET))
