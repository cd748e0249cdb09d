"""Is a llama-server there, and what does it tell?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from proxy_core.checkup.checks import server
from proxy_core.checkup.process import Process
from proxy_core.checkup.setup import Listener, Setup
from proxy_core.llama.facts import Upstream
from tests.checkup.kit import UP, URL, facts, log, only, setup, told


def seen(**changes: Any) -> Setup:
    """A setup whose server has other facts."""
    return setup(server=replace(UP, **changes))


def down(**changes: Any) -> Setup:
    gone: dict[str, Any] = {
        "server": Upstream(URL, "down", reason="nobody listens there"),
        "at_upstream": Listener(),
    }
    return setup(**gone | changes)


def test_all_is_well() -> None:
    found = only(server.check_reachable, setup())
    assert (found.area, found.name, found.level, found.do) == ("server", "reachable", "ok", "")
    assert found.saw == f"llama-server answers at {URL} with qwen3, 2 slots of 65,536 tokens."


def test_nobody_is_there() -> None:
    found = only(server.check_reachable, down(logs=()))
    assert (found.level, found.saw) == ("problem", f"No llama-server at {URL}: nobody listens there.")
    assert found.do == "Start llama-server, or name its address with --upstream."


def test_nobody_is_there_but_on_the_other_default_port() -> None:
    found = only(server.check_reachable, down(elsewhere="http://127.0.0.1:9931"))
    assert "--upstream http://127.0.0.1:9931" in found.do
    assert "8080 to 9931" in found.do


def test_nobody_is_there_and_the_log_names_the_address() -> None:
    elsewhere = log(facts=facts(address="http://127.0.0.1:8081"))
    assert "--upstream http://127.0.0.1:8081" in only(server.check_reachable, down(logs=(elsewhere,))).do


def test_the_same_address_twice() -> None:
    same = setup({"listen": "127.0.0.1:8080"})
    found = only(server.check_reachable, same)
    assert found.level == "problem"
    assert "forward to itself" in found.saw


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({"at_upstream": Listener("kvconsole")}, "hint", "through two of them"),
        ({"at_upstream": Listener("ollama"), "server": Upstream(URL, "up")}, "hint", "Ollama"),
        (
            {
                "at_upstream": Listener("other"),
                "server": Upstream(URL, "up", reason="it answers /props with 404: not a llama-server?"),
            },
            "hint",
            "no llama-server: it answers /props with 404.",
        ),
        ({"server": Upstream(URL, "loading")}, "hint", "is loading its model"),
        (
            {"at_upstream": Listener("other"), "server": Upstream(URL, "loading")},
            "hint",
            "answers with 503",
        ),
        (
            {"server": Upstream(URL, "unknown", reason="it did not answer in time")},
            "problem",
            "it did not answer in time",
        ),
        (
            {"server": Upstream(URL, "up", reason="it wants an API key, so nothing is known")},
            "unknown",
            "it wants an API key",
        ),
    ],
)
def test_who_else_may_be_there(changes: dict[str, Any], level: str, words: str) -> None:
    found = only(server.check_reachable, setup(**changes))
    assert found.level == level
    assert words in found.saw


def test_a_server_behind_another_one_is_known_by_what_it_tells() -> None:
    assert only(server.check_reachable, setup(at_upstream=Listener("other"))).level == "ok"


def test_its_names_are_no_control_characters() -> None:
    assert "\x1b" not in only(server.check_reachable, seen(model="\x1b[31mred")).saw


def test_the_build() -> None:
    assert told(server.check_build, setup()) == [("ok", "It is b10587.")]
    unnamed = setup(server=replace(UP, build=None), logs=(log(facts=facts(at_least=10178)),))
    found = only(server.check_build, unnamed)
    assert found.level == "unknown"
    assert "b10178 or newer" in found.saw
    assert told(server.check_build, down()) == []


@pytest.mark.parametrize(
    ("verbosity", "level", "words"), [(4, "ok", ""), (3, "hint", "-lv 4"), (2, "hint", "-lv 4")]
)
def test_a_new_build_needs_a_verbosity(verbosity: int, level: str, words: str) -> None:
    found = only(server.check_verbosity, setup(logs=(log(facts=facts(verbosity=verbosity)),)))
    assert found.level == level
    assert words in found.do
    assert f"verbosity {verbosity}" in found.saw


def test_an_old_build_needs_another_one() -> None:
    old = setup(server=replace(UP, build="b6400"), logs=())
    found = only(server.check_verbosity, old)
    assert found.level == "hint"
    assert "-lv 1" in found.do
    assert found.do.startswith("Start llama-server")


def test_the_verbosity_is_told_by_the_arguments_where_there_is_no_log() -> None:
    process = Process(7, "llama-server", ("llama-server", "-lv", "4"))
    told_so = setup(at_upstream=Listener("llama-server", process), logs=())
    assert only(server.check_verbosity, told_so).level == "ok"


def test_nothing_is_said_of_the_log_of_nobody() -> None:
    assert told(server.check_verbosity, down(logs=())) == []


def test_a_router() -> None:
    router = Upstream(URL, "up", build="b10587", model="router")
    assert only(server.check_router, setup(server=router)).level == "unknown"
    found = only(server.check_router, setup(server=router, models=(UP,)))
    assert (found.level, found.saw) == ("ok", "It is a router; loaded: qwen3.")
    assert told(server.check_router, setup()) == []


def test_a_server_that_sleeps() -> None:
    assert told(server.check_asleep, setup()) == []
    assert "--sleep-idle-seconds" in only(server.check_asleep, seen(sleeping=True)).do


def test_the_slots_endpoint() -> None:
    assert told(server.check_slots_endpoint, seen(slots_endpoint=None)) == []
    assert told(server.check_slots_endpoint, seen(slots_endpoint=True)) == []
    assert "--slots" in only(server.check_slots_endpoint, seen(slots_endpoint=False)).do
