"""Is the log there, does it move, and is it that server's?"""

from __future__ import annotations

from typing import Any

import pytest

from proxy_core.checkup.checks import log as checks
from proxy_core.checkup.process import Process
from proxy_core.checkup.setup import Listener, Log, Setup
from tests.checkup.kit import NOW, facts, log, only, proxy, request, setup, told, turn

LOG = "/logs/server.log"


def by(process: Process, **changes: Any) -> Setup:
    """A setup whose server is this process."""
    return setup(at_upstream=Listener("llama-server", process), **changes)


def test_no_log_is_followed() -> None:
    found = only(checks.check_given, setup(logs=()))
    assert found.level == "hint"
    assert "--log-file server.log" in found.do
    assert told(checks.check_given, setup()) == []


def test_no_log_is_followed_but_the_server_writes_one() -> None:
    process = Process(7, "llama-server", ("llama-server",), log="/var/llm.log")
    assert "kvconsole --log /var/llm.log" in only(checks.check_given, by(process, logs=())).do


def test_standard_input_is_not_for_doctors() -> None:
    assert only(checks.check_given, setup({"log": ("-",)}, logs=())).level == "unknown"


@pytest.mark.parametrize(
    ("seen", "level", "words"),
    [
        (log(turn()), "ok", "1 turn since"),
        (Log(LOG, exists=False), "problem", "no file /logs/server.log"),
        (Log(LOG, problem="The log cannot be read: denied."), "problem", "denied"),
        (log(lines=0, events=0), "hint", "is empty"),
        (log(lines=500, events=0), "problem", "none of 500 lines"),
        (log(lines=10, events=0), "ok", "0 turns"),
    ],
)
def test_readable(seen: Log, level: str, words: str) -> None:
    found = only(checks.check_readable, setup(logs=(seen,)))
    assert found.level == level
    assert words in found.saw


def test_the_server_has_it_open() -> None:
    # By inode: in a container the file has another path.
    process = Process(7, "llama-server", ("llama-server",), ("/logs/s.log",), frozenset({(1, 2)}))
    found = only(checks.check_whose, by(process, logs=(log(inode=(1, 2)),)))
    assert (found.level, "process 7" in found.saw) == ("ok", True)
    assert only(checks.check_whose, by(process, logs=(log(inode=(1, 3)),))).level == "problem"


def test_the_server_has_a_deleted_one_open() -> None:
    process = Process(7, "llama-server", ("llama-server",), (f"{LOG} (deleted)",), pipes=True)
    found = only(checks.check_whose, by(process))
    assert found.level == "problem"
    assert "copytruncate" in found.do


def test_the_server_writes_another_one() -> None:
    process = Process(7, "llama-server", ("llama-server",), log="/var/other.log")
    found = only(checks.check_whose, by(process))
    assert (found.level, "kvconsole --log /var/other.log" in found.do) == ("problem", True)


def test_somebody_else_may_write_what_the_server_pipes() -> None:
    process = Process(7, "llama-server", ("llama-server",), pipes=True)
    found = only(checks.check_whose, by(process))
    assert (found.level, "is of a server on http://127.0.0.1:8080" in found.saw) == ("ok", True)


def test_the_log_of_a_server_at_another_port() -> None:
    other = log(facts=facts(address="http://0.0.0.0:8081"))
    found = only(checks.check_whose, setup(logs=(other,)))
    assert found.level == "hint"
    assert "8081" in found.do
    # On another machine, or in a container, ports may be mapped.
    assert told(checks.check_whose, setup(logs=(other,), upstream="http://gpu.lan:8080")) == []


def test_nothing_is_said_of_whose_a_log_is_that_cannot_be_read() -> None:
    assert told(checks.check_whose, setup(logs=(Log(LOG, exists=False),))) == []


def test_it_moves() -> None:
    assert only(checks.check_moving, setup()).level == "ok"


def test_it_does_not_move() -> None:
    old = log(modified=NOW - 4 * 3600)
    found = only(checks.check_moving, setup(logs=(old,)))
    assert found.level == "problem"
    assert "written 4 hours ago" in found.saw
    assert "60 seconds ago" in found.saw


def test_what_the_server_never_answered_leaves_no_line() -> None:
    old = log(modified=NOW - 4 * 3600)
    failed = proxy(request(prompt_tokens=None, status="error", http_status=502))
    assert only(checks.check_moving, setup(logs=(old,), proxy=failed)).level == "unknown"


def test_the_kvconsole_that_runs_follows_another_log() -> None:
    found = only(checks.check_joined, setup(proxy=proxy(request(), logs=("/other.log",))))
    assert (found.level, LOG in found.saw) == ("hint", True)


def test_turns_that_fit_no_request() -> None:
    lonely = proxy(*[request(sim_best=None)] * 3)
    found = only(checks.check_joined, setup(proxy=lonely, logs=(log(turn()),)))
    assert (found.level, "3 requests" in found.saw) == ("hint", True)
    one_fits = proxy(*[request(sim_best=None)] * 3, request())
    assert told(checks.check_joined, setup(proxy=one_fits, logs=(log(turn()),))) == []
    # A build that prints no sim_best fits nowhere, and that is not the log's fault.
    old_build = log(turn(sim_best=None))
    assert told(checks.check_joined, setup(proxy=lonely, logs=(old_build,))) == []


def test_the_log_of_another_server_is_told_once_and_nobody_is_sent_to_follow_it() -> None:
    process = Process(7, "llama-server", ("llama-server",), log="/logs/right.log")
    wrong = log(turn(), inode=(1, 3), modified=NOW - 3600)
    running = proxy(request(at=NOW - 60, prompt_tokens=900), logs=("/logs/right.log",))
    made = by(process, logs=(wrong,), proxy=running)
    assert "/logs/right.log" in only(checks.check_whose, made).do
    assert told(checks.check_moving, made) == []
    assert told(checks.check_joined, made) == []
    # Where nobody tells which files the server has, the times do.
    late = setup(logs=(wrong,), proxy=running)
    assert only(checks.check_moving, late).level == "problem"
    assert told(checks.check_joined, late) == []
