"""Tokens as a real llama-server counts them."""

from __future__ import annotations

import json

import httpx
import msgspec
import pytest

from proxy_core.counting.tokens import Shared
from proxy_core.errors import KvconsoleError
from proxy_core.prompt import parse
from proxy_core.study.checking.counted import Counted, CountError, counted
from proxy_core.study.checking.measures import by_text
from proxy_core.study.checking.report import Wanted
from proxy_core.verdict import Excerpt
from tests.captures.kit import chat
from tests.fake_upstream import FakeUpstream
from tests.real_llama import LlamaServer
from tests.study.checking.kit import LONG, checked, rules, talk
from tests.study.test_steps import captured


def test_a_real_server_counts_what_comes_again(llama: LlamaServer) -> None:
    with Counted(llama.url) as server:
        grown = checked(talk(LONG, LONG, LONG), measure=server)
        changed = checked(talk(f"{LONG}a", f"{LONG}b and more"), measure=server)
        assert server.upstream.build_info
    assert grown.fine
    assert {turn.unit for turn in grown.turns} == {"tokens"}
    assert [turn.reuse for turn in grown.turns] == [1.0, 1.0]
    (turn,) = changed.turns
    assert 0 < turn.shared < turn.previous
    assert turn.cause == "system changed"
    assert not checked(talk(f"a {LONG}", f"b {LONG}")).fine


def test_a_client_passes_with_its_rules_and_fails_without(llama: LlamaServer) -> None:
    requests = captured("openclaw-c")
    with Counted(llama.url) as server:
        assert checked(requests, using=rules(), measure=server).fine
        raw = checked(requests, Wanted(raw=True), measure=server)
    assert [turn.cause for turn in raw.of("fail")] == ["system changed"] * 3


def test_counting_evaluates_nothing(llama: LlamaServer) -> None:
    def last_task() -> list[object]:
        slots = httpx.get(f"{llama.url}/slots", timeout=10, trust_env=False).json()
        return [slot.get("id_task") for slot in slots]

    before = last_task()
    with Counted(llama.url) as server:
        assert checked(talk(LONG, LONG), measure=server).fine
    assert last_task() == before


def test_the_same_prompt_again_has_all_of_it(llama: LlamaServer) -> None:
    one, two, three = talk(LONG, LONG, LONG)
    with Counted(llama.url) as server:
        report = checked([one, two, two, three, two], measure=server)
    assert [turn.reuse for turn in report.turns] == [1.0, 1.0, 1.0, 1.0]


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(CountError, match="nobody listens there"), Counted("http://127.0.0.1:9"):
        pass


def test_a_server_that_cannot_count_says_why(fake: FakeUpstream) -> None:
    requests = [
        msgspec.structs.replace(one, body=one.body.replace(b'"model": "m", ', b""))
        for one in talk(LONG, LONG)
    ]
    with Counted(fake.url) as server, pytest.raises(KvconsoleError) as raised:
        checked(requests, measure=server)
    assert raised.value.title == "Upstream"
    assert raised.value.message.startswith("talk.jsonl:2: This server has no /apply-template")


def test_what_only_the_template_changes_has_a_cause() -> None:
    before, now = (parse("chat", json.dumps(chat("Hi", *said)).encode()) for said in (["a"], ["a", "b", "c"]))
    told = by_text(before, now)
    assert told.divergence.how == "extended"
    shown = Excerpt("<think>", "so", "")
    found = counted(told, Shared(60, 100, 140, 300, shown), thoughtful=True)
    assert (found.shared, found.previous, found.cause) == (60, 100, "reasoning dropped")
    assert (found.divergence.how, found.divergence.excerpt) == ("rendered", shown)
    assert counted(told, Shared(60, 100, 140, 300, shown), thoughtful=False).cause == "template changed"


@pytest.mark.parametrize(
    ("shared", "tokens"),
    [
        (Shared(99, 100, 100, 400), 100),
        (Shared(49, 100, 50, 200), 50),
        (Shared(100, 100, 101, 400), 100),
        (Shared(99, 120, 100, 400, Excerpt("a", "b", "c")), 99),
    ],
)
def test_the_token_that_is_always_evaluated_is_not_lost(shared: Shared, tokens: int) -> None:
    prompt = parse("chat", json.dumps(chat("Hi", "a")).encode())
    assert counted(by_text(prompt, prompt), shared, thoughtful=False).shared == tokens
