"""What the model generated, as a lane remembers it: reasoning, and call arguments in the model's spelling.

Clients parse a call's arguments and write them anew, and many drop reasoning; either makes the prompt leave
what the slot holds.
"""

from __future__ import annotations

import re

import msgspec

from proxy_core.llama.generated import Generated
from proxy_core.prompt import read_message
from proxy_core.rules.anchors import Frame
from proxy_core.rules.identity import identity, linked
from proxy_core.rules.recall import Recall

NAME = "generated"
"""What stands for the rule id in the memory: several rules use it."""

_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9]")


def reasoning_key(message_key: str) -> str:
    """The key of an assistant message's reasoning, from the key that the message is known by."""
    return f"reasoning.{message_key.partition('.')[0]}"


def arguments_key(call_id: str) -> str:
    """The key of a call's arguments; clients take all but letters and digits out of ids."""
    return f"arguments.{_NOT_IN_IDS.sub('', call_id)}"


def remembered(said: Generated, last: bytes, frame: Frame | None) -> dict[tuple[str, str], bytes]:
    """What a lane has to remember of an answer, by rule id and key.

    Args:
        said: The whole answer.
        last: Identity of the message that it answers.
        frame: How the client decorates messages.
    """
    found: dict[tuple[str, str], bytes] = {}
    for call in said.calls.values():
        if call.id and call.arguments:
            found[NAME, arguments_key(call.id)] = call.arguments.encode()
    if said.reasoning:
        calls = [{"id": call.id, "function": {"name": call.name}} for call in said.calls.values()]
        message = {"role": "assistant", "content": said.text, "tool_calls": calls}
        own = identity(read_message("chat", msgspec.json.encode(message)), frame)
        if own is not None:
            found[NAME, reasoning_key(linked(last, own).hex())] = said.reasoning.encode()
    return found


def told(recall: Recall, key: str) -> str | None:
    """What is remembered under a key."""
    found = recall.get(NAME, key)
    return None if found is None else found.decode()


def same_json(one: str, other: str) -> bool:
    """Whether two JSON texts mean the same."""
    try:
        return bool(msgspec.json.decode(one) == msgspec.json.decode(other))
    except (msgspec.DecodeError, RecursionError):
        return False
