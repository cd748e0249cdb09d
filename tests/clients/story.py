"""The logical conversation of all cases: who says what and when, before any client has written it down.

The texts are the demo's. The clock starts before midnight UTC and passes it once; it moves by minutes between
the person's turns and by seconds between the requests of a tool loop.
"""

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from console.demo.conversation import Step, steps

START = datetime(2026, 3, 4, 23, 46, 9, tzinfo=UTC)
"""The first message of a conversation whose client has no other date of its own."""

_SEED = 20260304
_TURNS, _SHORT_TURNS = 7, (0, 1, 4, 5)
_SHORT_CALLS = 2
_ID = string.ascii_letters + string.digits
_FIRST_NUMBER = 6950


@dataclass(frozen=True)
class Person:
    """A message that a person wrote."""

    turn: int
    at: datetime
    text: str
    id: str
    """A UUID."""

    @property
    def number(self) -> int:
        """A small growing number, as Telegram counts messages."""
        return _FIRST_NUMBER + 2 * self.turn


@dataclass(frozen=True)
class Call:
    """A tool call of the model; the id is 32 letters and digits, as llama-server makes them."""

    id: str
    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True)
class Model:
    """What the model said."""

    turn: int
    text: str
    call: Call | None
    reasoning: str


@dataclass(frozen=True)
class Tool:
    """What a tool returned."""

    turn: int
    call_id: str
    name: str
    text: str


Said: TypeAlias = Person | Model | Tool


@dataclass(frozen=True)
class Ask:
    """The moment at which the client asks the model."""

    turn: int
    step: int
    """Which request of the turn, from 0."""
    at: datetime
    session: str
    """A UUID, the same for the whole conversation."""
    said: tuple[Said, ...]
    answer: Model
    """What the model will say."""

    @property
    def person(self) -> Person:
        """The message that is being answered."""
        return next(said for said in reversed(self.said) if isinstance(said, Person))


def asks(
    short: bool,
    *,
    start: datetime = START,
    names: Mapping[str, str] | None = None,
    result: Callable[[str], str] = str,
    seed: int = _SEED,
) -> Iterator[Ask]:
    """Each request that the conversation takes, in order; equal arguments give equal values.

    Args:
        short: Four turns instead of seven, and at most two calls in a tool loop.
        start: When the first message is written.
        names: What the client calls the tools `exec` and `read`, when not so.
        result: What becomes of each tool result's text.
        seed: Decides ids and minutes.
    """
    ids = random.Random(seed)
    session = _uuid(ids)
    now = start
    said: list[Said] = []
    for turn, step in enumerate(_script(short), 1):
        said.append(Person(turn, now, step.user, _uuid(ids)))
        for number, message in enumerate(_answers(turn, step, ids, names or {}, result)):
            if isinstance(message, Model):
                yield Ask(turn, number // 2, now, session, tuple(said), message)
                now += timedelta(seconds=ids.randint(8, 40))
            said.append(message)
        now += timedelta(minutes=ids.randint(3, 9))


def _script(short: bool) -> list[Step]:
    if not short:
        return list(steps()[:_TURNS])
    chosen = [steps()[index] for index in _SHORT_TURNS]
    return [Step(step.user, step.uses[:_SHORT_CALLS], step.reply) for step in chosen]


def _answers(
    turn: int, step: Step, ids: random.Random, names: Mapping[str, str], result: Callable[[str], str]
) -> Iterator[Model | Tool]:
    for use in step.uses:
        name = names.get(use.name, use.name)
        call = Call("".join(ids.choices(_ID, k=32)), name, use.arguments)
        yield Model(
            turn, use.say, call, f"The answer needs {name}; its arguments are clear from the question."
        )
        yield Tool(turn, call.id, name, result(use.result.strip()))
    yield Model(
        turn, step.reply, None, "Everything that was asked for is known now, so a short answer will do."
    )


def _uuid(ids: random.Random) -> str:
    return str(uuid.UUID(int=ids.getrandbits(128), version=4))
