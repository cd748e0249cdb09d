"""Why a turn went as it did, in sections of lines: what, where, what to do, and what stands behind it."""

from __future__ import annotations

from dataclasses import dataclass, field

from textual.content import Content

from console import figures
from console.verdicts import COLOUR, line, one_line, progress, tone, whose
from console.widgets.excerpt_lines import excerpt_lines
from console.widgets.turn_columns import moment
from console.widgets.wrapped import QUIET, STRONG, prose, spread
from proxy_core.diagnosis.words import BECAME
from proxy_core.exchange import Record
from proxy_core.rules import RuleSet
from proxy_core.verdict import Advice, Diagnosis, Divergence

Lines = list[Content]

_HOW_KNOWN = {"structure": "predicted from the text", "tokens": "predicted by counting tokens"}

LET_RULES_WORK = "b"
"""The key that is advised while rules are bypassed. It is a switch: pressed once more, it bypasses them."""

"""Where a sentence calls a request by its number."""

_BAR = 40
"""Cells of the bar of a prompt that is being evaluated."""


@dataclass(frozen=True)
class Case:
    """A turn to explain, and what stands around it."""

    record: Record
    previous: Record | None = None
    """The record that it is compared with, while that is kept."""
    rules: RuleSet = field(default_factory=RuleSet)
    bypass: bool = False
    log_seen: bool = True
    """Whether any line of a log has come in."""

    @property
    def diagnosis(self) -> Diagnosis | None:
        """What is known of it."""
        return self.record.diagnosis

    @property
    def switchable(self) -> tuple[str, ...]:
        """What is advised of rules that are there: a rule, or several that help together (`a, b`)."""
        advice = self.diagnosis.verdict.advice if self.diagnosis else ()
        rules = (a.what for a in advice if a.kind == "rule")
        known = (what for what in rules if all(self.rules.get(rule) is not None for rule in rule_ids(what)))
        return tuple(dict.fromkeys(known))

    def is_on(self, what: str) -> bool:
        """Whether every rule of an advice is on."""
        return self.rules.enabled.issuperset(rule_ids(what))


def rule_ids(what: str) -> tuple[str, ...]:
    """The rules that an advice names."""
    return tuple(what.split(", "))


def summary(case: Case, width: int) -> Lines:
    """The headline, and what it cost; for a turn without a diagnosis, why there is none."""
    diagnosis = case.diagnosis
    if diagnosis is None:
        return prose(_undiagnosed(case.record), width) + _bar(case.record, width)
    verdict = diagnosis.verdict
    title = Content.styled(line(verdict), f"bold {COLOUR[tone(verdict.cause)]}")
    lines = [
        part
        for piece in spread(title, Content.styled(whose(verdict.cause), QUIET), width)
        for part in prose(piece, width)
    ]
    if verdict.predicted:
        lines += prose("Predicted: nobody measured what was reused.", width)
    for sentence in _cost(diagnosis):
        lines += prose(sentence, width)
    return lines


def where(case: Case, width: int) -> Lines:
    """The place where the prompt left its predecessor, with the changed characters."""
    diagnosis = case.diagnosis
    if diagnosis is None:
        return []
    # Of an earlier run's turn it is known where it left a request that is no longer kept.
    compared = diagnosis.predecessor is not None or case.record.recalled
    if diagnosis.normalized is None or not compared:
        why = _sentence(diagnosis.why_none or "There is no earlier request to compare it with.")
        return [Content.styled("where", STRONG), *prose(one_line(why), width)]
    lines = [Content.styled(f"where it left {_named(case)}", STRONG)]
    left, raw = diagnosis.normalized, diagnosis.raw
    if left.how != "extended":
        return lines + _place(left, width)
    lines = [Content.styled("where", STRONG)]
    lines += prose(f"Nowhere: {_named(case)} is whole in this one.", width)
    if raw is not None and raw.how != "extended":
        lines += [Content(""), Content.styled("what rules held off", STRONG), *_place(raw, width)]
    return lines


def advice(case: Case, width: int, marked: str | None) -> Lines:
    """What to do; the rule that space would switch is marked."""
    given = case.diagnosis.verdict.advice if case.diagnosis else ()
    if not given:
        return []
    lines = [Content.styled("what to do", STRONG)]
    for item in given:
        lines += spread(*_thing(item, case, marked), width)
        lines += prose(Content.styled(one_line(item.why), QUIET), width, first="    ", indent=4)
    if case.bypass and any(item.kind == "rule" for item in given):
        lines += prose("All rules are bypassed: b lets them work again.", width)
    return lines


def evidence(case: Case, width: int) -> Lines:
    """What speaks for the verdict, the strongest first."""
    if case.diagnosis is None:
        return []
    # What stands below "where" already is not said twice.
    said = _sentence(case.diagnosis.why_none or "")
    told = [sentence for sentence in case.diagnosis.verdict.evidence if _sentence(sentence) != said]
    if not told:
        return []
    lines = [Content.styled("evidence", STRONG)]
    for sentence in told:
        lines += prose(one_line(sentence), width, first="· ", indent=2)
    return lines


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _undiagnosed(record: Record) -> str:
    exchange = record.exchange
    if exchange is None:
        return (
            "This turn did not come through kvconsole: its prompt is unknown, and only the log tells of it."
        )
    if record.open:
        if record.progress is None:
            return "This turn is under way. It is explained when it has ended."
        of = "the log" if record.progress.source == "log" else "GET /slots"
        return f"The prompt is being evaluated, says {of}. It is explained when its answer has ended."
    if exchange.note:
        return one_line(exchange.note)
    if record.recalled:
        return "This turn was not explained before its kvconsole ended."
    return "This turn has not been explained yet."


def _bar(record: Record, width: int) -> Lines:
    """How far the prompt is, drawn and in words."""
    at = record.progress
    if not record.open or at is None:
        return []
    lines = [Content("")]
    if at.share is not None:
        cells = min(_BAR, width)
        done = round(min(1.0, max(0.0, at.share)) * cells)
        lines.append(Content.assemble(("█" * done, "$chart-measure"), ("░" * (cells - done), QUIET)))
    lines += prose(progress(at), width)
    if at.share is not None:
        of = "" if at.total is None else f" of {figures.count(at.total)}"
        lines += prose(Content.styled(f"{figures.count(at.done)}{of} tokens are in the slot", QUIET), width)
    return lines


def _cost(diagnosis: Diagnosis) -> list[str]:
    """Lost, saved, and what it would have been without rules."""
    sentences: list[str] = []
    lost, saved, raw = diagnosis.lost_n, diagnosis.saved_n, diagnosis.predicted_raw
    if lost:
        sentences.append(
            f"Lost {figures.plural(lost, 'token')}{_about(diagnosis.lost_ms)}: they were in the cache, "
            "and were evaluated again."
        )
    elif lost is None and diagnosis.verdict.side in ("client", "server", "rules"):
        sentences.append("What was lost is unknown.")
    if saved:
        sentences.append(f"Rules saved {figures.plural(saved, 'token')}{_about(diagnosis.saved_ms)}.")
    if saved and raw is not None:
        of = "" if raw.of is None else f" of {figures.count(raw.of)}"
        how = _HOW_KNOWN[raw.source]
        sentences.append(
            f"Without rules it would have reused {figures.count(raw.tokens)}{of} tokens ({how})."
        )
    return sentences


def _about(ms: float | None) -> str:
    return "" if ms is None else f", about {figures.ms(ms)}"


def _named(case: Case) -> str:
    """The request that it is compared with: `request 126, 20:50:01`."""
    number = case.diagnosis.predecessor if case.diagnosis else None
    if number is None:
        return "the request before (no longer kept)"
    at = f", {moment(case.previous)}" if case.previous is not None and case.previous.at else ""
    return f"request {number}{at}"


def _place(left: Divergence, width: int) -> Lines:
    """The component, what became of it, and the text there."""
    name = one_line(left.name) or "the prompt"
    lines = prose(f"{name}: {BECAME[left.how]}", width)
    known = one_line(", ".join(left.names)) if left.names else one_line(left.detail)
    if known and known not in name:
        lines += prose(Content.styled(known, QUIET), width)
    if left.previous_size:
        share = figures.share(left.shared / left.previous_size)
        at = f", at its character {figures.count(left.offset)}" if left.offset else ""
        lines += prose(Content.styled(f"after {share} of the text{at}", QUIET), width)
    return lines + (excerpt_lines(left.excerpt, width) if left.excerpt is not None else [])


def _thing(item: Advice, case: Case, marked: str | None) -> tuple[Content, Content]:
    """What to do on one line, and at its end the key that does it, or that it is done."""
    what = one_line(item.what)
    if item.kind != "rule":
        done = item.what == LET_RULES_WORK and not case.bypass
        head = Content.assemble(f"  {_place_of(item)}  ", (what, STRONG))
        return head, Content.styled("done: the rules work" if done else "", QUIET)
    on, here = case.is_on(item.what), item.what == marked
    name = Content.assemble(("▸ " if here else "  ", "$accent"), f"{'■' if on else '□'} ", (what, STRONG))
    if on:
        return name, Content.styled("on · space undoes it" if here else "on by now", QUIET)
    return name, Content.styled("space switches it on" if here else "", QUIET)


def _place_of(item: Advice) -> str:
    """Where it is done."""
    if item.kind == "kvconsole":
        return "key" if item.what == LET_RULES_WORK else "shell"
    return "llama-server" if item.kind == "flag" else item.kind
