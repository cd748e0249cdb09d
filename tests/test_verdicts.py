"""Verdicts in words: each cause has a sign and a tone, so that nothing is told by colour alone."""

from __future__ import annotations

from typing import get_args

import pytest

from console.verdicts import COLOUR, left, line, sign, standing, tone, whose
from proxy_core.exchange import Exchange, Record, Status
from proxy_core.llama.turns import Turn
from proxy_core.progress import Progress
from proxy_core.verdict import CAUSES, SIDE_OF, Cause, Diagnosis, Side, Verdict

SIGNS: dict[Side, str] = {"client": "✗", "server": "▲", "rules": "↻"}
OWN: dict[Cause, str] = {"healthy": "✓", "cold start": "·", "cancelled": "✕", "unknown": "?"}


def record(
    status: Status, verdict: Verdict | None = None, *, at: Progress | None = None, http: int = 200
) -> Record:
    exchange = Exchange("POST", "/x", "chat", "chat", True, status=status, http_status=http)
    return Record(1, 1.0, exchange, None, progress=at, diagnosis=Diagnosis(verdict) if verdict else None)


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_has_a_look(cause: Cause) -> None:
    assert sign(cause) == OWN.get(cause, SIGNS.get(SIDE_OF[cause]))
    assert tone(cause) in COLOUR
    if SIDE_OF[cause] != "nobody":
        assert whose(cause)


def test_sides_differ_in_sign_and_in_tone() -> None:
    looks = {
        (sign(c), tone(c)) for c in ("system changed", "slot taken", "rule flipped", "healthy", "unknown")
    }
    assert len({s for s, _ in looks}) == len({t for _, t in looks}) == 5


def test_a_verdict_on_one_line() -> None:
    assert line(Verdict("healthy")) == "✓ healthy"
    assert line(Verdict("system changed", "Inbound Context")) == "✗ system changed: Inbound Context"
    assert line(Verdict("evicted", predicted=True)) == "▲ ~evicted"
    assert line(Verdict("tools changed", "a\nb\x1b[31m")) == "✗ tools changed: a␊b␛[31m"


@pytest.mark.parametrize("status", get_args(Status))
def test_a_turn_that_has_no_verdict_says_how_it_stands(status: Status) -> None:
    text, _ = standing(record(status))
    assert text.split()[1] == status


def test_the_verdict_takes_the_place_of_done_alone() -> None:
    verdict = Verdict("system changed", "Tools")
    assert standing(record("done", verdict)) == ("✗ system changed: Tools", "poor")
    assert standing(record("cancelled", verdict)) == ("✕ cancelled", "fair")
    assert standing(record("error", verdict, http=502)) == ("! error 502", "poor")
    assert standing(record("waiting", verdict))[0] == "○ waiting"


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (Progress(9_100, 19_600, 0.43, 12.0, "log"), "◐ 43 % · 12s left"),
        (Progress(9_100, 19_600, 0.43, None, "slots"), "◐ 43 %"),
        (Progress(9_100, None, None, None, "slots"), "◐ 9.1k tokens"),
        (Progress(9_100, 19_600, None, None, "slots"), "◐ 9.1k of 19.6k tokens"),
    ],
)
def test_progress_while_a_prompt_is_evaluated(at: Progress, text: str) -> None:
    assert standing(record("waiting", at=at)) == (text, None)
    assert standing(record("streaming", at=at)) == (text, None)
    assert standing(record("done", at=at))[0] == "✓ done"


def test_turns_from_the_log_alone() -> None:
    verdict = Diagnosis(Verdict("cold start"))
    assert standing(Record(1, None, None, Turn(slot=0, task=1)))[0] == "· direct"
    assert standing(Record(1, None, None, Turn(slot=0, task=1), diagnosis=verdict))[0] == "· cold start"
    assert standing(Record(1, None, None, Turn(slot=0, task=1, cancelled=True)))[0] == "✕ cancelled"
    assert standing(Record(1, None, None, Turn(slot=0, task=1, error="context")))[0] == "! refused"


def test_what_is_not_over_takes_no_0_seconds() -> None:
    assert [left(seconds) for seconds in (0.0, 0.9, 1.0, 72.0)] == ["<1s", "<1s", "1s", "1m12s"]


def test_a_turn_after_a_cancelled_one_does_not_look_cancelled() -> None:
    after = Verdict("cancelled", "request 19 stopped at 34 655 tokens")
    assert line(after) == "✕ after a cancel: request 19 stopped at 34 655 tokens"
    assert standing(record("done", after))[0] == line(after)
    assert (
        standing(record("cancelled", Verdict("cancelled")))[0] == line(Verdict("cancelled")) == "✕ cancelled"
    )
