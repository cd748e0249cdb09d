"""What the model said in an answer, as it is kept."""

from __future__ import annotations

import msgspec

from proxy_core.llama.generated import Generated, GeneratedCall


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool call that the model made."""

    name: str = ""
    arguments: str = ""
    """In the model's own spelling, where the API tells it."""
    id: str = ""


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the model answered, put together."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    thought: bool = False
    """Whether there was any reasoning, also where the API does not tell its words."""


def said_of(generated: Generated) -> Said | None:
    """What the model said, as it is kept; None where it was heard to say nothing."""
    calls = tuple(Call(call.name, call.arguments, call.id) for _, call in sorted(generated.calls.items()))
    said = Said(generated.text, generated.reasoning, calls, generated.thought)
    return None if said == Said() else said


def generated_of(said: Said) -> Generated:
    """What is kept, as rules learn from it."""
    calls = {at: GeneratedCall(call.id, call.name, call.arguments) for at, call in enumerate(said.calls)}
    return Generated(said.text, said.reasoning, calls, said.thought or bool(said.reasoning))
