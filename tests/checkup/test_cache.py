"""Slots, host cache and context against what the clients do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy_core.checkup.checks import cache
from proxy_core.checkup.process import Process
from proxy_core.checkup.setup import Listener, Log
from proxy_core.llama.facts import Upstream
from tests.checkup.kit import UP, URL, facts, lane, log, only, proxy, request, setup, told, turn


def test_slots_for_all() -> None:
    found = only(cache.check_slots, setup(lanes=(lane(), lane(90))))
    assert (found.level, found.saw) == ("ok", "2 conversations within ten minutes for 2 slots.")


def test_conversations_that_take_turns() -> None:
    found = only(cache.check_slots, setup(lanes=(lane(), lane(90), lane(400))))
    assert found.level == "hint"
    assert "-np 3" in found.do


def test_conversations_that_take_turns_without_a_host_cache() -> None:
    off = log(facts=facts(cache_mib=0.0))
    found = only(cache.check_slots, setup(lanes=(lane(), lane(90), lane(400)), logs=(off,)))
    assert found.level == "problem"
    assert "--cache-ram 0" in found.do


def test_no_server_has_a_hundred_slots() -> None:
    assert "-np 8" in only(cache.check_slots, setup(lanes=tuple(lane(i) for i in range(100)))).do


def test_titles_and_earlier_conversations_do_not_count() -> None:
    lanes = (lane(), lane(90), lane(50, messages=2), lane(50, messages=1), lane(3_000), lane(80_000))
    assert only(cache.check_slots, setup(lanes=lanes)).level == "ok"


def test_yesterdays_conversations_count_as_they_were() -> None:
    lanes = tuple(lane(80_000 + seconds) for seconds in (0, 60, 120))
    assert "3 conversations" in only(cache.check_slots, setup(lanes=lanes)).saw


def test_slots_without_conversations() -> None:
    assert only(cache.check_slots, setup(lanes=())).level == "ok"
    assert only(cache.check_slots, setup(lanes=None)).level == "unknown"


def test_slots_that_only_the_log_tells() -> None:
    locked = Upstream(URL, "up", reason="it wants an API key")
    assert "2 slots" in only(cache.check_slots, setup(server=locked)).saw
    assert told(cache.check_slots, setup(server=locked, logs=())) == []


def test_slots_of_a_routers_models() -> None:
    router = Upstream(URL, "up", model="router")
    both = setup(server=router, models=(UP, UP), lanes=(lane(), lane(), lane()))
    assert "for 4 slots" in only(cache.check_slots, both).saw


@pytest.mark.parametrize(
    ("mib", "level", "words"),
    [(8192.0, "ok", "8,192 MiB"), (-1.0, "ok", "as there is memory"), (0.0, "hint", "is off")],
)
def test_host_cache(mib: float, level: str, words: str) -> None:
    found = only(cache.check_host_cache, setup(logs=(log(facts=facts(cache_mib=mib)),)))
    assert found.level == level
    assert words in found.saw


def test_host_cache_that_was_full() -> None:
    found = only(cache.check_host_cache, setup(logs=(log(evictions=3),)))
    assert (found.level, "3 prompts had to go" in found.saw) == ("hint", True)
    assert "--cache-ram" in found.do


def test_host_cache_by_arguments_and_by_build() -> None:
    off = Listener("llama-server", Process(7, "llama-server", ("/opt/llama-server", "--cache-ram=0")))
    assert only(cache.check_host_cache, setup(logs=(), at_upstream=off)).level == "hint"
    assert only(cache.check_host_cache, setup(logs=())).level == "unknown"
    old = setup(logs=(), server=replace(UP, build="b6500"))
    assert "b6723" in only(cache.check_host_cache, old).do


@pytest.mark.parametrize(
    ("longest", "level"), [(20_000, "ok"), (55_000, "ok"), (56_000, "hint"), (65_000, "hint")]
)
def test_context(longest: int, level: str) -> None:
    found = only(cache.check_context, setup(proxy=proxy(request(prompt_tokens=longest))))
    assert found.level == level
    assert f"{longest:,} of the 65,536" in found.saw


def test_context_of_turns_that_went_past() -> None:
    long = log(turn(n_tokens=64_000))
    assert only(cache.check_context, setup(logs=(long,), proxy=None)).level == "hint"


def test_context_that_ran_full() -> None:
    found = only(cache.check_context, setup(logs=(log(turn(shifted=True), turn()),)))
    assert (found.level, found.saw.startswith("In 1 turn ")) == ("problem", True)


def test_context_before_the_first_request() -> None:
    assert only(cache.check_context, setup(proxy=None)).level == "ok"
    small = setup(proxy=None, server=replace(UP, ctx=4096))
    assert only(cache.check_context, small).level == "hint"


@pytest.mark.parametrize(
    ("unified", "longest", "lanes", "told_so"),
    [(True, 40_000, 2, True), (True, 30_000, 2, False), (True, 40_000, 1, False), (False, 40_000, 2, False)],
)
def test_one_cache_for_all_slots(unified: bool, longest: int, lanes: int, told_so: bool) -> None:
    shared = setup(
        logs=(log(facts=facts(kv_unified=unified)),),
        proxy=proxy(request(prompt_tokens=longest)),
        lanes=(lane(),) * lanes,
    )
    assert [level for level, _ in told(cache.check_shared, shared)] == ["hint"] * told_so


def test_reprocessing() -> None:
    assert told(cache.check_reprocessing, setup(logs=(log(turn()),))) == []
    found = only(cache.check_reprocessing, setup(logs=(log(turn(forced_full=True), turn()),)))
    assert found.saw.startswith("1 turn of 2 ")
    assert "--swa-full" in found.do
    assert "-ctxcp" in found.do


def test_options_that_do_not_work() -> None:
    assert told(cache.check_unsupported, setup()) == []
    given = log(facts=facts(unsupported=("--cache-reuse",)))
    assert "--cache-reuse" in only(cache.check_unsupported, setup(logs=(given,))).saw


def thieves(count: int, **changes: float) -> Log:
    return log(*[turn(**{"sim_best": 0.1, "f_keep": 0.1} | changes) for _ in range(count)], turn())


def test_slots_given_to_strangers() -> None:
    found = only(cache.check_choice, setup(logs=(thieves(3),)))
    assert found.saw.startswith("3 of 4 turns")
    assert "-sps 0.5" in found.do


def test_slots_given_for_good_reasons() -> None:
    assert told(cache.check_choice, setup(logs=(thieves(2),))) == []
    # A conversation that grew a lot has a low sim_best and loses nothing.
    assert told(cache.check_choice, setup(logs=(thieves(9, f_keep=1.0),))) == []
    one_slot = replace(thieves(9), facts=facts(slots=1))
    assert told(cache.check_choice, setup(logs=(one_slot,))) == []
