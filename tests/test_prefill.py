from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.exchange import Exchange, Record
from proxy_core.llama import events as ev
from proxy_core.llama.answer import Answer
from proxy_core.llama.feed import LogFeed
from proxy_core.llama.grammar import parse
from proxy_core.llama.slots import SlotState, read_slots
from proxy_core.prefill import Prefills
from proxy_core.progress import Progress
from tests.llama.corpus import ERAS, all_lines, slot
from tests.real_llama import LlamaFactory

OPEN = Exchange("POST", "/v1/chat/completions", "chat", "chat", True, lane="lane", status="waiting")
"""A request that waits for its answer."""


def waiting(key: int, **changes: Any) -> Record:
    return Record(key, 0.0, replace(OPEN, **changes))


class World:
    """Prefills under a clock that stands still until it is told to go on."""

    def __init__(self, sizes: dict[int, int] | None = None) -> None:
        self.now = 100.0
        self.prefills = Prefills((sizes or {}).get, lambda: self.now)

    def ask(self, key: int, **changes: Any) -> None:
        self.prefills.record(waiting(key, **changes))

    def end(self, key: int, tokens: int | None = None) -> None:
        self.ask(key, status="done", answer=Answer(prompt_tokens=tokens))

    def log(self, text: str, *, task: int = 7, slot_id: int = 0, after: float = 0.0) -> None:
        self.now += after
        event = parse(slot("f", text, slot_id=slot_id, task=task))
        assert event is not None, text
        self.prefills.event(event)

    def start(self, task: int = 7, slot_id: int = 0, *, size: int | None = None) -> None:
        self.now += 1.0
        self.log("processing task, is_child = 0", task=task, slot_id=slot_id)
        if size is not None:
            text = f"new prompt, n_ctx_slot = 65536, n_keep = 0, task.n_tokens = {size}"
            self.log(text, task=task, slot_id=slot_id)

    def slots(self, *states: SlotState, after: float = 0.0) -> None:
        self.now += after
        self.prefills.slots(states)

    @property
    def progress(self) -> dict[int, Progress]:
        return self.prefills.progress()


def state(
    task: int, done: int, cached: int, *, slot_id: int = 0, busy: bool = True, generated: int = 0
) -> SlotState:
    return SlotState(slot_id, busy, task, 65536, cached + done, done, cached, generated)


def kept(n_past: int) -> str:
    return f"cached n_tokens = {n_past}, memory_seq_rm [{n_past}, end)"


def test_a_prompt_from_its_start_to_its_end() -> None:
    world = World()
    assert not world.prefills.busy()
    world.ask(1)
    assert world.prefills.busy()
    assert world.progress == {}
    world.start(size=9000)
    assert world.progress == {}
    world.log(kept(1000))
    assert world.progress == {1: Progress(1000, 9000, 0.0, None, "log")}
    world.log(kept(3000), after=2.0)
    # A thousand a second, and six thousand are left. The reused ones took no time.
    assert world.progress == {1: Progress(3000, 9000, 0.25, 6.0, "log")}
    world.now += 1.0
    assert world.progress[1].seconds_left == 5.0
    world.log(kept(5000), after=1.0)
    assert world.progress == {1: Progress(5000, 9000, 0.5, 4.0, "log")}
    world.log("prompt eval time =  400.00 ms /   200 tokens (2.00 ms per token, 500.00 tokens per second)")
    assert world.progress == {}
    world.log("stop processing: n_tokens = 9049, truncated = 0")
    world.end(1)
    assert not world.prefills.busy()


def test_a_prompt_that_the_slots_tell_of() -> None:
    world = World({1: 30_000, 2: 36_000})
    world.ask(1)
    world.end(1, tokens=10_000)
    world.ask(2)
    world.slots(SlotState(0, True, 7, 65536, 10_049, 0, 0, 0), after=1.0)
    assert world.progress == {}, "the slot has not begun with its task"
    world.slots(state(7, 0, 4000))
    # The size is estimated by the bytes: 36,000 at three a token.
    assert world.progress == {2: Progress(4000, None, 0.0, None, "slots")}
    world.slots(state(7, 2000, 4000), after=4.0)
    assert world.progress == {2: Progress(6000, None, 0.25, 12.0, "slots")}
    world.slots(state(7, 8100, 4000), after=1.0)
    assert world.progress == {2: Progress(12_100, None, None, None, "slots")}
    world.slots(state(7, 8100, 4000, generated=1), after=1.0)
    assert world.progress == {}
    world.slots(state(7, 0, 0, busy=False))
    assert world.prefills.tasks == {}


def test_a_size_that_is_only_estimated_never_shows_a_whole_prompt() -> None:
    world = World({1: 1000, 2: 1000})
    world.ask(1)
    world.end(1, tokens=1000)
    world.ask(2)
    world.slots(state(7, 999, 0), after=1.0)
    assert world.progress[2].share == 0.99


def test_default_verbosity_tells_late_and_little() -> None:
    line = "prompt processing, n_tokens = {:6d}, progress = {:.2f}, t = {:6.2f} s / 500.00 tokens per second"
    world = World()
    world.ask(1)
    world.start()
    # A prompt of 8,000 of which 4,000 were reused; the line counts evaluated tokens.
    world.log(line.format(1600, 5600 / 8000, 3.2))
    assert world.progress == {}, "neither the size nor what was reused is known"
    world.log(line.format(2400, 6400 / 8000, 4.8), after=1.6)
    assert world.progress == {1: Progress(6400, None, 0.6, 3.0, "log")}


def test_the_pace_of_a_first_line() -> None:
    world = World({1: 100, 2: 100})
    world.ask(1)
    world.end(1, tokens=8000)
    world.ask(2)
    world.start()
    world.log(
        "prompt processing, n_tokens =   2000, progress = 0.50, t =   4.00 s / 500.00 tokens per second"
    )
    assert world.progress == {2: Progress(4000, None, 2000 / 6000, 8.0, "log")}


@pytest.mark.parametrize("era", [era for era in ERAS if "n_tokens = 1200" in " ".join(ERAS[era])])
def test_eras_that_log_the_size(era: str) -> None:
    world = World()
    world.ask(1)
    seen: list[Progress] = []
    world.now += 1.0
    for line in ERAS[era]:
        event = parse(line)
        if event is not None:
            world.prefills.event(event)
        seen += world.progress.values()
    assert seen[0].done == 1000
    assert {progress.total for progress in seen} == {1200}
    assert all(0 <= (progress.share or 0) < 1 for progress in seen)
    assert not world.progress


def test_the_evaluation_that_begins_again() -> None:
    world = World()
    world.ask(1)
    world.start(size=1000)
    world.log(kept(900))
    world.log("failed to truncate tokens with position >= 900 - clearing the memory")
    assert world.progress == {1: Progress(0, 1000, 0.0, None, "log")}


def test_two_requests_in_their_order() -> None:
    world = World()
    for key, task in ((1, 7), (2, 9)):
        world.ask(key)
        world.start(task, slot_id=key, size=1000 * key)
        world.log(kept(100 * key), task=task, slot_id=key)
    assert {key: progress.done for key, progress in world.progress.items()} == {1: 100, 2: 200}
    assert world.prefills.tasks == {7: 1, 9: 2}


def test_the_first_answer_may_go_on_while_the_second_prompt_is_evaluated() -> None:
    world = World()
    world.ask(1)
    world.slots(state(7, 10, 0, generated=3), after=1.0)
    world.ask(2)
    world.slots(state(7, 10, 0, generated=9), state(9, 500, 100, slot_id=1), after=1.0)
    assert world.progress == {2: Progress(600, None, None, None, "slots")}


def test_a_request_in_the_queue_has_no_progress() -> None:
    world = World()
    world.ask(1)
    world.start(size=1000)
    world.log(kept(10))
    world.now += 1.0
    world.ask(2)
    assert list(world.progress) == [1]
    world.log("stop processing: n_tokens = 1049, truncated = 0")
    # The answer to the first may still be on its way when the second one's task starts.
    world.start(9, size=500)
    world.log(kept(20), task=9)
    assert {key: progress.done for key, progress in world.progress.items()} == {2: 20}


def test_requests_at_the_same_moment_are_told_apart_by_their_size_or_not_at_all() -> None:
    sizes = {1: 300, 2: 60_000, 3: 300, 4: 310, 9: 300}
    unlike = World(sizes)
    unlike.ask(9)
    unlike.end(9, tokens=100)
    unlike.ask(1)
    unlike.ask(2)
    # The server took the second one in first: its prompt is too long for the other's body.
    unlike.start(7, slot_id=0, size=20_000)
    unlike.start(8, slot_id=1, size=100)
    unlike.log(kept(5000), task=7)
    unlike.log(kept(50), task=8, slot_id=1)
    assert {key: progress.done for key, progress in unlike.progress.items()} == {2: 5000, 1: 50}
    alike = World(sizes)
    alike.ask(9)
    alike.end(9, tokens=100)
    alike.ask(3)
    alike.ask(4)
    alike.start(7, slot_id=0, size=100)
    alike.log(kept(10))
    assert alike.progress == {}


def test_another_client_of_the_server_takes_no_request_s_place() -> None:
    world = World({1: 30_000, 9: 300})
    world.ask(9)
    world.end(9, tokens=100)
    world.start(5, slot_id=1, size=10_000)
    world.log(kept(10), task=5, slot_id=1)
    world.now += 1.0
    world.ask(1)
    assert world.progress == {}, "that task was there before the request"
    world.start(7, size=500)
    world.log(kept(400), task=7)
    assert world.progress == {}, "too small for the request's body"
    world.start(8, slot_id=2, size=10_000)
    world.log(kept(9000), task=8, slot_id=2)
    assert {key: progress.done for key, progress in world.progress.items()} == {1: 9000}


def test_what_a_request_left_behind_is_nobody_else_s() -> None:
    world = World()
    world.ask(1)
    world.start(size=50_000)
    world.log(kept(10))
    world.ask(1, status="cancelled")
    world.now += 1.0
    world.ask(2)
    assert world.progress == {}, "the server may be at the cancelled one for a while"
    world.log("stop processing: n_tokens = 2000, truncated = 0")
    world.start(9, size=300)
    world.log(kept(30), task=9)
    assert {key: progress.done for key, progress in world.progress.items()} == {2: 30}


def test_an_answer_that_names_its_prompt_has_it_evaluated() -> None:
    world = World()
    world.ask(1)
    world.start(size=1000)
    world.log(kept(10))
    world.ask(1, status="streaming", answer=Answer(prompt_n=990, cached_n=10))
    assert world.progress == {}


def test_an_old_answer_of_the_server_does_not_bring_a_task_back() -> None:
    world = World()
    world.ask(1)
    world.start(size=1000)
    world.log("stop processing: n_tokens = 1049, truncated = 0")
    world.ask(2)
    world.slots(state(7, 10, 0), after=1.0)
    assert world.progress == {}


def test_the_log_is_believed_until_the_server_has_said_otherwise_thrice() -> None:
    world = World()
    world.ask(1)
    world.start(size=1000)
    for _ in range(2):
        world.slots(state(5, 0, 0, busy=False))
        assert world.prefills.tasks == {7: 1}
    world.slots(state(5, 0, 0, busy=False))
    assert world.prefills.tasks == {}


def test_a_restart_ends_every_task_of_that_server() -> None:
    world = World()
    world.ask(1)
    world.start(size=1000)
    world.prefills.event(ev.ServerState(None, None, None, None, what="loading"))
    assert world.prefills.tasks == {}


def test_children_of_a_router_are_told_apart_by_size_alone() -> None:
    world = World({1: 300, 2: 60_000, 9: 300})
    world.ask(9)
    world.end(9, tokens=100)
    for key, port, size in ((1, 5001, 100), (2, 5002, 20_000)):
        world.ask(key)
        world.now += 1.0
        world.prefills.event(ev.TaskStarted(port, 0, 0, None))
        world.prefills.event(ev.PromptFacts(port, 0, 0, None, 65536, size))
        world.prefills.event(ev.CachedPrefix(port, 0, 0, None, size // 2))
    assert {key: progress.done for key, progress in world.progress.items()} == {1: 50, 2: 10_000}


def test_other_requests_are_left_alone() -> None:
    world = World()
    world.ask(1, prompts=False)
    world.prefills.record(Record(2, None))
    assert not world.prefills.busy()


FEED = st.one_of(
    st.sampled_from([event for line in all_lines() if (event := parse(line)) is not None]),
    st.builds(
        SlotState,
        st.integers(0, 2),
        st.booleans(),
        st.none() | st.integers(0, 9),
        st.none() | st.integers(0, 99),
        st.none() | st.integers(0, 10**6),
        st.none() | st.integers(0, 10**6),
        st.none() | st.integers(0, 10**6),
        st.none() | st.integers(0, 2),
    ),
    st.builds(
        lambda key, status, tokens: waiting(key, status=status, answer=Answer(prompt_tokens=tokens)),
        st.integers(1, 4),
        st.sampled_from(["waiting", "streaming", "done", "error", "cancelled"]),
        st.none() | st.integers(0, 10**6),
    ),
    st.floats(0, 100),
)


@given(st.lists(FEED, max_size=40))
def test_whatever_comes_the_figures_make_sense(feed: list[ev.LogEvent | SlotState | Record | float]) -> None:
    world = World({key: key * 1000 for key in range(1, 4)})
    still_open: set[int] = set()
    for thing in feed:
        match thing:
            case float():
                world.now += thing
            case SlotState():
                world.slots(thing)
            case Record():
                world.prefills.record(thing)
                (still_open.add if thing.open else still_open.discard)(thing.id)
            case _:
                world.prefills.event(thing)
        assert set(world.progress) <= still_open
        assert set(world.prefills.tasks.values()) <= still_open
        for progress in world.progress.values():
            assert progress.done >= 0
            assert progress.total is None or progress.done < progress.total
            assert progress.share is None or 0 <= progress.share < 1
            assert progress.seconds_left is None or progress.seconds_left >= 0


@pytest.mark.parametrize(("verbosity", "slots"), [(4, False), (3, True), (4, True)])
def test_a_real_prompt(llama_factory: LlamaFactory, verbosity: int, slots: bool) -> None:
    server = llama_factory(parallel=1, ctx=65536, verbosity=verbosity, threads=1)
    text = "word and thing number " * 7000
    bodies: dict[int, int] = {}
    prefills, feed, read = Prefills(bodies.get), LogFeed(), 0

    def ask(key: int, prompt: str) -> Answer:
        body = {"prompt": prompt, "n_predict": 4}
        reply = httpx.post(f"{server.url}/completion", json=body, timeout=120, trust_env=False).json()
        told = reply["timings"]
        return Answer(prompt_tokens=told["cache_n"] + told["prompt_n"], cached_n=told["cache_n"])

    def follow() -> None:
        nonlocal read
        *lines, _ = server.log_path.read_text(encoding="utf-8").split("\n")
        for event in feed.read(lines[read:], live=True).events:
            prefills.event(event)
        read = len(lines)

    def run(key: int, prompt: str) -> tuple[Answer, list[Progress]]:
        bodies[key] = len(prompt)
        prefills.record(waiting(key))
        answers: list[Answer] = []
        thread = threading.Thread(target=lambda: answers.append(ask(key, prompt)))
        thread.start()
        seen: list[Progress] = []
        while thread.is_alive():
            follow()
            if slots:
                body = httpx.get(f"{server.url}/slots", timeout=60, trust_env=False).content
                prefills.slots(read_slots(body) or ())
            seen += prefills.progress().values()
            time.sleep(0.02)
        thread.join()
        prefills.record(waiting(key, status="done", answer=answers[0]))
        return answers[0], seen

    first, _ = run(1, text[:60_000])
    answer, seen = run(2, text)
    assert answer.prompt_tokens is not None
    assert first.prompt_tokens is not None
    assert seen, "the prompt was over before anybody looked"
    done = [progress.done for progress in seen]
    assert done == sorted(done)
    assert first.prompt_tokens - 1 <= done[0]
    assert done[-1] < answer.prompt_tokens
    shares = [progress.share for progress in seen if progress.share is not None]
    assert shares == sorted(shares)
    assert len(set(shares)) > 1
    evaluated = answer.prompt_tokens - (answer.cached_n or 0)
    last = seen[-1]
    assert last.share == pytest.approx((last.done - (answer.cached_n or 0)) / evaluated, abs=0.03)
    assert {progress.total for progress in seen} <= {answer.prompt_tokens, None}
    assert any(progress.seconds_left is not None for progress in seen)
