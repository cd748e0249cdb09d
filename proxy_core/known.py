"""What was worked out about a turn's prompt, and how it is put before the judge."""

from __future__ import annotations

from dataclasses import dataclass, replace

from proxy_core.continuity import Served
from proxy_core.diagnosis.compare import Comparison
from proxy_core.diagnosis.facts import Before
from proxy_core.diagnosis.flips import flips
from proxy_core.diagnosis.reuse import predict
from proxy_core.diagnosis.whatif import Option
from proxy_core.exchange import Record
from proxy_core.predecessor import Predecessor
from proxy_core.verdict import Divergence, Excerpt, Predicted

NOBODY = Predecessor()

_END = 32
"""Tokens at a prompt's end that only ask for an answer, and differ from what comes there later."""


@dataclass(frozen=True)
class Known:
    """What was worked out about a turn's prompt, which no later figure changes."""

    goes_on: Predecessor = NOBODY
    compared: Comparison | None = None
    counted_raw: Predicted | None = None
    """What both prompts share, as the server's tokenizer counts it."""
    counted: Predicted | None = None
    rendered: Excerpt | None = None
    """Where the texts part that the chat template makes of both, as far as the server told."""
    counted_before: int | None = None
    """Tokens of the whole prompt before, counted in the same way."""
    uncounted: str | None = None
    """Why it could not be counted, in a sentence."""
    options: tuple[Option, ...] = ()


def with_prompts(found: Before, record: Record, known: Known) -> Before:
    """The turn before, with where both prompts part and what they should have in common."""
    compared = known.compared
    if compared is None:
        return found
    sizes = found.record.prompt_tokens, record.prompt_tokens
    return replace(
        found,
        raw=compared.raw,
        normalized=_rendered(compared.normalized, known),
        further=compared.further,
        thoughtful=compared.thoughtful,
        predicted_raw=known.counted_raw or predict(compared.raw, *_as_sent(compared, *sizes)),
        predicted=known.counted or predict(compared.normalized, *sizes),
    )


def _rendered(parted: Divergence, known: Known) -> Divergence:
    """Where both part as forwarded, or as rendered, if only the template parts them."""
    counted, before = known.counted, known.counted_before
    if parted.how != "extended" or known.rendered is None or counted is None or not before:
        return parted
    if counted.tokens >= before - _END:
        return parted
    shared = parted.previous_size * counted.tokens // before
    name = "what the chat template makes of it"
    return replace(
        parted, how="rendered", part="message", name=name, detail="", excerpt=known.rendered, shared=shared
    )


def other_model(then: Served, now: Served) -> str | None:
    """The model that served the turn before, where that is another one."""
    return then.model if None not in (then.model, now.model) and then.model != now.model else None


def flipped(record: Record, before: Record, known: Known) -> tuple[str, ...]:
    """Switched rules that explain where both part."""
    now, then = record.exchange, before.exchange
    if now is None or then is None or known.compared is None:
        return ()
    return flips(then, now, known.compared.normalized)


def _as_sent(compared: Comparison, had: int | None, tokens: int | None) -> tuple[int | None, int | None]:
    """Tokens that both prompts would have had without rules, which make some longer and some shorter."""
    raw, normalized = compared.raw, compared.normalized
    return (
        _scaled(had, raw.previous_size, normalized.previous_size),
        _scaled(tokens, raw.size, normalized.size),
    )


def _scaled(tokens: int | None, size: int, counted_size: int) -> int | None:
    return tokens if tokens is None or not counted_size else round(tokens * size / counted_size)
