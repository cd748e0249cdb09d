"""Verdicts as a person reads them: a sign, words and a colour, since colour alone says nothing to some."""

from __future__ import annotations

from typing import Literal

from console import figures
from proxy_core.exchange import Record
from proxy_core.progress import Progress
from proxy_core.verdict import SIDE_OF, Cause, Side, Verdict
from proxy_core.visible import visible

Tone = Literal["good", "fair", "poor", "mark", "quiet"]

COLOUR: dict[Tone, str] = {
    "good": "$reuse-good",
    "fair": "$reuse-fair",
    "poor": "$reuse-poor",
    "mark": "$chart-mark",
    "quiet": "$chart-axis",
}
"""The theme's variable for each tone."""

_SIDES: dict[Side, tuple[str, Tone, str]] = {
    "client": ("✗", "poor", "the client's doing"),
    "server": ("▲", "fair", "the server's doing"),
    "rules": ("↻", "mark", "a switched rule's doing"),
    "nobody": ("·", "quiet", ""),
}

_CAUSES: dict[Cause, tuple[str, Tone, str]] = {
    "healthy": ("✓", "good", ""),
    "cold start": ("·", "quiet", ""),
    "cancelled": ("✕", "fair", "the client hung up"),
    "unknown": ("?", "quiet", ""),
}
"""Those that do not look like the others of their side."""

PREDICTED = "~"
"""Stands before what rests on the prompts alone, because nobody measured it."""


def sign(cause: Cause) -> str:
    """One character that says whose doing it was: `✓ · ✗ ▲ ↻ ✕ ?`."""
    return _look(cause)[0]


def tone(cause: Cause) -> Tone:
    """The colour that goes with the sign."""
    return _look(cause)[1]


def whose(cause: Cause) -> str:
    """Whose doing it was, in words; empty where it was nobody's."""
    return _look(cause)[2]


def line(verdict: Verdict) -> str:
    """The verdict on one line: `✗ system changed: Inbound Context`, `✗ ~tools changed` when predicted."""
    mark = PREDICTED if verdict.predicted else ""
    # A detail of this cause names the request that was cancelled, which is the one before.
    after = verdict.cause == "cancelled" and verdict.detail
    headline = f"after a cancel: {verdict.detail}" if after else verdict.headline
    return f"{sign(verdict.cause)} {mark}{one_line(headline)}"


def standing(record: Record) -> tuple[str, Tone | None]:
    """How a turn stands and in which tone: its progress, its trouble, or its verdict once there is one."""
    exchange, verdict = record.exchange, record.diagnosis.verdict if record.diagnosis else None
    if exchange is None:
        turn = record.turn
        if turn is not None and turn.error is not None:
            return "! refused", "poor"
        if turn is not None and turn.cancelled:
            return "✕ cancelled", "fair"
        return (line(verdict), tone(verdict.cause)) if verdict else ("· direct", None)
    match exchange.status:
        case "waiting":
            return (_progress(record.progress), None) if record.progress else ("○ waiting", "quiet")
        case "streaming":
            return (_progress(record.progress), None) if record.progress else ("◐ streaming", "quiet")
        case "error":
            return f"! error {exchange.http_status or ''}".rstrip(), "poor"
        case "cancelled":
            return "✕ cancelled", "fair"
        case "done":
            if verdict is not None:
                return line(verdict), tone(verdict.cause)
            return ("✓ untouched" if is_untouched(record) else "✓ done"), None


def is_untouched(record: Record) -> bool:
    """Whether the rules could not read a request."""
    note = record.exchange.note if record.exchange else None
    return (note or "").startswith("forwarded untouched")


def progress(at: Progress) -> str:
    """How far a prompt is: `43 % · 12s left`, or the tokens where nobody knows how many there are."""
    if at.share is None:
        total = "" if at.total is None else f" of {figures.tokens_short(at.total)}"
        return f"{figures.tokens_short(at.done)}{total} tokens"
    to_go = "" if at.seconds_left is None else f" · {left(at.seconds_left)} left"
    return f"{figures.share(at.share)}{to_go}"


def left(seconds: float) -> str:
    """The time that is left; what is not over yet takes no 0 seconds."""
    return figures.duration(seconds) if seconds >= 1 else "<1s"


def one_line(text: str) -> str:
    """Foreign text as one line that is safe to show."""
    return visible(text).replace("\n", "␊")


def _progress(at: Progress) -> str:
    return f"◐ {progress(at)}"


def _look(cause: Cause) -> tuple[str, Tone, str]:
    return _CAUSES.get(cause) or _SIDES[SIDE_OF[cause]]
