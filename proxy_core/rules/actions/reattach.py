"""`reattach`: what a client strips from older messages is put back, byte for byte."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from proxy_core.prompt import Message, read_message
from proxy_core.prompt.model import member, spliced
from proxy_core.prompt.spans import members, whole
from proxy_core.rules.draft import Draft, Outcome
from proxy_core.rules.generated import arguments_key, reasoning_key, same_json, told
from proxy_core.rules.look import Look

_MOST_BYTES = 256 * 1024
"""Longest user message that is remembered; longer ones carry images, which clients replace anyway."""


class Reattach(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Put back what older messages had when they were new."""

    what: Literal["message", "reasoning", "arguments"]
    """`message`: a user message as first sent; the others: what the model generated."""

    early: ClassVar[bool] = True

    def work(self, rule: str, looks: tuple[Look, ...], draft: Draft) -> Outcome:
        """Replace each message that the lane knew in another form."""
        outcome = Outcome()
        if self.what == "message":
            _users(rule, draft, outcome)
        else:
            _generated(self.what, draft, outcome)
        return outcome


def _users(rule: str, draft: Draft, outcome: Outcome) -> None:
    persons = draft.persons
    for slot in persons:
        key = f"message.{draft.key(slot)}"
        # While the message is the last one, its turn begins: what it says now is what it is first sent with.
        begins = slot is persons[-1] and draft.begins
        known = None if begins else draft.recall.get(rule, key)
        if known is None:
            if slot is persons[-1] and len(slot.message.raw) <= _MOST_BYTES:
                outcome.writes[key] = slot.message.raw
            continue
        outcome.matched = True
        if not _alike(draft, slot.message, known):
            outcome.replaced.append((slot, read_message(draft.prompt.api, known)))


def _alike(draft: Draft, message: Message, known: bytes) -> bool:
    if message.raw == known:
        return True
    if draft.prompt.api != "messages":
        return False
    # Anthropic's cache marker moves with every request, and the server ignores it.
    first = read_message("messages", known)
    return [(s.kind, s.text) for s in first.segments] == [(s.kind, s.text) for s in message.segments]


def _generated(what: Literal["reasoning", "arguments"], draft: Draft, outcome: Outcome) -> None:
    for slot in draft.slots:
        if slot.message.kind != "assistant":
            continue
        raw = _with_arguments(draft, slot.message)
        if what == "reasoning":
            known = told(draft.recall, reasoning_key(draft.key(slot)))
            raw = _with_reasoning(slot.message.raw, known) if known else None
        if raw is not None:
            outcome.matched = True
            if raw != slot.message.raw:
                outcome.replaced.append((slot, read_message(draft.prompt.api, raw)))


def _with_arguments(draft: Draft, message: Message) -> bytes | None:
    """The message with the arguments of its calls as they were generated; None where none is known."""
    cuts: list[tuple[int, int, bytes]] = []
    matched = False
    for call in message.calls:
        known = told(draft.recall, arguments_key(call.id))
        if known is None or call.arguments is None:
            continue
        now = message.raw[call.arguments.start : call.arguments.end]
        matched = True
        if same_json(msgspec.json.decode(now, type=str), known):
            cuts.append((call.arguments.start, call.arguments.end, msgspec.json.encode(known)))
    return spliced(message.raw, cuts) if matched else None


def _with_reasoning(raw: bytes, reasoning: str) -> bytes:
    fields = members(raw, whole(raw))
    at = member(fields, "reasoning_content")
    value = msgspec.json.encode(reasoning)
    if at is None:
        end = fields[-1].value.end
        return spliced(raw, [(end, end, b',"reasoning_content":' + value)])
    if raw[at.start : at.end] in (b"null", b'""'):
        return spliced(raw, [(at.start, at.end, value)])
    return raw
