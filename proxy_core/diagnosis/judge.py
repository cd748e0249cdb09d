"""The verdict on a turn, with its cost."""

from __future__ import annotations

from proxy_core.diagnosis.advice import advice
from proxy_core.diagnosis.amounts import Amounts, amounts, cancelled
from proxy_core.diagnosis.by_prompt import by_prompt
from proxy_core.diagnosis.by_server import by_server
from proxy_core.diagnosis.facts import Before, Facts
from proxy_core.diagnosis.first import first
from proxy_core.diagnosis.from_log import from_log
from proxy_core.diagnosis.words import count, plural
from proxy_core.exchange import Record
from proxy_core.verdict import Cause, Diagnosis, Divergence, Verdict

Found = tuple[Cause, str, list[str]]


def judge(facts: Facts) -> Diagnosis:
    """Say why a turn cost what it cost. Pure: the same facts give the same diagnosis."""
    found = amounts(facts)
    cause, detail, evidence = _cause(facts, found)
    lost = 0 if cause in ("healthy", "cold start") and found.lost is None else found.lost
    if cause == "reasoning dropped" and (answer := _answer_lost(facts, found)):
        lost = (lost or 0) + answer
    saved = _saved(facts, found)
    before = facts.before
    verdict = Verdict(
        cause,
        detail,
        (*evidence, *_uncounted(facts)),
        advice(cause, facts),
        predicted=facts.record.cached_n is None and cause not in ("unknown", "cancelled"),
    )
    return Diagnosis(
        verdict,
        predecessor=before.record.id if before else None,
        why_none=facts.why_none,
        raw=before.raw if before else None,
        normalized=before.normalized if before else None,
        predicted_raw=before.predicted_raw if before else None,
        predicted=before.predicted if before else None,
        lost_n=lost,
        lost_ms=_ms(lost, facts),
        saved_n=saved,
        saved_ms=_ms(saved, facts),
    )


def _cause(facts: Facts, found: Amounts) -> Found:
    record, before = facts.record, facts.before
    if cancelled(record):
        gone = "The client went away before the answer was complete."
        return "cancelled", "", [gone, *_first_of(by_prompt(facts, found))]
    if record.exchange is None:
        return from_log(record)
    if before is None:
        return first(facts, found)
    if before.model is not None:
        told = f"Request {before.record.id}, the one before, went to {before.model}."
        return "model changed", f"it was {before.model}", [told]
    if before.normalized is None:
        return from_log(record)
    prompt, server = by_prompt(facts, found), by_server(facts, found)
    if found.kept or prompt is None:
        return server or _kept(facts, before, found)
    main, other = (server, prompt) if server and found.by_server > found.by_prompt else (prompt, server)
    # What nothing explains is no second cause.
    return main[0], main[1], [*main[2], *_first_of(other if other and other[0] != "unknown" else None)]


def _first_of(found: Found | None) -> list[str]:
    """What speaks most for a cause."""
    return found[2][:1] if found is not None else []


def _kept(facts: Facts, before: Before, found: Amounts) -> Found:
    """The predecessor's prompt was reused, or nothing says that it was not."""
    answer = _answer_lost(facts, found)
    if answer:
        told = f"The model's last answer, about {count(answer)} tokens with what it thought, was read anew."
        return "reasoning dropped", "from the last answer", [told]
    assert before.normalized is not None
    evidence = [_became(before.normalized, found)]
    if found.reused is None:
        if before.predicted is None:
            return "unknown", "nothing measured", ["Neither the log nor the answer tells what was reused."]
        return "healthy", "", evidence
    if not found.kept and found.lost is not None:
        lost = f"{count(found.lost)} tokens were evaluated again, and nothing says why."
        return "unknown", "", [*evidence, lost]
    if found.tokens is not None:
        evidence.append(f"{count(found.reused)} of {count(found.tokens)} tokens were reused.")
    if facts.record.turn is not None and facts.record.turn.found_in_ram:
        evidence.append("The slot held another prompt; the server fetched this one from its host cache.")
    return "healthy", "", evidence


def _became(parted: Divergence, found: Amounts) -> str:
    """What this prompt is to the one before, where little or nothing was lost."""
    if parted.how == "extended":
        if parted.size == parted.previous_size:
            return "It is the very same prompt as the one before."
        return "The prompt goes on where the one before ended."
    if parted.how == "shortened":
        return f"The prompt ends earlier than the one before: {parted.detail}."
    if found.lost is None or found.by_prompt > found.slack:
        return f"It reads otherwise in {parted.name}, but nearly all of it was reused all the same."
    return f"It reads otherwise in {parted.name}; {plural(found.lost, 'token')} were read anew for that."


def _answer_lost(facts: Facts, found: Amounts) -> int:
    """Tokens of the last answer that were not reused, where the model thought before it answered."""
    before = facts.before
    if before is None or found.reused is None or found.possible is None:
        return 0
    exchange, generated = before.record.exchange, _generated(before.record)
    if exchange is None or not exchange.reasoned or generated is None:
        return 0
    missing = generated - max(0, found.reused - found.possible)
    near = abs(found.reused - found.possible) <= found.slack
    return missing if near and missing > found.slack else 0


def _generated(record: Record) -> int | None:
    if record.exchange is not None and record.exchange.answer.gen_n is not None:
        return record.exchange.answer.gen_n
    return record.turn.gen_n if record.turn else None


def _saved(facts: Facts, found: Amounts) -> int | None:
    """What rules bought: reused against what the prompts as sent would have had in common."""
    before = facts.before
    if before is None or before.predicted_raw is None or found.reused is None:
        return None
    gain = found.reused - before.predicted_raw.tokens
    return gain if _held_off(before) and gain > found.slack else 0


def _held_off(before: Before) -> bool:
    """Whether rules keep more of the prompt before than there would be without."""
    raw, normalized = before.raw, before.normalized
    if raw is None or normalized is None:
        return False
    return raw.shared * normalized.previous_size < normalized.shared * raw.previous_size


def _uncounted(facts: Facts) -> list[str]:
    return [] if facts.uncounted is None else [f"Tokens could not be counted: {facts.uncounted}"]


def _ms(tokens: int | None, facts: Facts) -> float | None:
    if tokens is None or facts.ms_per_token is None:
        return 0.0 if tokens == 0 else None
    return tokens * facts.ms_per_token
