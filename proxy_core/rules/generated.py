"""What the model generated, as a lane remembers it: reasoning, and call arguments in the model's spelling.

Clients parse a call's arguments and write them anew, and many drop reasoning; either makes the prompt leave
what the slot holds. The answer also says how the conversation goes on, before the client's next request does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from proxy_core.llama.generated import Generated
from proxy_core.prompt import Api, Message, read_message
from proxy_core.rules.anchors import Frame
from proxy_core.rules.identity import identity, linked
from proxy_core.rules.past import LANE, answer_key, known_by

NAME = "generated"
"""What stands for the rule id in the memory: several rules use it."""

REASONING = "reasoning"


class Learned(NamedTuple):
    """What an answer tells a lane."""

    links: tuple[bytes, ...]
    """How the lane's chain goes on: one digest for each message that the client will make of the answer."""
    writes: dict[tuple[str, str], bytes]
    """What to remember, by rule id and key."""


def arguments_of(number: int) -> str:
    """What the arguments of a message's call are remembered as, by its place among the calls, from 0."""
    return f"arguments.{number}"


def learned(
    api: Api, said: Generated, last: bytes, link: bytes, frame: Frame | None, *, details: bool
) -> Learned:
    """What a lane is to know of an answer.

    Args:
        api: The request's API: clients make different messages of the same answer.
        said: The whole answer.
        last: Identity of the message that it answers.
        link: The digest of that message and of everything before it.
        frame: How the client decorates messages.
        details: Whether to remember reasoning and arguments as well.
    """
    links: list[bytes] = []
    writes: dict[tuple[str, str], bytes] = {}
    answered = link
    for message in _messages(api, said) if said.text or said.calls else ():
        own = identity(message, frame)
        if own is None:
            continue
        link = linked(link, own)
        if details:
            writes |= {(LANE, key): value for key, value in known_by(last, own, link).items()}
            writes |= {(NAME, f"{what}.{link.hex()}"): value for what, value in _details(message, said)}
        links.append(link)
        last = own
    if links:
        writes[LANE, answer_key(answered)] = links[0].hex().encode()
    return Learned(tuple(links), writes)


def _details(message: Message, said: Generated) -> list[tuple[str, bytes]]:
    raw = {call.id: call.arguments for call in said.calls.values() if call.arguments}
    found = [
        (arguments_of(number), raw[call.id].encode())
        for number, call in enumerate(message.calls)
        if call.id in raw
    ]
    return [*found, (REASONING, said.reasoning.encode())] if said.reasoning else found


def _messages(api: Api, said: Generated) -> list[Message]:
    """The messages that a client makes of an answer, as far as identities go."""
    calls = [said.calls[number] for number in sorted(said.calls)]
    made: list[dict[str, Any]] = []
    if api == "chat":
        spelled = [{"id": call.id, "function": {"name": call.name}} for call in calls]
        made = [{"role": "assistant", "content": said.text, "tool_calls": spelled}]
    elif api == "messages":
        text = [{"type": "text", "text": said.text}]
        used = [{"type": "tool_use", "id": call.id, "name": call.name, "input": {}} for call in calls]
        made = [{"role": "assistant", "content": [*text, *used]}]
    else:
        made += [{"role": "assistant", "content": said.text}] if said.text else []
        made += [{"type": "function_call", "call_id": call.id, "name": call.name} for call in calls]
    return [read_message(api, msgspec.json.encode(message)) for message in made]
