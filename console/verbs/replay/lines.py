"""A replay as tables for a person: one for each conversation, of at most 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.cells import cell_len

from console.figures import UNKNOWN, count, duration, plural, sim
from console.verbs.replay.report import Report
from console.verdicts import one_line
from proxy_core.study.replay.conversations import ARMS, Arm, Conversation
from proxy_core.study.replay.figures import Measured, Row, Sums, sums

_HEAD = ("turn", "tokens", "reused", "sim", "ms", "reused", "sim", "ms", "ratio")
_RAW, _NORMALIZED, _RATIO = 2, 5, 8
"""Columns at which a group begins."""
_FINE_MS = 9.95
"""All times are shown with a decimal where one is shorter than this."""
_RULES = 6
"""Rules that are named; the others are counted."""


def lines(report: Report, columns: int | None = None) -> Iterator[str]:
    """The whole report.

    Args:
        report: What was found.
        columns: Width of the terminal; None where there is none, and no line is broken.
    """
    for fact in _head(report):
        yield from _wrapped(fact, columns)
    by_lane = report.rows()
    every = [row for found in by_lane.values() for row in found]
    fine = _fine(every)
    for one in report.plan.conversations:
        yield ""
        yield from _wrapped(_title(one), columns)
        yield ""
        found = by_lane.get(one.lane, [])
        yield from _table(found, fine)
        for sentence in _problems(found):
            yield from _wrapped(sentence, columns)
    yield ""
    if len(report.plan.conversations) > 1:
        yield "all conversations"
        yield ""
        yield from _columns([_HEAD, _sum_cells(sums(every), fine)])
        yield ""
    for sentence in _foot(report, every, fine):
        yield from _wrapped(sentence, columns)


def _head(report: Report) -> Iterator[str]:
    upstream = report.upstream
    facts = [f"{upstream.url}: build {upstream.build_info or upstream.build or UNKNOWN}"]
    facts.append(f"model {upstream.model or UNKNOWN}")
    slots = plural(upstream.slots, "slot") if upstream.slots is not None else f"slots {UNKNOWN}"
    facts += [slots, f"context {count(upstream.ctx)}"]
    yield one_line(", ".join(facts))
    edits = report.plan.edits.most_common()
    named = ", ".join(f"{rule} ({count(made)})" for rule, made in edits[:_RULES])
    more = f" and {plural(len(edits) - _RULES, 'other')}" if len(edits) > _RULES else ""
    made = f"edits by {one_line(named)}{more}" if edits else "none of them edits these requests"
    yield f"level {report.rules.level}, {plural(len(report.rules.enabled), 'rule')} on, {made}"
    of = plural(report.plan.requests, "request")
    conversations = plural(len(report.plan.conversations), "conversation")
    part = "" if len(report.played) == report.prompts else f"{count(len(report.played))} of "
    prompts = f"{part}{plural(report.prompts, 'prompt')} in {_span(report)}"
    yield f"{of} of {conversations}, both arms, {plural(report.rounds, 'round')}: {prompts}"
    out = "; ".join(report.left_out())
    if out:
        yield f"left out: {out}"


def _span(report: Report) -> str:
    return duration(report.seconds) if report.seconds >= 10 else f"{report.seconds:.1f} s"


def _title(one: Conversation) -> str:
    first, last = one.turns[0], one.turns[-1]
    return one_line(
        f"{one.lane}: {one.client or 'unknown client'}, {first.api}, {plural(len(one.turns), 'request')}, "
        f"{first.place} to {last.place}"
    )


def _table(found: Sequence[Row], fine: bool) -> Iterator[str]:
    body = [_cells(row, fine) for row in found]
    yield from _columns([_HEAD, *body, _sum_cells(sums(found), fine)])


def _cells(row: Row, fine: bool) -> tuple[str, ...]:
    tokens = row.raw.tokens if row.raw.tokens is not None else row.normalized.tokens
    last = "cold" if row.turn == 1 and tokens is not None else _times(row.ratio)
    return (
        str(row.turn),
        count(tokens),
        *_arm(row.raw, fine, row.problem("raw")),
        *_arm(row.normalized, fine, row.problem("normalized")),
        last,
    )


def _sum_cells(found: Sums, fine: bool) -> tuple[str, ...]:
    medians = (*_arm(found.raw, fine), *_arm(found.normalized, fine))
    return "median", count(found.raw.tokens), *medians, _times(found.ratio)


def _arm(found: Measured, fine: bool, problem: str | None = None) -> tuple[str, str, str]:
    if found.tokens is None and problem is not None:
        return "failed", UNKNOWN, UNKNOWN
    return count(found.reused), sim(found.sim), _ms(found, fine)


def _ms(found: Measured, fine: bool) -> str:
    if found.ms is None:
        return UNKNOWN
    return ("~" if found.clock == "answer" else "") + _number(found.ms, fine)


def _number(value: float, fine: bool) -> str:
    return f"{value:,.1f}".replace(",", " ") if fine else count(round(value))


def _fine(found: Sequence[Row]) -> bool:
    times = [arm.ms for row in found for arm in (row.raw, row.normalized) if arm.ms is not None]
    return min(times, default=_FINE_MS) < _FINE_MS


def _times(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:.2f}×" if value < 9.95 else f"{value:.1f}×" if value < 99.95 else f"{value:.0f}×"


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Rows with all cells to the right, below a line that names the groups."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    own = zip(widths[_RAW:_NORMALIZED], widths[_NORMALIZED:_RATIO], strict=True)
    widths[_RAW:_RATIO] = 2 * [max(pair) for pair in own]
    gaps = [0, *(3 if at in (_RAW, _NORMALIZED, _RATIO) else 2 for at in range(1, len(widths)))]
    starts = [sum(widths[:at]) + sum(gaps[: at + 1]) for at in range(len(widths))]
    yield f"{' ' * starts[_RAW]}raw".ljust(starts[_NORMALIZED]) + "normalized"
    for row in rows:
        yield "".join(
            " " * (gap + width - cell_len(cell)) + cell
            for gap, width, cell in zip(gaps, widths, row, strict=True)
        )


def _problems(found: Sequence[Row]) -> Iterator[str]:
    """What went wrong, once for turns that follow one another."""
    for arm in ARMS:
        troubled = [(row, problem) for row in found if (problem := row.problem(arm)) is not None]
        for problem, those in groupby(troubled, lambda pair: pair[1]):
            turns = [row for row, _ in those]
            yield f"{_turns(turns, arm)}: {one_line(problem)}"
        for row in found:
            notes = {one.note for one in row.played if one.arm == arm and one.note is not None}
            yield from (f"{_turns([row], arm)}: {note}" for note in notes)


def _turns(found: Sequence[Row], arm: Arm) -> str:
    first, last = found[0].turn, found[-1].turn
    which = f"turn {first}" if first == last else f"turns {first} to {last}"
    return f"{which}, {arm}"


def _foot(report: Report, every: Sequence[Row], fine: bool) -> Iterator[str]:
    of_all = sums(every)
    if of_all.turns:
        clocks = {of_all.raw.clock, of_all.normalized.clock}
        yield (
            f"Medians are over {plural(of_all.turns, 'turn')} measured in both arms, without the first one "
            "of a conversation: it is cold in both."
        )
        if of_all.raw_ms is not None and of_all.normalized_ms is not None:
            what = "Prompt eval" if clocks == {"prompt"} else "Whole answers"
            raw, normalized = (_number(ms, fine) for ms in (of_all.raw_ms, of_all.normalized_ms))
            yield f"{what} of these turns: {raw} ms raw, {normalized} ms normalized."
        if "answer" in clocks:
            yield "~ is the time of the whole answer: for this API the server tells no prompt eval time."
    for warning in report.warnings():
        yield f"warning: {warning}"


def _wrapped(text: str, columns: int | None) -> list[str]:
    """A sentence in lines that fit, broken between words; a word that is too long stays whole."""
    if columns is None:
        return [text]
    return textwrap.wrap(
        text, columns, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
