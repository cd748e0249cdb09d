from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import httpx
import pytest

from proxy_core.llama.slots import SlotState
from proxy_core.slot_watch import watch_slots
from proxy_core.tasks import spawn
from proxy_core.upstream import UpstreamClient
from tests.real_llama import LlamaServer

SLOTS = b'[{"id":0,"is_processing":true,"id_task":3,"n_prompt_tokens_processed":0}]'
OLDER = b'[{"id":0,"is_processing":true,"id_task":3}]'


class Scripted(UpstreamClient):
    """Answers every question the same way, and notes the moments of the questions."""

    def __init__(
        self,
        status: int = 200,
        body: bytes = SLOTS,
        *,
        fault: httpx.HTTPError | None = None,
        seconds: float = 0.0,
    ) -> None:
        super().__init__("http://127.0.0.1:1", 1.0)
        self.asked = 0
        self._seconds = seconds
        self._answer = status, body
        self._fault = fault

    async def get(self, path: str, read_timeout: float) -> tuple[int, bytes]:
        assert path == "/slots"
        self.asked += 1
        time.sleep(self._seconds)  # noqa: ASYNC251  the clock of the loop is not the one that passes here
        if self._fault is not None:
            raise self._fault
        return self._answer


async def watch(
    client: UpstreamClient, busy: Callable[[], bool], seconds: float, clock: Clock
) -> list[tuple[SlotState, ...]]:
    """What was told in so many seconds of a clock that does not really run."""
    told: list[tuple[SlotState, ...]] = []
    task = spawn(watch_slots(client, busy, told.append), "watch slots")
    await clock.run(seconds)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await client.close()
    return told


class Clock:
    """Stands in for the pauses of the watch: they pass as fast as they can."""

    def __init__(self) -> None:
        self.now = 0.0
        self._yield = asyncio.sleep
        self._end = 0.0
        self._done = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self._end:
            self._done.set()
            await asyncio.Event().wait()
        await self._yield(0)

    async def run(self, seconds: float) -> None:
        self._end = self.now + seconds
        await self._done.wait()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("proxy_core.slot_watch.asyncio.sleep", clock.sleep)
    return clock


@pytest.mark.parametrize("body", [None, OLDER])
async def test_between_questions_the_server_has_more_than_a_second_to_itself(
    clock: Clock, body: bytes | None
) -> None:
    client = Scripted() if body is None else Scripted(body=body)
    told = await watch(client, lambda: True, 30.0, clock)
    assert 10 <= client.asked <= 14
    assert len(told) == client.asked


async def test_what_is_told_are_the_slots(clock: Clock) -> None:
    told = await watch(Scripted(), lambda: True, 1.0, clock)
    assert told[0] == (SlotState(0, True, 3, None, None, 0, None),)


async def test_no_question_while_nothing_runs(clock: Clock) -> None:
    client = Scripted()
    assert await watch(client, lambda: False, 100.0, clock) == []
    assert client.asked == 0


async def test_one_question_more_when_all_is_done(clock: Clock) -> None:
    client = Scripted()
    told = await watch(client, lambda: clock.now < 6.0, 100.0, clock)
    assert len(told) == client.asked == 4


@pytest.mark.parametrize(
    ("status", "body"), [(401, b"{}"), (501, b"{}"), (404, b""), (400, b"{}"), (200, b'{"not":"slots"}')]
)
async def test_a_server_that_refuses_is_asked_ever_less(clock: Clock, status: int, body: bytes) -> None:
    client = Scripted(status, body)
    assert await watch(client, lambda: True, 600.0, clock) == []
    assert 10 <= client.asked <= 20


async def test_a_server_that_takes_its_time_gets_it(clock: Clock) -> None:
    client = Scripted(seconds=0.5)
    assert len(await watch(client, lambda: True, 20.0, clock)) == client.asked
    assert 2 <= client.asked <= 6


async def test_a_server_that_is_away_is_found_again_soon(clock: Clock) -> None:
    client = Scripted(fault=httpx.ConnectError("nobody"))
    assert await watch(client, lambda: True, 100.0, clock) == []
    assert 15 <= client.asked <= 30


async def test_a_real_server(llama: LlamaServer, clock: Clock) -> None:
    told = await watch(UpstreamClient(llama.url, 5.0), lambda: True, 1.0, clock)
    assert told
    assert [state.id for state in told[0]] == [0]
    assert told[0][0].n_ctx
