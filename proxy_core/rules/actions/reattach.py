"""`reattach`: what a client strips from older messages is put back, byte for byte."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from proxy_core.prompt import Api, Change, Message, read_message
from proxy_core.prompt.model import member, spliced
from proxy_core.prompt.spans import members, string, whole
from proxy_core.rules.draft import Draft, Outcome, Slot
from proxy_core.rules.generated import NAME, REASONING, arguments_of
from proxy_core.rules.look import Look
from proxy_core.rules.same import same_json

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
    newest = draft.newest
    active = draft.persons[-1] if draft.persons else None
    apart = set(draft.carriers)
    for slot in draft.slots:
        message = slot.message
        if message.kind != "user" or slot in apart:
            continue
        # While it is the newest message, what it says now is what it is first sent with.
        known = None if slot is newest else draft.recalled(rule, "message", slot)
        if known is None:
            says = any(segment.kind != "tool" for segment in message.segments)
            if says and slot in (newest, active) and len(message.raw) <= _MOST_BYTES:
                draft.remember(outcome, rule, "message", slot, message.raw)
            continue
        outcome.matched = True
        put_back = _put_back(draft.prompt.api, message, known)
        if put_back is not None:
            outcome.replaced.append((slot, put_back))


def _put_back(api: Api, message: Message, known: bytes) -> Message | None:
    """The message as it was first sent; None where that makes no difference.

    Tool output stays as it is now: a client that cleared it needs the room.
    """
    if message.raw == known:
        return None
    first = read_message(api, known)
    now = [(index, s) for index, s in enumerate(message.segments) if s.kind == "tool"]
    then = [(index, s) for index, s in enumerate(first.segments) if s.kind == "tool"]
    if len(now) != len(then):
        return None
    changes = {
        index: [Change(0, len(old.text), new.text)]
        for (index, old), (_, new) in zip(then, now, strict=True)
        if old.text != new.text
    }
    first = read_message(api, first.edited(changes)) if changes else first
    # Anthropic's cache marker moves with every request, and the server ignores it.
    same = [(s.kind, s.text) for s in first.segments] == [(s.kind, s.text) for s in message.segments]
    return None if same and api == "messages" else first


def _generated(what: Literal["reasoning", "arguments"], draft: Draft, outcome: Outcome) -> None:
    for slot in draft.slots:
        if slot.message.kind != "assistant":
            continue
        if what == "arguments":
            raw = _with_arguments(draft, slot)
        else:
            known = draft.recalled(NAME, REASONING, slot)
            raw = _with_reasoning(slot.message.raw, known.decode()) if known else None
        if raw is not None:
            outcome.matched = True
            if raw != slot.message.raw:
                outcome.replaced.append((slot, read_message(draft.prompt.api, raw)))


def _with_arguments(draft: Draft, slot: Slot) -> bytes | None:
    """The message with the arguments of its calls as they were generated; None where none is known."""
    cuts: list[tuple[int, int, bytes]] = []
    matched = False
    raw = slot.message.raw
    for number, call in enumerate(slot.message.calls):
        known = draft.recalled(NAME, arguments_of(number), slot) if call.arguments else None
        if known is None or call.arguments is None:
            continue
        matched = True
        generated = known.decode()
        if same_json(string(raw, call.arguments), generated):
            cuts.append((call.arguments.start, call.arguments.end, msgspec.json.encode(generated)))
    return spliced(raw, cuts) if matched else None


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
