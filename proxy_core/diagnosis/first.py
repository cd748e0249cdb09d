"""A turn without another one to compare it with."""

from __future__ import annotations

from proxy_core.diagnosis.amounts import Amounts
from proxy_core.diagnosis.facts import Facts
from proxy_core.diagnosis.from_log import from_log
from proxy_core.diagnosis.words import count
from proxy_core.verdict import Cause

_WARM = 0.9
"""Share of a prompt from which on a first request was no cold start, whoever warmed the slot."""

Found = tuple[Cause, str, list[str]]


def first(facts: Facts, found: Amounts) -> Found:
    """Cause, detail and evidence.

    The first request that kvconsole sees of a conversation need not be its first: where what a slot held goes
    on, nothing was cold.
    """
    exchange = facts.record.exchange
    alone = from_log(facts.record)
    if exchange is not None and exchange.lane is None:
        # Nobody reads such a prompt, so it may be of any conversation.
        return alone
    evidence = [f"{facts.why_none or 'Nothing is known of a request before it'}."]
    if found.reused and found.reused > found.slack:
        whose = "another prompt" if facts.holder is None else f"the prompt of request {facts.holder}"
        evidence.append(f"{count(found.reused)} tokens came from the cache: {whose} begins alike.")
        if alone[0] == "healthy" or (found.tokens is not None and found.reused >= _WARM * found.tokens):
            return "healthy", "", evidence
    return "cold start", "", evidence
