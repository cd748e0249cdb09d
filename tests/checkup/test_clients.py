"""Do the clients talk to kvconsole, and does it understand them?"""

from __future__ import annotations

import pytest

from proxy_core.checkup.checks import clients
from proxy_core.checkup.setup import Log
from tests.checkup.kit import NOW, direct, lane, log, only, proxy, request, setup, told, turn


@pytest.mark.parametrize(
    ("name", "url", "level", "words"),
    [
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:1234", "ok", "points at kvconsole"),
        ("ANTHROPIC_BASE_URL", "http://localhost:1234/", "ok", "points at kvconsole"),
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:1234/v1", "problem", "by itself"),
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:8080", "problem", "Set it to http://127.0.0.1:1234."),
        ("OPENAI_BASE_URL", "http://localhost:8080/v1", "problem", "Set it to http://127.0.0.1:1234/v1."),
        ("OPENAI_BASE_URL", "https://api.example.com/v1", "hint", "is not kvconsole"),
        ("OPENAI_API_BASE", "nonsense", "hint", "no URL"),
        ("OPENAI_API_BASE", "http://[::1", "hint", "no URL"),
        ("OPENAI_API_BASE", "http://h:99999999/", "hint", "no URL"),
    ],
)
def test_environment(name: str, url: str, level: str, words: str) -> None:
    found = only(clients.check_environment, setup(base_urls={name: url}))
    assert found.level == level
    assert words in f"{found.saw} {found.do}"


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "api.example.com", "127.0.0.1:1234"])
def test_no_password_of_a_url_is_shown(host: str) -> None:
    found = only(
        clients.check_environment, setup(base_urls={"OPENAI_BASE_URL": f"http://me:s3cret@{host}/v1"})
    )
    assert "s3cret" not in f"{found.saw} {found.do}"
    assert host in found.saw


def test_all_come_through() -> None:
    found = only(clients.check_traffic, setup())
    assert found.level == "ok"
    assert found.saw == "1 request with a prompt, from openclaw; the last one 60 seconds ago."


def test_some_go_past() -> None:
    found = only(clients.check_traffic, setup(proxy=proxy(request(), direct(), direct())))
    assert found.level == "hint"
    assert "2 turns more" in found.saw


def test_all_go_past() -> None:
    found = only(clients.check_traffic, setup(proxy=proxy(direct())))
    assert (found.level, found.do) == ("problem", "Point the client at http://127.0.0.1:1234.")


def test_turns_from_before_kvconsole_ran_are_nobodys_fault() -> None:
    earlier = proxy(direct(at=None))
    assert only(clients.check_traffic, setup(proxy=earlier, lanes=())).level == "unknown"


@pytest.mark.parametrize(
    ("seen", "level"),
    [(log(turn()), "hint"), (log(), "unknown"), (log(turn(), modified=NOW - 86_400), "unknown")],
)
def test_nothing_came_and_the_log_has_turns(seen: Log, level: str) -> None:
    assert only(clients.check_traffic, setup(proxy=None, logs=(seen,), lanes=())).level == level


def test_turns_of_an_earlier_kvconsole_came_through_it() -> None:
    made = setup(proxy=None, logs=(log(turn()),), lanes=(lane(40),))
    found = only(clients.check_traffic, made)
    assert (found.level, found.saw) == ("ok", "A request came through kvconsole 40 seconds ago.")


def test_what_carries_no_prompt_is_no_traffic() -> None:
    assert only(clients.check_traffic, setup(proxy=proxy(request(api="get")), lanes=())).level == "unknown"


def test_an_ipv6_listener_is_named_as_a_url() -> None:
    found = only(clients.check_traffic, setup({"listen": "[::]:1234"}, proxy=None, logs=()))
    assert found.do == "Point the client at http://[::1]:1234."


@pytest.mark.parametrize(
    ("status", "path", "words"),
    [
        (404, "/v1/v1/messages?beta=true", "Take /v1 away"),
        (404, "/chat", "check the client's base URL"),
        (401, "/v1/chat/completions", "--api-key"),
        (502, "/v1/chat/completions", "could not be reached"),
        (400, "/v1/chat/completions", "says why"),
    ],
)
def test_refused(status: int, path: str, words: str) -> None:
    found = only(clients.check_refused, setup(proxy=proxy(request(), request(http_status=status, path=path))))
    assert words in found.do
    assert f"with {status}." in found.saw
    assert "?" not in found.saw


def test_one_refused_of_many_is_nothing() -> None:
    assert told(clients.check_refused, setup(proxy=proxy(*[request()] * 9, request(http_status=400)))) == []


def test_unknown_clients() -> None:
    assert told(clients.check_recognized, setup()) == []
    found = only(clients.check_recognized, setup(proxy=proxy(request(client="curl"), request(client=None))))
    assert "curl, one without a name" in found.saw


def test_remarks() -> None:
    assert told(clients.check_untouched, setup()) == []
    noted = proxy(request(note="not JSON\x1b[2J"), request(), request(note="cut", status="cancelled"))
    found = only(clients.check_untouched, setup(proxy=noted))
    assert found.saw.startswith("1 request of 3 ")
    assert "\x1b" not in found.saw
