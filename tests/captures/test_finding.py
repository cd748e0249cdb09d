"""A verdict and figures as captures carry them."""

from __future__ import annotations

from proxy_core.captures.captured import Figures, Finding, Hint
from proxy_core.captures.finding import figures, finding
from proxy_core.exchange import Exchange, Record
from proxy_core.llama.answer import Answer
from proxy_core.verdict import Advice, Diagnosis, Verdict

_VERDICT = Verdict("system changed", "Clock", ("It changed.",), (Advice("rule", "any.clock", "It helps."),))


def test_a_verdict_in_words() -> None:
    told = finding(_VERDICT)
    assert told == Finding(
        "system changed",
        "Clock",
        "client",
        False,
        ("It changed.",),
        (Hint("any.clock", "It helps.", "rule"),),
    )
    assert told.headline == _VERDICT.headline


def test_figures_of_a_record() -> None:
    answer = Answer(prompt_n=10, cached_n=90, prompt_ms=5.0)
    exchange = Exchange("POST", "/v1/chat/completions", "chat", "chat", True, answer=answer, total_ms=7.0)
    record = Record(1, None, exchange, diagnosis=Diagnosis(_VERDICT, lost_n=3, saved_ms=1.5))
    told = figures(record)
    assert (told.prompt_n, told.cached_n, told.prompt_ms, told.total_ms) == (10, 90, 5.0, 7.0)
    assert (told.lost_n, told.saved_ms, told.sim) == (3, 1.5, None)


def test_what_is_unknown_stays_unknown() -> None:
    assert figures(Record(1, None)) == Figures()
