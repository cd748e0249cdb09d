"""What a running kvconsole tells."""

from __future__ import annotations

from pathlib import Path

import httpx

from proxy_core import __version__
from proxy_core.checkup.asking import Asker
from proxy_core.checkup.running import ask_running
from proxy_core.checkup.setup import Lane, Loss, Proxy
from tests.checkup.test_who import Pages, pages
from tests.fake_upstream import FakeUpstream
from tests.running import OPENCLAW, Running, asked, free_port, running_engine

BODY = b'{"messages":[{"role":"user","content":"hi"}]}'
ANSWER = b'{"usage":{"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":6}}}'


async def ask(url: str) -> tuple[Proxy, tuple[Lane, ...] | None] | None:
    asker = Asker()
    try:
        return await ask_running(asker, url)
    finally:
        await asker.close()


def chat(run: Running, fake: FakeUpstream) -> None:
    with asked(run, "POST", "/v1/chat/completions", BODY, OPENCLAW) as client:
        fake.next().answer(ANSWER)
        client.getresponse().read()


async def test_all_that_it_knows(fake: FakeUpstream, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with running_engine(fake.url, log=(log,)) as run:
        chat(run, fake)
        run.wait_ended(1)
        found = await ask(run.url)
    assert found is not None
    proxy, lanes = found
    assert (proxy.version, proxy.upstream, proxy.bypass, proxy.logs) == (
        __version__,
        fake.url,
        False,
        (str(log),),
    )
    assert len(proxy.rules) > 20
    assert any(rule.on for rule in proxy.rules)
    assert {rule.stale for rule in proxy.rules} == {False}
    request = proxy.requests[-1]
    assert (request.api, request.client, request.status, request.prompt_tokens) == (
        "chat",
        "openclaw",
        "done",
        9,
    )
    assert lanes is not None
    assert lanes[0].seen == request.at or lanes[0].seen > 0


async def test_bypassed(fake: FakeUpstream) -> None:
    with running_engine(fake.url, rules=False) as run:
        found = await ask(run.url)
    assert found is not None
    assert (found[0].bypass, found[0].logs) == (True, ())


async def test_requests_of_earlier_runs_do_not_count(fake: FakeUpstream) -> None:
    with running_engine(fake.url) as run:
        chat(run, fake)
        run.wait_ended(1)
    with running_engine(fake.url) as run:
        async with httpx.AsyncClient(base_url=run.url) as client:
            told = (await client.get("/kvconsole/exchanges")).json()
        assert [known["recalled"] for known in told] == [True]
        found = await ask(run.url)
    assert found is not None
    assert found[0].requests == ()


async def test_rules_that_went_stale(run: Running, fake: FakeUpstream) -> None:
    for _ in range(21):
        chat(run, fake)
    run.wait_ended(21)
    found = await ask(run.url)
    assert found is not None
    assert any(rule.stale and rule.on for rule in found[0].rules)


async def test_what_was_lost() -> None:
    ledger = {
        "total": {
            "turns": 9,
            "saved": {"tokens": 5, "ms": 1.0, "turns": 1},
            "lost": {"evicted": {"tokens": 700, "ms": 9.5, "turns": 4}},
        },
        "lanes": {},
    }
    known: Pages = {
        "/kvconsole/version": (200, {"kvconsole": "1"}),
        "/kvconsole/ledger": (200, ledger),
        "/kvconsole/journal": (200, {"path": "/x", "dropped": 3, "problem": "full"}),
    }
    with pages(known) as url:
        found = await ask(url)
    assert found is not None
    assert found[0].dropped == 3
    assert (found[0].turns, found[0].losses) == (9, (Loss("evicted", 700, 4),))


async def test_nobody() -> None:
    assert await ask(f"http://127.0.0.1:{free_port()}") is None


async def test_an_older_one_tells_less() -> None:
    older: Pages = {
        "/kvconsole/version": (200, {"kvconsole": "0.0.1"}),
        "/kvconsole/rules": (200, [{"id": "a", "on": True}]),
        "/kvconsole/exchanges?limit=500": (200, {"not": "a list"}),
    }
    with pages(older) as url:
        found = await ask(url)
    assert found is not None
    proxy, lanes = found
    assert (proxy.version, proxy.upstream, proxy.bypass, proxy.requests, lanes) == (
        "0.0.1",
        None,
        None,
        (),
        None,
    )
    assert [(rule.id, rule.stale) for rule in proxy.rules] == [("a", None)]
