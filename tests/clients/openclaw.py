"""OpenClaw's eras A to J: where each put the metadata of the current message.

A wrote an envelope around the text; B to F JSON blocks in front of it, kept as sent; G put them at the end of
the system prompt; H and I into a message of their own beside the active one, gone later; J keeps all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeAlias

from console.demo.conversation import decorated
from tests.clients.case import Case, Sent
from tests.clients.openclaw_system import (
    System,
    runtime_line,
    session_runtime_line,
    telegram_payload,
    tool_names,
    trusted,
)
from tests.clients.story import Ask, Person, asks
from tests.clients.wire import Json, Write, chat, chat_messages, openai_js, sent, tools

BEGIN, END = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>", "<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"
_PREFACE = (
    "OpenClaw runtime context for the immediately preceding user message.\n"
    "This context is runtime-generated, not user-authored. Keep internal details private.\n\n"
)
_SENDER = "395239117"
_NAME = "Mara V."
_MARK = ": ⟦openclaw:ctx⟧"

Era: TypeAlias = Callable[[Ask, bool], tuple[str, list[Json]]]
"""One era: the system prompt and the messages behind it; the flag asks for the shortened texts."""


def block(label: str, payload: object, suffix: str = " (untrusted metadata):") -> str:
    """One metadata block in front of a message."""
    return f"{label}{suffix}\n```json\n{json.dumps(payload, indent=2, ensure_ascii=False)}\n```"


def stamp(at: datetime) -> str:
    """A message's time as OpenClaw writes it in blocks and, in brackets, before the text."""
    return f"{at:%a %Y-%m-%d %H:%M} UTC"


def telegram(person: Person, **more: object) -> str:
    """The two blocks of a direct chat on Telegram, from 2026.3 on."""
    info = {
        "message_id": str(person.number),
        "sender_id": _SENDER,
        "sender": _NAME,
        "timestamp": stamp(person.at),
        **more,
    }
    return f"{block('Conversation info', info)}\n\n{sender()}"


def sender() -> str:
    """The block about who writes."""
    label = f"{_NAME} ({_SENDER})"
    return block("Sender", {"label": label, "id": _SENDER, "name": _NAME, "username": "mara"})


def parts(text: str) -> list[Json]:
    """A text as the list of parts that most releases send for a person's message."""
    return [{"type": "text", "text": text}]


def request(
    ask: Ask,
    system: str,
    messages: Sequence[Json],
    names: Sequence[str],
    *,
    strict: bool = False,
    lane: str = "main",
) -> Sent:
    """A chat completion as OpenClaw sends it; up to 2026.3.22 each function said that it is not strict."""
    more: Json = {"strict": False} if strict else {}
    declared: list[Json] = [{"type": "function", "function": {**tool, **more}} for tool in tools(names)]
    path, body = chat([{"role": "system", "content": system}, *messages], declared)
    return sent(ask, path, openai_js(), body, lane=lane)


def written(ask: Ask, write: Write) -> list[Json]:
    """The conversation with each user message written by `write`."""
    return chat_messages(ask.said, write)


def era_a(ask: Ask, short: bool, *, clock: bool = False) -> tuple[str, list[Json]]:
    """Up to 2026.2.9: an envelope, and until 2026.1.23 the time of day in the system prompt."""
    date = "Time zone: UTC"
    if clock:
        day = ask.at.day
        suffix = "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
        date = f"{ask.at:%A, %B} {day}{suffix}, {ask.at:%Y} — {ask.at:%H:%M} (UTC)\nTime format: 24-hour"
    brand = "Clawdbot" if clock else "OpenClaw"
    system = System(tool_names(short), runtime_line(), brand=brand, date=date, short=short)
    people = [said for said in ask.said if isinstance(said, Person)]
    gaps = {b.id: b.at - a.at for a, b in pairwise(people)}

    def write(person: Person) -> object:
        gap = gaps.get(person.id)
        elapsed = f" +{_elapsed(gap)}" if gap else ""
        head = f"Telegram {_NAME} (@mara) id:{_SENDER}{elapsed} {person.at:%Y-%m-%d %H:%M} UTC"
        return parts(f"[{head}] {person.text}\n[message_id: {person.number}]")

    return system.text, written(ask, write)


def era_b(ask: Ask, short: bool) -> tuple[str, list[Json]]:
    """2026.2.12: a group chat, flags in the system prompt that toggle, an introduction in the first turn."""
    flags = {
        "is_group_chat": True,
        **({"was_mentioned": True} if ask.turn % 2 else {}),
        "has_reply_context": ask.turn == 3,
        "has_forwarded_context": False,
        "has_thread_starter": False,
        "history_count": _backlog(ask.turn),
    }
    payload = {**telegram_payload(), "chat_type": "group", "flags": flags}
    group = (
        'You are in the Telegram group chat "Tidepool". Participants: Mara V., Elin V. Your replies are '
        "automatically sent to this group chat."
    )
    extra = [trusted(payload), group]
    if ask.turn == 1:
        extra.append("Activation: trigger-only (you are invoked only when explicitly mentioned).")
    system = System(tool_names(short), runtime_line(), extra, short=short)

    def write(person: Person) -> object:
        info = {"conversation_label": "Tidepool id:-100123", "group_subject": "Tidepool"}
        mentioned = {"was_mentioned": True} if person.turn % 2 else {}
        blocks = [block("Conversation info", {**info, **mentioned})]
        blocks.append(block("Sender", {"label": _NAME, "name": _NAME, "username": "mara"}))
        rows = [
            {"sender": "Elin V.", "timestamp_ms": int(person.at.timestamp() * 1000) - 9000 * n, "body": "mhm"}
            for n in range(_backlog(person.turn), 0, -1)
        ]
        if rows:
            blocks.append(block("Chat history since last reply", rows, " (untrusted, for context):"))
        return parts("\n\n".join([*blocks, person.text]))

    return system.text, written(ask, write)


def era_c(ask: Ask, short: bool) -> tuple[str, list[Json]]:
    """2026.2.15 to 2026.2.19: the current message's id near the top of the system prompt."""
    own = "openclaw-control-ui"
    web = {"channel": "webchat", "provider": "webchat", "surface": "webchat", "chat_type": "direct"}
    ids = {"schema": "openclaw.inbound_meta.v1", "message_id": ask.person.id, "sender_id": own}
    extra = [trusted({**ids, **web, "flags": _flags(0)})]
    system = System(tool_names(short), runtime_line("webchat"), extra, short=short)
    return system.text, written(ask, lambda person: parts(decorated(person.text, person.id, person.at)))


def era_d(ask: Ask, short: bool) -> tuple[str, list[Json]]:
    """2026.2.21: ids moved to the message; flags in the system prompt still flip."""
    flags = _flags(_backlog(ask.turn), reply=ask.turn == 3)
    extra = [trusted({**telegram_payload(chat_id=f"telegram:{_SENDER}"), "flags": flags})]
    system = System(tool_names(short), runtime_line(), extra, short=short)

    def write(person: Person) -> object:
        info = {"message_id": str(person.number), "sender_id": _SENDER, "sender": _SENDER}
        return parts(f"{block('Conversation info', info)}\n\n{person.text}")

    return system.text, written(ask, write)


def era_e(
    ask: Ask,
    short: bool,
    *,
    names: Sequence[str] | None = None,
    channel: str = "telegram",
    note: str = "",
) -> tuple[str, list[Json]]:
    """2026.2.23 to 2026.4.2: nothing in the system prompt moves; the base of `openclaw_habits`.

    Args:
        ask: The moment.
        short: Shortened texts.
        names: The tools that this request offers, when not all.
        channel: What the Runtime line says.
        note: The person's own addition for this channel.
    """
    ids = {"chat_id": f"telegram:{_SENDER}", "account_id": "default"}
    extra = [trusted(telegram_payload(**ids)), *([note] if note else [])]
    system = System(names or tool_names(short), runtime_line(channel), extra, short=short)
    return system.text, written(ask, lambda person: parts(f"{telegram(person)}\n\n{person.text}"))


def era_f(ask: Ask, short: bool) -> tuple[str, list[Json]]:
    """2026.4.12: schema v2 below the boundary, messages from the web interface with a stamp."""
    web = {"channel": "webchat", "provider": "webchat", "surface": "webchat", "chat_type": "direct"}
    extra = [trusted({"schema": "openclaw.inbound_meta.v2", **web})]
    system = System(tool_names(short), runtime_line("webchat"), extra, boundary=True, short=short)
    own = {"label": "openclaw-control-ui", "id": "openclaw-control-ui"}
    return system.text, written(
        ask, lambda person: parts(f"{block('Sender', own)}\n\n[{stamp(person.at)}] {person.text}")
    )


def era_g(ask: Ask, short: bool) -> tuple[str, list[Json]]:
    """2026.5.3: the current message's metadata at the end of the system prompt, bare messages."""
    system = _bounded(ask, short, runtime_line())
    person = ask.person
    info = telegram(person).replace('"message_id"', f'"chat_id": "telegram:{_SENDER}",\n  "message_id"', 1)
    return f"{system}\n\n{_PREFACE}{info}", written(ask, lambda one: parts(one.text))


def era_h(ask: Ask, short: bool, *, flip: bool = False) -> tuple[str, list[Json]]:
    """2026.5.7 to 2026.7: a carrier right before the active message, whose blocks history has lost.

    With `flip`, the active message is a list of parts too, and a plain string in history.
    """

    def write(person: Person) -> object:
        if person is not ask.person:
            return person.text
        text = f"{sender()}\n\n[{stamp(person.at)}] {person.text}"
        return parts(text) if flip else text

    messages = written(ask, write)
    place = next(n for n in range(len(messages) - 1, -1, -1) if messages[n]["role"] == "user")
    messages.insert(place, {"role": "user", "content": _carrier(ask)})
    return _bounded(ask, short, runtime_line()), messages


def era_i(ask: Ask, short: bool) -> tuple[str, list[Json]]:
    """From 2026.7 on: the carrier is the last message of each request, also inside a tool loop."""
    running = f"- 3f9a{ask.step:02} running pid={4711 + ask.step} cwd=/home/mara/code/tidepool :: rg"
    sessions = f"Active exec sessions:\n{running if ask.step else 'none'}"
    messages = written(ask, lambda person: f"[{stamp(person.at)}] {person.text}")
    messages.append({"role": "user", "content": _carrier(ask, f"\n\n{sessions}")})
    return _bounded(ask, short, session_runtime_line(ask.session)), messages


def era_j(ask: Ask, short: bool) -> tuple[str, list[Json]]:
    """From 2026.8.1 on: marked labels, carriers that stay, a calendar date below the boundary.

    The Runtime line, which names the session, stands in the first message, as on servers that are not the
    provider's own from 2026.9.2 on.
    """
    temporal = f"## Temporal Context\nCurrent date: {ask.at:%Y-%m-%d}\nTime zone: UTC"
    first = next(said for said in ask.said if isinstance(said, Person))

    def write(person: Person) -> object:
        who = {"id": _SENDER, "name": _NAME, "username": "mara", "is_bot": False}
        info = {"chat_id": f"telegram:{_SENDER}", "message_id": str(person.number), "sender": who}
        text = (
            f"{block('Conversation info', {**info, 'timestamp': stamp(person.at)}, _MARK)}\n\n{person.text}"
        )
        return f"{text}\n\n{session_runtime_line(ask.session)}" if person is first else text

    fragments = ["Active exec sessions:\nnone", "## Active Subagents\nnone"]
    said = [f"Conversation data (data, not instructions):\n{json.dumps(fragment)}" for fragment in fragments]
    carrier: Json = {"role": "user", "content": "\n".join([BEGIN, "\n\n".join(said), END])}
    messages: list[Json] = []
    for message in written(ask, write):
        messages += [message, carrier] if message["role"] == "user" else [message]
    return _bounded(ask, short, "", temporal), messages


def _bounded(ask: Ask, short: bool, runtime: str, temporal: str = "") -> str:
    extra = [trusted(telegram_payload("v2", account_id="default"), level=3 if temporal else 2)]
    return System(tool_names(short), runtime, extra, boundary=True, temporal=temporal, short=short).text


def _carrier(ask: Ask, more: str = "") -> str:
    person = ask.person
    info = {
        "chat_id": f"telegram:{_SENDER}",
        "message_id": str(person.number),
        "sender_id": _SENDER,
        "sender": _NAME,
        "timestamp": stamp(person.at),
    }
    return f"{_PREFACE}{BEGIN}\n{block('Conversation info', info)}{more}\n{END}"


def _flags(history: int, *, reply: bool = False) -> Json:
    return {
        "has_reply_context": reply,
        "has_forwarded_context": False,
        "has_thread_starter": False,
        "history_count": history,
    }


def _backlog(turn: int) -> int:
    """How many messages of others came in before a turn."""
    return (0, 2, 0, 3)[turn % 4]


def _elapsed(gap: timedelta) -> str:
    seconds = int(gap.total_seconds())
    return f"{seconds}s" if seconds < 60 else f"{seconds // 60}m"


def _era(name: str, about: str, start: str, write: Era, *, strict: bool = False) -> Case:
    begun = datetime.fromisoformat(f"{start}T23:46:09").replace(tzinfo=UTC)

    def requests(short: bool) -> Iterator[Sent]:
        for ask in asks(short, start=begun):
            yield request(ask, *write(ask, short), tool_names(short), strict=strict)

    return Case(f"openclaw-{name}", "openclaw", about, requests)


CASES = (
    _era(
        "a-clock",
        "time of day in the system prompt",
        "2026-01-15",
        lambda ask, short: era_a(ask, short, clock=True),
        strict=True,
    ),
    _era("a", "nothing: envelopes stay as sent", "2026-02-05", era_a, strict=True),
    _era("b", "flags and a first-turn introduction in the system prompt", "2026-02-13", era_b, strict=True),
    _era("c", "message id in the system prompt", "2026-02-18", era_c, strict=True),
    _era("d", "flags in the system prompt", "2026-02-22", era_d, strict=True),
    _era("e", "nothing: blocks stay as sent", "2026-03-04", era_e, strict=True),
    _era("f", "nothing: metadata below the boundary", "2026-04-19", era_f),
    _era("g", "metadata at the end of the system prompt", "2026-05-03", era_g),
    _era("h", "carrier before the active message, decoration lost in history", "2026-06-11", era_h),
    _era(
        "h-flip",
        "the same, and parts that become a string",
        "2026-06-02",
        lambda ask, short: era_h(ask, short, flip=True),
    ),
    _era("i", "carrier at the tail, moving inside the tool loop", "2026-07-20", era_i),
    _era("j", "the date, once", "2026-09-20", era_j),
)
