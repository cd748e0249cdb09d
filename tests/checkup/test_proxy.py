"""Can clients reach kvconsole, and does it forward to where it should?"""

from __future__ import annotations

import pytest

from proxy_core.checkup.checks import proxy as checks
from proxy_core.checkup.process import Process
from proxy_core.checkup.setup import Listener
from tests.checkup.kit import URL, only, proxy, setup, told


@pytest.mark.parametrize(
    ("listener", "level", "words"),
    [
        (Listener("kvconsole"), "ok", "kvconsole listens on 127.0.0.1:1234."),
        (Listener(), "hint", "Nobody listens on 127.0.0.1:1234"),
        (Listener("llama-server"), "problem", "--listen 127.0.0.1:1235"),
        (Listener("other"), "problem", "LM Studio"),
        (Listener("ollama"), "problem", "Ollama listens"),
        (Listener("silent"), "problem", "gives no answer"),
        (Listener("other", Process(7, "python3")), "problem", "(python3, process 7)"),
    ],
)
def test_listen(listener: Listener, level: str, words: str) -> None:
    found = only(checks.check_listen, setup(at_listen=listener))
    assert found.level == level
    assert words in f"{found.saw} {found.do}"


def test_any_free_port() -> None:
    assert only(checks.check_listen, setup({"listen": "127.0.0.1:0"})).level == "unknown"


def test_the_last_port_has_no_next_one() -> None:
    found = only(checks.check_listen, setup({"listen": "127.0.0.1:65535"}, at_listen=Listener("other")))
    assert "--listen 127.0.0.1:0" in found.do


def test_the_same_address_is_told_elsewhere() -> None:
    assert told(checks.check_listen, setup({"listen": "127.0.0.1:8080"})) == []


def test_version() -> None:
    assert only(checks.check_version, setup()).level == "ok"
    found = only(checks.check_version, setup(proxy=proxy(version="0.9.0")))
    assert (found.level, found.saw) == ("hint", "kvconsole 0.9.0 runs, and 1.0.0 is installed.")
    assert told(checks.check_version, setup(proxy=None)) == []


def test_forwards() -> None:
    assert only(checks.check_forwards, setup(proxy=proxy(upstream=f"{URL}/"))).level == "ok"
    alias = proxy(upstream="http://localhost:8080")
    assert only(checks.check_forwards, setup(proxy=alias)).level == "ok"
    prefixed = proxy(upstream="http://localhost:8080/llm")
    assert only(checks.check_forwards, setup(proxy=prefixed)).level == "hint"
    found = only(checks.check_forwards, setup(proxy=proxy(upstream="http://gpu:1")))
    assert (found.level, "--upstream http://gpu:1" in found.do) == ("hint", True)
    assert told(checks.check_forwards, setup(proxy=proxy(upstream=None))) == []


@pytest.mark.parametrize(
    ("listen", "exposed"),
    [
        ("0.0.0.0:1234", True),
        ("[::]:1234", True),
        ("192.168.0.7:1234", True),
        ("box.lan:1234", True),
        ("127.0.0.1:1234", False),
        ("127.0.0.2:1234", False),
        ("[::1]:1234", False),
        ("localhost:1234", False),
    ],
)
def test_exposed(listen: str, exposed: bool) -> None:
    assert bool(told(checks.check_exposed, setup({"listen": listen}))) is exposed
