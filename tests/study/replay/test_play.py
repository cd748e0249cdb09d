"""Playing at a scripted server: the order, what is sent, and what becomes of faults."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from proxy_core.counting.tokens import TokenCounter
from proxy_core.study.replay.bodies import Asking
from proxy_core.study.replay.conversations import Conversation, plan
from proxy_core.study.replay.play import Limits, Player, new_salt
from proxy_core.study.replay.played import Played
from proxy_core.study.replay.server import ServerClient
from proxy_core.study.steps import steps
from tests.fake_upstream import Call, FakeUpstream, fake_upstream
from tests.study.test_steps import RULES, captured

Answers = Callable[[int, Call], None]
"""Answers a prompt; gets its number, from 1."""


def figures(cached: int = 90, evaluated: int = 10) -> bytes:
    """An answer of chat completions."""
    timings = {"cache_n": cached, "prompt_n": evaluated, "prompt_ms": 12.5, "predicted_n": 1}
    return json.dumps(
        {"choices": [], "usage": {"prompt_tokens": cached + evaluated}, "timings": timings}
    ).encode()


def fine(_number: int, call: Call) -> None:
    """Answer with figures."""
    call.answer(figures())


@dataclass
class Script:
    """A player in front of a scripted server."""

    fake: FakeUpstream
    answers: Answers = fine
    asked: Callable[[Call], None] = lambda call: call.answer(b"{}", status="501 Not Implemented")
    """Answers what is no prompt."""
    limits: Limits = field(default_factory=Limits)
    key: str | None = None
    calls: list[Call] = field(default_factory=list)
    played: list[Played] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def play(self, *conversations: Conversation) -> str | None:
        """Play until the end; the server answers from a thread of its own."""
        ended = threading.Event()
        answering = threading.Thread(target=self._answer, args=(ended,))
        answering.start()
        try:
            return asyncio.run(self._play(conversations))
        finally:
            ended.set()
            answering.join()

    async def _play(self, conversations: tuple[Conversation, ...]) -> str | None:
        client = ServerClient(self.fake.url, 5.0, self.key)
        took, tell = self.played.append, self.told.append
        player = Player(client, Asking(), TokenCounter(client), self.limits, took, tell)
        try:
            return await player.play(conversations)
        finally:
            await client.close()

    def _answer(self, ended: threading.Event) -> None:
        while not ended.wait(0.005):
            if self.fake.idle():
                continue
            call = self.fake.next()
            if call.method == "GET":
                self.asked(call)
            else:
                self.calls.append(call)
                self.answers(len(self.calls), call)

    @property
    def order(self) -> list[tuple[int, str, str, int]]:
        """Round, conversation, arm and turn of each prompt."""
        return [(one.round, one.lane, one.arm, one.turn) for one in self.played]


@pytest.fixture
def script(fake: FakeUpstream) -> Script:
    return Script(fake)


def conversation(turns: int = 2, case: str = "openclaw-c") -> Conversation:
    """The first requests of a case."""
    return plan(steps(captured(case), RULES), limit=turns).conversations[0]


def _salt(call: Call) -> str:
    text = json.loads(call.body)["messages"][0]["content"]
    salt, _, _ = text.partition("\n")
    assert len(salt) == len(new_salt())
    assert salt.isdecimal()
    return str(salt)


def test_arms_take_turns_in_going_first_and_each_has_a_salt_of_its_own(script: Script) -> None:
    first, second = conversation(), conversation()
    second.lane = "c2"
    script.limits = Limits(rounds=2)
    assert script.play(first, second) is None
    units = [(1, "c1", "raw"), (1, "c1", "normalized"), (1, "c2", "normalized"), (1, "c2", "raw")]
    units += [(2, "c1", "normalized"), (2, "c1", "raw"), (2, "c2", "raw"), (2, "c2", "normalized")]
    assert script.order == [(*unit, turn) for unit in units for turn in (1, 2)]
    salts = [_salt(call) for call in script.calls]
    assert salts[::2] == salts[1::2]
    assert len(set(salts)) == len(units)


def test_bodies_are_those_of_the_arm_and_figures_those_of_the_answer(script: Script) -> None:
    one = conversation()
    script.play(one)
    for number, (played, call) in enumerate(zip(script.played, script.calls, strict=True)):
        sent, body = json.loads(call.body), json.loads(one.turns[number % 2].body(played.arm))
        assert (call.target, sent["max_tokens"], sent["stream"]) == ("/v1/chat/completions", 1, False)
        assert sent["messages"][1:] == body["messages"][1:]
        assert sent["messages"][0]["content"] == f"{_salt(call)}\n{body['messages'][0]['content']}"
        assert (played.tokens, played.reused, played.evaluated, played.prompt_ms) == (100, 90, 10, 12.5)
        assert played.answer_ms is not None
        assert (played.problem, played.shared, played.others) == (None, None, None)


def test_a_key_goes_with_every_prompt(script: Script) -> None:
    script.key = "s3cret"
    script.play(conversation())
    assert {value for call in script.calls for value in call.values("authorization")} == {"Bearer s3cret"}


def test_a_refused_prompt_is_told_and_the_arm_goes_on(script: Script) -> None:
    def refuse(number: int, call: Call) -> None:
        told = {"error": {"code": 400, "message": "request (9 tokens)\nexceeds", "type": "x"}}
        if number == 2:
            call.answer(json.dumps(told).encode(), status="400 Bad Request")
        else:
            call.answer(figures())

    script.answers = refuse
    assert script.play(conversation(3)) is None
    assert [one.problem for one in script.played[:3]] == [None, "400: request (9 tokens) exceeds", None]
    assert [one.status for one in script.played] == [200, 400, 200, 200, 200, 200]


@pytest.mark.parametrize("status", ["401 Unauthorized", "404 Not Found", "501 Not Implemented"])
def test_an_arm_stops_where_the_next_prompt_would_fare_alike(script: Script, status: str) -> None:
    script.answers = lambda _number, call: call.answer(b"<html>", "Content-Type: text/html", status=status)
    assert script.play(conversation(3)) is None
    assert len(script.calls) == 2
    assert script.played[0].problem == f"{status[:3]}: no reason given"
    assert [one.problem for one in script.played[1:3]] == ["not asked, after what happened in turn 1"] * 2


def test_an_answer_without_figures_is_told(script: Script) -> None:
    script.answers = lambda _number, call: call.answer(b'{"choices":[]}')
    script.play(conversation())
    assert {one.problem for one in script.played} == {"the answer tells no figures"}


def test_an_answer_that_does_not_come_ends_the_arm_alone(script: Script) -> None:
    script.answers = lambda number, call: None if number == 1 else call.answer(figures())
    script.limits = Limits(timeout=0.3)
    assert script.play(conversation()) is None
    assert script.played[0].problem == "no answer within 0.3 s"
    assert [one.answered for one in script.played] == [False, False, True, True]
    script.calls[0].done.set()


def test_a_server_that_goes_away_ends_everything(script: Script) -> None:
    def die(number: int, call: Call) -> None:
        if number == 2:
            threading.Thread(target=script.fake.stop).start()
            call.close(reset=True)
        else:
            with contextlib.suppress(OSError):
                call.answer(figures())

    script.answers = die
    gone = script.play(conversation(3))
    assert script.order[:2] == [(1, "c1", "raw", 1), (1, "c1", "raw", 2)]
    assert script.played[1].problem is not None
    # It may still listen for a moment, or not.
    assert gone is None or "went away" in gone


def test_a_server_that_loads_its_model_is_asked_again(script: Script) -> None:
    def load(number: int, call: Call) -> None:
        loading = {"error": {"code": 503, "message": "Loading model"}}
        if number == 2:
            call.answer(json.dumps(loading).encode(), status="503 Service Unavailable")
        else:
            call.answer(figures())

    script.answers = load
    script.play(conversation())
    assert len(script.calls) == 5
    assert all(one.answered for one in script.played)
    noted = [one.note for one in script.played]
    assert noted[1] is not None
    assert "loading" in noted[1]
    assert noted[:1] + noted[2:] == [None] * 3


def test_a_slot_that_works_for_others_is_noticed() -> None:
    busy = [{"id": 0, "is_processing": True}, {"id": 1, "is_processing": False}]

    def asked(call: Call) -> None:
        call.answer(json.dumps(busy).encode() if call.target == "/slots" else b"{}")

    with fake_upstream(explaining=True) as explaining:
        script = Script(explaining, asked=asked)
        script.play(conversation())
    assert [one.others for one in script.played] == [True] * 4


def test_a_prompt_that_was_given_up_is_nobody_elses() -> None:
    busy = json.dumps([{"id": 0, "is_processing": True}]).encode()
    with fake_upstream(explaining=True) as explaining:
        script = Script(explaining, limits=Limits(timeout=0.3))
        script.asked = lambda call: call.answer(busy if call.target == "/slots" else b"{}")
        script.answers = lambda number, call: None if number == 1 else call.answer(figures())
        script.play(conversation())
        script.calls[0].done.set()
    asked = [one.others for one in script.played if not (one.problem or "").startswith("not asked")]
    assert asked == [True, None, True]
