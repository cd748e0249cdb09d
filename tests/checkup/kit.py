"""Setups to check, made by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from proxy_core.checkup.findings import Finding
from proxy_core.checkup.setup import Lane, Listener, Log, Proxy, Request, Setup
from proxy_core.llama.facts import Upstream
from proxy_core.llama.logfacts import LogFacts
from proxy_core.llama.turns import Turn
from proxy_core.settings import load_settings

NOW = 1_771_447_680.0
URL = "http://127.0.0.1:8080"
LISTEN = "127.0.0.1:1234"

UP = Upstream(URL, "up", build="b10587", model="qwen3", slots=2, ctx=65_536, template="d1")


def setup(flags: dict[str, object] | None = None, **changes: Any) -> Setup:
    """A setup in which all is well: kvconsole runs in front of a llama-server of two slots, with its log."""
    made = Setup(
        settings=load_settings(flags or {}, environ={}).settings,
        now=NOW,
        version="1.0.0",
        upstream=URL,
        at_upstream=Listener("llama-server"),
        server=UP,
        at_listen=Listener("kvconsole"),
        proxy=Proxy("1.0.0", URL, False, ("/logs/server.log",), requests=(request(),)),
        logs=(log(),),
        lanes=(lane(),),
        packages={"textual": "8.2.8"},
    )
    return replace(made, **changes)


def request(**changes: Any) -> Request:
    """A request that came a minute ago and went well."""
    usual: dict[str, Any] = {
        "at": NOW - 60,
        "method": "POST",
        "path": "/v1/chat/completions",
        "api": "chat",
        "client": "openclaw",
        "status": "done",
        "http_status": 200,
        "prompt_tokens": 20_000,
        "sim_best": 0.99,
    }
    return Request(**usual | changes)


def direct(**changes: Any) -> Request:
    """A turn that the log told of and that did not come through kvconsole."""
    usual: dict[str, Any] = {"at": NOW - 30, "status": "done"}
    return Request(**usual | changes)


def proxy(*requests: Request, **changes: Any) -> Proxy:
    """A kvconsole that runs, with these requests."""
    return replace(Proxy("1.0.0", URL, False, ("/logs/server.log",), requests=requests), **changes)


def log(*turns: Turn, **changes: Any) -> Log:
    """A log that was written a second ago."""
    facts = LogFacts(verbosity=4, slots=2, n_ctx_slot=65_536, cache_mib=8192.0, address=URL)
    return replace(
        Log("/logs/server.log", modified=NOW - 1, lines=400, events=300, facts=facts, turns=turns), **changes
    )


def facts(**changes: Any) -> LogFacts:
    """What a log says of its server."""
    return replace(log().facts, **changes)


def turn(**changes: Any) -> Turn:
    """A turn of the log."""
    usual: dict[str, Any] = {"slot": 0, "task": 1, "selected_by": "lcp", "sim_best": 0.99, "f_keep": 1.0}
    return Turn(**usual | changes)


def lane(ago: float = 60.0, messages: int = 12) -> Lane:
    """A conversation that was used `ago` seconds ago."""
    return Lane(NOW - ago, messages)


def told(check: Callable[[Setup], Iterator[Finding]], made: Setup) -> list[tuple[str, str]]:
    """Level and sentences of all findings of a check."""
    return [(finding.level, f"{finding.saw} {finding.do}".strip()) for finding in check(made)]


def only(check: Callable[[Setup], Iterator[Finding]], made: Setup) -> Finding:
    """The one finding of a check."""
    found = list(check(made))
    assert len(found) == 1, found
    return found[0]
