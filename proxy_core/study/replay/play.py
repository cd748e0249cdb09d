"""Plays conversations at a server, each in both arms, one prompt at a time."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import NamedTuple

import httpx

from proxy_core.counting.tokens import TokenCounter
from proxy_core.errors import PromptError
from proxy_core.llama.answer import Answer, AnswerReader
from proxy_core.prompt import Prompt, parse
from proxy_core.study.replay.bodies import PATHS, SALT_DIGITS, Asking, prepared
from proxy_core.study.replay.conversations import ARMS, Arm, Conversation, Turn
from proxy_core.study.replay.played import Played, counts
from proxy_core.study.replay.server import ServerClient, Tell, ready, shared_with_others
from proxy_core.upstream import reason
from proxy_core.watch import look

_HOPELESS = frozenset({401, 403, 404, 405, 501})
"""Answers that the next prompt would get as well."""

_JSON = [(b"content-type", b"application/json"), (b"accept", b"application/json, text/event-stream")]
_LONGEST_REASON = 300
"""Characters of what a server says of an error."""


@dataclass(frozen=True)
class Limits:
    """How much is played."""

    rounds: int = 1
    timeout: float = 600.0
    """Seconds for one prompt and its answer."""


def new_salt() -> str:
    """Digits that nobody has sent before."""
    return f"{secrets.randbelow(10**SALT_DIGITS):0{SALT_DIGITS}}"


@dataclass
class Player:
    """Sends prompts and measures them."""

    client: ServerClient
    asking: Asking
    counter: TokenCounter
    limits: Limits
    took: Callable[[Played], None]
    """Takes each result as soon as it is there."""
    tell: Tell
    salt: Callable[[], str] = field(default=new_salt)
    uncounted: str | None = None
    """Why `shared` is unknown, where it is."""
    _left: bool = False
    """Whether the prompt before was given up, so that a slot may still be at work on it."""

    async def play(self, conversations: Sequence[Conversation]) -> str | None:
        """Play everything; gives the reason where the server went away before the end.

        Which arm goes first changes with each conversation and with each round, so that a machine that gets
        slower, or warmer, does so in both.
        """
        for number in range(1, self.limits.rounds + 1):
            for place, conversation in enumerate(conversations):
                for arm in ARMS if (number + place) % 2 else reversed(ARMS):
                    gone = await self._arm(conversation, arm, number)
                    if gone is not None:
                        return gone
        return None

    async def _arm(self, conversation: Conversation, arm: Arm, number: int) -> str | None:
        salt = self.salt()
        previous: Prompt | None = None
        stopped: str | None = None
        for place, turn in enumerate(conversation.turns, 1):
            blank = Played(conversation.lane, place, turn.number, turn.place, turn.api, arm, number)
            if stopped is not None:
                self.took(replace(blank, problem=stopped))
                continue
            result = await self._turn(blank, turn, salt, previous)
            self.took(result.played)
            if result.gone is not None:
                return result.gone
            previous = result.sent or previous
            if result.hopeless:
                stopped = f"not asked, after what happened in turn {place}"
        return None

    async def _turn(self, blank: Played, turn: Turn, salt: str, previous: Prompt | None) -> _Result:
        try:
            body = prepared(parse(turn.api, turn.body(blank.arm)), salt, self.asking)
            sent = parse(turn.api, body)
        except PromptError as error:
            return _Result(replace(blank, problem=f"not asked: {error.message}"))
        busy = await shared_with_others(self.client)
        blank = replace(blank, others=None if busy and self._left else busy)
        self._left = False
        try:
            told = await self._asked(turn, body)
            if told.status == HTTPStatus.SERVICE_UNAVAILABLE:
                await ready(self.client, self.tell)
                blank = replace(
                    blank, note="asked again, since llama-server was loading its model: its cache was empty"
                )
                told = await self._asked(turn, body)
        except TimeoutError:
            self._left = True
            problem = f"no answer within {self.limits.timeout:g} s"
            return _Result(replace(blank, problem=problem), hopeless=True)
        except httpx.HTTPError as error:
            blank = replace(blank, problem=reason(error))
            state = (await look(self.client)).state
            gone = f"The server went away: {reason(error)}." if state == "down" else None
            return _Result(blank, hopeless=True, gone=gone)
        blank = replace(blank, status=told.status)
        if told.status != HTTPStatus.OK or told.answer.error is not None:
            problem = f"{told.status}: {_short(told.answer.error or 'no reason given')}"
            return _Result(replace(blank, problem=problem), hopeless=told.status in _HOPELESS)
        whole, reused, evaluated = counts(told.answer)
        if whole is None:
            return _Result(replace(blank, problem="the answer tells no figures", answer_ms=told.ms), sent)
        played = replace(
            blank,
            tokens=whole,
            reused=reused,
            evaluated=evaluated,
            prompt_ms=told.answer.prompt_ms,
            answer_ms=told.ms,
            shared=await self._shared(previous, sent),
        )
        return _Result(played, sent)

    async def _shared(self, previous: Prompt | None, sent: Prompt) -> int | None:
        if previous is None:
            return None
        counted = await self.counter.shared(previous, sent)
        if counted is None:
            self.uncounted = self.uncounted or self.counter.problem
        return None if counted is None else counted.tokens

    async def _asked(self, turn: Turn, body: bytes) -> _Told:
        """Post one prompt and read its answer.

        Raises:
            TimeoutError: That took too long.
            httpx.TransportError: There is no answer, or no whole one.
        """
        started = time.perf_counter()
        async with asyncio.timeout(self.limits.timeout):
            answer = await self.client.send("POST", PATHS[turn.api].encode(), _JSON, body)
            try:
                streamed = answer.headers.get("content-type", "").startswith("text/event-stream")
                reader = AnswerReader(stream=streamed)
                async for chunk in answer.aiter_raw():
                    reader.feed(chunk)
            finally:
                await answer.aclose()
        reader.finish()
        return _Told(answer.status_code, reader.answer, (time.perf_counter() - started) * 1000)


class _Told(NamedTuple):
    """An answer."""

    status: int
    answer: Answer
    ms: float
    """Until its last byte."""


class _Result(NamedTuple):
    """What became of one prompt."""

    played: Played
    sent: Prompt | None = None
    """What is in the cache now."""
    hopeless: bool = False
    """Whether the rest of the arm would fare no better."""
    gone: str | None = None
    """Why nothing can be asked any more."""


def _short(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_REASON]
