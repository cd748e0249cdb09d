"""A verdict as captures carry it. The one place where they know what a diagnosis is made of."""

from __future__ import annotations

from proxy_core.captures.captured import Figures, Finding, Hint
from proxy_core.exchange import Record
from proxy_core.verdict import Diagnosis, Verdict


def finding(verdict: Verdict) -> Finding:
    """A verdict in words."""
    return Finding(
        cause=verdict.cause,
        detail=verdict.detail,
        side=verdict.side,
        predicted=verdict.predicted,
        evidence=verdict.evidence,
        advice=tuple(Hint(item.what, item.why, item.kind) for item in verdict.advice),
    )


def figures(record: Record) -> Figures:
    """All figures of a record: measured ones, and those of its diagnosis."""
    told: Diagnosis | None = record.diagnosis
    return Figures(
        prompt_tokens=record.prompt_tokens,
        cached_n=record.cached_n,
        prompt_n=record.prompt_n,
        prompt_ms=record.prompt_ms,
        sim=record.sim,
        f_keep=record.f_keep,
        total_ms=record.total_ms,
        lost_n=told.lost_n if told else None,
        lost_ms=told.lost_ms if told else None,
        saved_n=told.saved_n if told else None,
        saved_ms=told.saved_ms if told else None,
    )
