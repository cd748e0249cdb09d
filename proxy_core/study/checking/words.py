"""A check in words: what every form of the report says."""

from __future__ import annotations

from collections.abc import Iterator

from proxy_core.captures import bundle
from proxy_core.diagnosis.words import count, plural
from proxy_core.study.checking.report import Apart, Report, Turn
from proxy_core.verdict import Divergence, Excerpt
from proxy_core.visible import visible

_MOST_SHARED = 2
"""Lines above the place that are shown."""
_MOST_LINES = 4
"""Of either side."""
_AROUND = 60
"""Characters of the line before what changed, and behind it: nothing should hide that."""
_GUTTER = "│ "
"""Stands before foreign text: no line begins with it, so that none is taken for a command by a CI runner."""

_APART: dict[Apart, str] = {
    "first": "first of {their} conversation",
    "midway": "with a history that is not here: {their} first turns are missing, or began otherwise",
    "error": "answered by an error",
    "foreign": "of an API whose prompts kvconsole does not read",
}


def where(divergence: Divergence) -> str:
    """Where two prompts part, in a line."""
    if divergence.how == "rendered":
        return "the messages came again as they were, but the chat template makes another text of them"
    return bundle.where(divergence)


def percent(share: float | None) -> str:
    """A share in per cent with one decimal, never rounded up: what is below a limit also reads so."""
    if share is None:
        return bundle.UNKNOWN
    # What a division leaves in the 16th digit is no tenth of a per cent.
    tenths = int(share * 1000 + 1e-9)
    return f"{min(tenths, 999 if share < 1 else 1000) / 10:.1f} %"


def limit(share: float) -> str:
    """What is wanted, as it was typed: `95 %`."""
    return f"{100 * share:.6g} %"


def headline(turn: Turn) -> str:
    """What happened, in a line."""
    return (
        f"{turn.cause}: {turn.where}" if turn.cause else turn.where or "the earlier prompt comes again whole"
    )


def sentence(turn: Turn, min_reuse: float) -> str:
    """How much of what comes again, and how much is wanted."""
    share = f"{percent(turn.reuse)} of the earlier prompt"
    if turn.unit == "tokens":
        share = f"{count(turn.shared)} of the {plural(turn.whole, 'token')} of the earlier prompt"
        share = f"{percent(turn.reuse)}, {share},"
    at = f" They part at character {count(turn.offset)} of that place." if turn.offset else ""
    return (
        f"{share} come{'s' if turn.unit == 'bytes' else ''} again as the beginning of this one; "
        f"{limit(min_reuse)} is wanted.{at} Compared with {turn.before.place}."
    )


def excerpt_lines(excerpt: Excerpt | None) -> list[str]:
    """The text around a divergence: what is the same, then `-` how it went on, and `+` how it goes on now.

    What changed stands in `[-…-]` and `{+…+}`. Nothing in it is hidden, and no line begins with foreign text.
    """
    if excerpt is None:
        return []
    *above, begun = visible(excerpt.shared).split("\n")
    lines = [f"  {_GUTTER}{text}" for text in above[-_MOST_SHARED:]]
    sides = (
        ("- ", "[-{}-]", excerpt.previous, excerpt.previous_rest),
        ("+ ", "{{+{}+}}", excerpt.current, excerpt.current_rest),
    )
    tail = begun if len(begun) <= _AROUND else f"…{begun[-_AROUND:]}"
    for sign, mark, run, rest in sides:
        lines += _side(sign, tail, mark.format(visible(run)) if run else "", _cut(visible(rest)))
    return lines


def _cut(text: str) -> str:
    return text if len(text) <= _AROUND else f"{text[:_AROUND]}…"


def _side(sign: str, begun: str, run: str, rest: str) -> Iterator[str]:
    if not (begun or run or rest):
        yield f"{sign}{_GUTTER}(nothing)"
        return
    texts = f"{begun}{run}{rest}".split("\n")
    if len(texts) > _MOST_LINES:
        texts = [*texts[: _MOST_LINES - 1], "…"]
    yield from (f"{sign if n == 0 else '  '}{_GUTTER}{text}" for n, text in enumerate(texts))


def result(report: Report) -> str:
    """What came out, in a sentence."""
    if not report.turns:
        return nothing(report)
    failed, allowed = len(report.of("fail")), len(report.of("allowed"))
    told = f"{plural(len(report.turns), 'turn')} compared: {len(report.of('pass'))} passed, {failed} failed"
    return (
        f"{told}, {allowed} allowed; reuse: median {percent(report.median)}, worst {percent(report.worst)}."
    )


def nothing(report: Report) -> str:
    """Why there was nothing to compare, and what to do."""
    lane = report.wanted.lane
    if lane is not None and lane not in report.lanes:
        known = ", ".join(map(bundle.one_line, report.lanes[:10]))
        others = f" Known: {known}." if known else ""
        return f"Nothing was compared: there is no conversation {bundle.one_line(lane)} here.{others}"
    if not report.apart and not report.unread_count:
        return "Nothing was compared: there is no request to a language model."
    return (
        "Nothing was compared: no request goes on from an earlier one. Record at least two turns of a "
        "conversation."
    )


def not_compared(report: Report) -> str:
    """What was not compared, in a sentence; empty where there is nothing of the kind."""
    told = [
        f"{count(number)} {_APART[why].format(their='its' if number == 1 else 'their')}"
        for why in _APART
        if (number := report.apart.get(why, 0))
    ]
    return f"Not compared: {', '.join(told)}." if told else ""


def not_checked(report: Report) -> str:
    """How much could not be read, in a sentence; empty where all could."""
    number = report.unread_count
    if not number:
        return ""
    return f"Not checked: {plural(number, 'request')} could not be read, so the check fails."
