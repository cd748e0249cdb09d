"""A faithful OpenClaw 2026.2.17 conversation, request by request.

That version names the current message's id in the system prompt, so each user turn changes the prompt long
before its end; that is what the demo shows and the tests measure. User messages carry metadata and a time
stamp too, but are stored with them and replayed byte for byte.

The assistant's side is scripted (`openclaw/script.toml`) and replayed as written, not as the demo's model
answered: that model has random weights, and replaying its noise would make no two runs alike.
"""

from __future__ import annotations

import json
import random
import string
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from console.demo.openclaw_system import DATA, SENDER, system_prompt
from console.demo.openclaw_wire import (
    Api,
    Assistant,
    Call,
    Conversation,
    Message,
    Request,
    Result,
    User,
    encode,
)

_SEED = 20260217
_ID_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class ToolUse:
    """One tool call of a step, and what the tool returned."""

    name: str
    arguments: dict[str, object]
    result: str
    say: str = ""
    """What the assistant says before the call, if anything."""


@dataclass(frozen=True)
class Step:
    """One logical turn: what the person writes, the tool calls on the way, and the reply.

    It takes one request for each tool call and one for the reply.
    """

    user: str
    uses: tuple[ToolUse, ...]
    reply: str


@cache
def steps() -> tuple[Step, ...]:
    """The scripted turns, in order."""
    script = tomllib.loads((DATA / "script.toml").read_text(encoding="utf-8"))
    return tuple(
        Step(turn["user"], tuple(ToolUse(**call) for call in turn.get("call", ())), turn["reply"].strip())
        for turn in script["turn"]
    )


def requests(
    api: Api, *, turns: int, stream: bool = True, max_tokens: int = 12, start: datetime, seed: int = _SEED
) -> Iterator[Request]:
    """Each HTTP request of the first `turns` turns, in order; equal arguments give equal bytes.

    Args:
        api: The API that the client was configured for.
        turns: Number of logical turns, 1 to `len(steps())`.
        stream: Ask for a stream, as OpenClaw always does.
        max_tokens: Limit of each answer, which the demo's model always exhausts.
        start: Time of the first message, with a zone; later ones follow after a few minutes each.
        seed: Decides the ids of the session, its messages and its calls; another seed is another session.

    Raises:
        ValueError: `turns` is out of range.
    """
    if not 1 <= turns <= len(steps()):
        raise ValueError(f"turns is {turns}, but the script has 1 to {len(steps())}")
    ids = random.Random(seed)
    session = _uuid(ids)
    clock = start.astimezone(UTC)
    history: list[Message] = []
    for turn, step in enumerate(steps()[:turns], start=1):
        message_id = _uuid(ids)
        system = system_prompt(message_id)
        history.append(User(decorated(step.user, message_id, clock)))
        for message in _answer(step, ids):
            # The model is asked whenever what comes next is its own, and not a tool's result.
            if isinstance(message, Assistant):
                yield encode(api, Conversation(session, turn, system, tuple(history)), stream, max_tokens)
            history.append(message)
        clock += timedelta(minutes=ids.randint(1, 7))


def decorated(text: str, message_id: str, at: datetime) -> str:
    """A person's message as version 2026.2.17 sends and stores it: metadata block, time stamp, text."""
    payload = json.dumps({"message_id": message_id, "sender": SENDER}, indent=2)
    block = f"Conversation info (untrusted metadata):\n```json\n{payload}\n```"
    return f"{block}\n\n[{at:%a %Y-%m-%d %H:%M} UTC] {text}"


def _answer(step: Step, ids: random.Random) -> Iterator[Message]:
    for use in step.uses:
        call = Call("".join(ids.choices(_ID_ALPHABET, k=32)), use.name, use.arguments)
        yield Assistant(use.say, call)
        yield Result(call.id, use.name, use.result)
    yield Assistant(step.reply)


def _uuid(ids: random.Random) -> str:
    return str(uuid.UUID(int=ids.getrandbits(128), version=4))
