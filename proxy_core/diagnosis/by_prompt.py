"""Causes that lie in the prompt: the client sent something else than before, or a rule was switched."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from proxy_core.diagnosis.amounts import Amounts
from proxy_core.diagnosis.facts import Before, Facts
from proxy_core.diagnosis.words import count, plural, share
from proxy_core.verdict import Cause, Divergence, How

_MESSAGE: Mapping[How, Cause] = MappingProxyType(
    {"pruned": "history pruned", "compacted": "history compacted", "reasoning": "reasoning dropped"}
)
_SAME: frozenset[How] = frozenset({"extended", "shortened"})

BY_TEMPLATE = "by the chat template"

IN_PROMPTS: tuple[Cause, ...] = (
    "system changed",
    "tools changed",
    "message rewritten",
    *_MESSAGE.values(),
    "template changed",
)
"""The causes that two prompts tell by themselves, with the chat template that renders them."""


def cause_of(divergence: Divergence) -> Cause | None:
    """What a divergence is called; None where the predecessor's prompt goes on."""
    if divergence.how in _SAME or divergence.part is None:
        return None
    if divergence.part == "tools":
        return "tools changed"
    if divergence.part == "system":
        return "system changed"
    return _MESSAGE.get(divergence.how, "message rewritten")


def rendered_cause(before: Before) -> Cause:
    """What it is called when the template alone makes another text of the same messages."""
    return "reasoning dropped" if before.thoughtful else "template changed"


def by_prompt(facts: Facts, found: Amounts) -> tuple[Cause, str, list[str]] | None:
    """Cause, detail and evidence; None where the prompt goes on as its predecessor ended, or nearly so."""
    before = facts.before
    if before is None or before.normalized is None:
        return None
    parted = before.normalized
    cause = rendered_cause(before) if parted.how == "rendered" else cause_of(parted)
    if cause is None or not _costs(found):
        return None
    exact = before.predicted is not None and before.predicted.source == "tokens"
    evidence = [_where(parted, found, exact=exact)]
    if parted.how == "rendered":
        told = "The messages came again as they were, but the chat template makes another text of them."
        return cause, BY_TEMPLATE, [told, *evidence]
    if facts.flips:
        names = ", ".join(facts.flips)
        evidence.insert(0, f"Rules differ from the turn before: {names}.")
        return "rule flipped", names, evidence
    if before.raw is not None and before.raw.shared < parted.shared:
        evidence.append(
            f"As the client sent it, it already leaves its predecessor in {before.raw.name or 'its middle'}."
        )
    if before.further:
        evidence.append(f"Behind that place more reads otherwise: {'; '.join(before.further)}.")
    return cause, _detail(parted), evidence


def _costs(found: Amounts) -> bool:
    """Whether the change lost more than a turn may lose; what was measured tells more than a prediction."""
    if found.by_prompt > found.slack:
        return True
    return found.lost is not None and found.slack < found.lost <= found.by_prompt + found.doubt


def _detail(parted: Divergence) -> str:
    return parted.detail or parted.name


def _where(parted: Divergence, found: Amounts, *, exact: bool) -> str:
    if not parted.shared:
        return f"The prompt leaves its predecessor in {parted.name}, at its very beginning."
    at = f"{parted.name}, character {count(parted.offset)}" if parted.offset else parted.name
    far = f" That is {share(parted.shared / parted.size)} into this prompt." if parted.size else ""
    about = ""
    if found.shared is not None:
        were = "was" if found.reused == 1 else "were"
        reused = "" if found.reused is None else f"; {count(found.reused)} {were} reused"
        tokens = plural(found.shared, "token")
        about = f" Up to there both share {'' if exact else 'about '}{tokens}{reused}."
    return f"The prompt leaves its predecessor in {at}.{far}{about}"
