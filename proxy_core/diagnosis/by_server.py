"""Causes that lie in the server: the prompt had it in common, but the cache did not."""

from __future__ import annotations

from proxy_core.diagnosis.amounts import Amounts, left_in_slot, unread
from proxy_core.diagnosis.by_prompt import BY_TEMPLATE, rendered_cause
from proxy_core.diagnosis.facts import Before, Facts, Taker
from proxy_core.diagnosis.words import count, plural
from proxy_core.exchange import Record
from proxy_core.llama.turns import Turn
from proxy_core.verdict import Cause

_NEAR = 0.9
"""Share of what was expected from which on a similarity says that the slot did hold it."""

_MOSTLY = 0.5
"""Share of what was expected from which on a cache is not called lost."""

_CLOSING = 0.25
"""Seconds that an answer may be held open after its last word, when its client goes on already; of a short
answer half of its time."""

Found = tuple[Cause, str, list[str]]


def by_server(facts: Facts, found: Amounts) -> Found | None:
    """Cause, detail and evidence; None where the server reused what it could."""
    before = facts.before
    if before is None:
        return None
    stopped = _stopped(before.record, found)
    if found.by_server <= max(found.doubt, found.slack) or found.expected is None or found.reused is None:
        return stopped
    turn = facts.record.turn
    told = [f"{count(found.expected)} tokens were to be reused by the prompts, {count(found.reused)} were."]
    named = (
        _renewed(before)
        or _logged(turn, before)
        or _beside(facts)
        or _taken(facts, before)
        or _unread(before.record)
        or _away(before.record, found)
        or _rendered(facts, before, found)
        or _compared(facts, before, found)
    )
    if named is None:
        return ("unknown", "", [*told, _dark(facts)])
    cause, detail, evidence = named
    return cause, detail, [*evidence, *told]


def _stopped(before: Record, found: Amounts) -> Found | None:
    """The turn before was cancelled half-way, so there was little to reuse."""
    left = left_in_slot(before)
    if left is None or found.shared is None or found.shared - left <= found.slack:
        return None
    told = f"Request {before.id}, the one before, was cancelled after {count(left)} tokens of its prompt."
    return "cancelled", f"request {before.id} stopped at {count(left)} tokens", [told]


def _renewed(before: Before) -> Found | None:
    if before.renewed is not None:
        return "cache lost", before.renewed, [f"Since request {before.record.id}, {before.renewed}."]
    if before.template is not None:
        return "template changed", before.template, [f"In the chat template, {before.template}."]
    return None


def _logged(turn: Turn | None, before: Before) -> Found | None:
    """What the log says outright."""
    if turn is None:
        return None
    if turn.forced_full:
        said = "The log says: forcing full prompt re-processing (no cached state reaches back that far)."
        return "full re-processing", "sliding window or recurrent memory", [said]
    if turn.checkpoint == "restored":
        at = "" if turn.checkpoint_pos is None else f" at token {count(turn.checkpoint_pos + 1)}"
        return "checkpoint fallback", f"back{at}", [f"The log says: restored context checkpoint{at}."]
    if turn.checkpoint == "invalidated":
        said = (
            "The log says: erased invalidated context checkpoint. None was left that reaches back far enough."
        )
        return "full re-processing", "no usable checkpoint", [said]
    if before.record.turn is not None and before.record.turn.shifted:
        said = f"The slot ran full in request {before.record.id} and was shifted, which ends its prefix."
        return "cache lost", "context shift", [said]
    if turn.cleared:
        said = "The log says that the slot's prompt was cleared to make room in the shared context."
        return "evicted", "cleared for room", [said]
    return None


def beside(facts: Facts) -> Record | None:
    """The request of the same conversation that had the slot while this one was answered in another."""
    before = facts.before
    if before is None or facts.slots == 1:
        return None
    taker = before.taker.record if before.taker else None
    if taker is not None and taker.exchange is not None and taker.exchange.lane == _lane_of(facts.record):
        return taker
    ran, earlier = facts.record.turn, before.record.turn
    waited = None not in (ran, earlier) and _place(ran) == _place(earlier)
    return before.record if overlap(before.record, facts.record) and not waited else None


def overlap(earlier: Record, later: Record) -> bool:
    """Whether a request came while an earlier one was still being answered."""
    if later.at is None or earlier.at is None:
        return False
    if earlier.total_ms is None:
        return earlier.open
    seconds = earlier.total_ms / 1000
    return later.at < earlier.at + max(seconds - _CLOSING, seconds / 2)


def _place(turn: Turn | None) -> tuple[int | None, int] | None:
    return None if turn is None else (turn.port, turn.slot)


def _lane_of(record: Record) -> str | None:
    return record.exchange.lane if record.exchange else None


def _beside(facts: Facts) -> Found | None:
    """The slot that has the prompt was at work on it for somebody else."""
    other = beside(facts)
    if other is None:
        return None
    where = "" if other.turn is None else f" in slot {other.turn.slot}"
    said = f"Request {other.id} of the same conversation was being answered{where} at the same time."
    return "slot taken", f"by request {other.id}, at the same time", [said]


def _unread(before: Record) -> Found | None:
    """The turn before was cancelled, and may not have been evaluated at all."""
    if not unread(before):
        return None
    told = f"Request {before.id}, the one before, was cancelled; nothing tells how far its prompt was read."
    return "cancelled", f"request {before.id} stopped somewhere in its prompt", [told]


def _away(before: Record, found: Amounts) -> Found | None:
    """Nobody watched the server since the turn before, and little of its prompt is there."""
    there = found.expected is not None and (found.reused or 0) >= _MOSTLY * found.expected
    if not before.recalled or there:
        return None
    told = (
        f"Request {before.id}, the one before, is of an earlier run of kvconsole: what the server did since "
    )
    return "cache lost", "while kvconsole did not run", [f"{told}is not known."]


def _taken(facts: Facts, before: Before) -> Found | None:
    """Somebody else ran in the slot meanwhile."""
    turn, taker = facts.record.turn, before.taker
    if taker is None:
        return None
    who = _who(taker, facts.record)
    slot = "its slot" if before.record.turn is None else f"slot {before.record.turn.slot}"
    evidence = [f"Request {taker.record.id} ran in {slot} after request {before.record.id}."]
    if dropped := _dropped(turn, before):
        return "evicted", f"after {who}", [*evidence, dropped]
    if facts.cache_ram == 0:
        evidence.append("The host cache, which could have kept the prompt, is off.")
    return "slot taken", f"by {who}", evidence


def _rendered(facts: Facts, before: Before, found: Amounts) -> Found | None:
    """The slot still held the turn before, and yet not this prompt: what the template makes of it differs."""
    turn, parted = facts.record.turn, before.normalized
    if turn is None or parted is None or parted.how != "extended" or facts.holder != before.record.id:
        return None
    held, tokens, reused = turn.lcp_n, found.tokens, found.reused
    if held is None and turn.sim_best is not None and tokens is not None:
        held = round(turn.sim_best * tokens)
    if held is None or reused is None or abs(held - reused) > found.slack:
        return None
    said = f"The slot still held request {before.record.id}, but {count(held)} tokens of this prompt at most."
    return rendered_cause(before), BY_TEMPLATE, [said]


def _compared(facts: Facts, before: Before, found: Amounts) -> Found | None:
    """What the similarity tells where nothing else does."""
    turn = facts.record.turn
    tokens, expected, reused = found.tokens, found.expected, found.reused
    if turn is None or tokens is None or expected is None or reused is None:
        return None
    held = turn.lcp_n
    if held is None and turn.sim_best is not None:
        held = round(turn.sim_best * tokens)
    if held is not None and held >= _NEAR * expected:
        said = f"The slot held {count(held)} tokens of this prompt, and the server used {count(reused)}."
        if reused <= found.slack:
            return "full re-processing", "the slot held the prompt", [said]
        return "checkpoint fallback", f"back at token {count(reused)}", [said]
    if turn.selected_by == "lru" or (held is not None and held < _NEAR * expected):
        if dropped := _dropped(turn, before):
            return "evicted", "from the host cache", [dropped]
        said = "The slot that the server chose did not hold the prompt of the turn before"
        said += "." if facts.holder is None else f", but that of request {facts.holder}."
        return "evicted", "not in any slot", [said]
    return None


def _dropped(turn: Turn | None, before: Before) -> str | None:
    """What the host cache lost between two turns."""
    earlier = before.record.turn
    if turn is None or earlier is None or before.record.recalled:
        # Each run of kvconsole counts the server's runs by itself.
        return None
    if earlier.epoch != turn.epoch or turn.evicted_n <= earlier.evicted_n:
        return None
    dropped = plural(turn.evicted_n - earlier.evicted_n, "entry", "entries")
    return f"The host cache dropped {dropped} since."


def _dark(facts: Facts) -> str:
    if not facts.log:
        return "Without the server's log nobody can tell why: start kvconsole with --log FILE."
    return "The log does not say why."


def _who(taker: Taker, than: Record) -> str:
    """Somebody in a few words; the client is named where it is another one than of the turn that asks."""
    exchange, own = taker.record.exchange, than.exchange
    if exchange is None:
        return "a client that asks llama-server directly"
    lane = f"“{taker.label}”" if taker.label else "another conversation"
    other = exchange.client is not None and (own is None or own.client != exchange.client)
    return f"{exchange.client}, {lane}" if other else lane
