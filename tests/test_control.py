from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import pytest

from proxy_core import __version__
from proxy_core.rules import RuleSet, shipped_rules
from tests.fake_upstream import FakeUpstream, fake_upstream
from tests.running import OPENCLAW, Running, asked

BODY = b'{"messages":[{"role":"user","content":"[Wed 2026-02-18 20:48 UTC] hi"}]}'
EDITED = b'{"messages":[{"role":"user","content":"hi"}]}'
ANSWER = b'{"usage":{"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":6}}}'
STAMP = "openclaw.timestamp"


@pytest.fixture
def fake() -> Iterator[FakeUpstream]:
    with fake_upstream(props=b'{"build_info":"b11549-abc","total_slots":2}') as upstream:
        yield upstream


@pytest.fixture
def api(run: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{run.url}/kvconsole", trust_env=False) as client:
        yield client


def chat(run: Running, fake: FakeUpstream) -> bytes:
    """Send one request; gives the body that the upstream saw."""
    with asked(run, "POST", "/v1/chat/completions", BODY, OPENCLAW) as client:
        call = fake.next()
        call.answer(ANSWER)
        client.getresponse().read()
    return call.body


def test_health_and_version(run: Running, api: httpx.Client, fake: FakeUpstream) -> None:
    def upstream() -> dict[str, object]:
        document: dict[str, object] = api.get("/health").raise_for_status().json()
        assert document["status"] == "ok"
        facts = document["upstream"]
        assert isinstance(facts, dict)
        return facts if facts["state"] == "up" else {}

    facts = run.wait_for(upstream, "the first look at the upstream")
    assert (facts["url"], facts["build"], facts["slots"]) == (fake.url, "b11549", 2)
    assert api.get("/version").json() == {"kvconsole": __version__, "llama_server": "b11549"}


def test_rules_are_listed_and_switched(run: Running, api: httpx.Client, fake: FakeUpstream) -> None:
    rules = {rule["id"]: rule for rule in api.get("/rules").json()}
    assert set(rules) == {rule.id for rule in shipped_rules()}
    assert rules[STAMP]["on"] is True
    assert rules[STAMP]["hits"] == 0
    assert {"title", "level", "client", "does", "cost", "source"} <= set(rules[STAMP])
    assert chat(run, fake) == EDITED
    off = api.post(f"/rules/{STAMP}", json={"on": False}).json()
    assert (off["on"], off["hits"]) == (False, 1)
    assert chat(run, fake) == BODY
    assert api.post(f"/rules/{STAMP}", json={"on": True}).json()["on"] is True
    assert chat(run, fake) == EDITED


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/rules/no.such.rule", {"on": True}, 404),
        (f"/rules/{STAMP}", {"on": "perhaps"}, 422),
        (f"/rules/{STAMP}", {}, 422),
        (f"/rules/{STAMP}", {"on": False, "off": True}, 422),
        (f"/rules/{STAMP}", [], 422),
    ],
)
def test_what_cannot_be_switched(api: httpx.Client, path: str, body: object, status: int) -> None:
    assert api.post(path, json=body).status_code == status
    on = {rule["id"] for rule in api.get("/rules").json() if rule["on"]}
    assert on == RuleSet.of(tuple(shipped_rules()), {}).enabled


def test_exchanges_and_their_bodies(run: Running, api: httpx.Client, fake: FakeUpstream) -> None:
    chat(run, fake)
    run.wait_ended(1)
    [shown] = [exchange for exchange in api.get("/exchanges").json() if exchange["api"] == "chat"]
    assert shown["path"] == "/v1/chat/completions"
    assert (shown["status"], shown["http_status"], shown["messages"]) == ("done", 200, 1)
    assert (shown["prompt_tokens"], shown["cached_tokens"], shown["evaluated_tokens"]) == (9, 6, 3)
    assert shown["reused"] == pytest.approx(2 / 3)
    assert (shown["sim_best"], shown["f_keep"], shown["prompt_ms"]) == (None, None, None)
    assert shown["edits"] == {"openclaw.timestamp": 1}
    [edit] = api.get(f"/exchanges/{shown['id']}/edits").json()
    assert edit == {"rule": STAMP, "message": 0, "old": "[Wed 2026-02-18 20:48 UTC] ", "new": ""}
    for which, body in (("raw", BODY), ("normalized", EDITED)):
        answer = api.get(f"/exchanges/{shown['id']}/{which}")
        assert answer.content == body
        # A browser must not take a prompt for a page.
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert api.get("/exchanges/999999/raw").status_code == 404
    assert api.get("/exchanges/999999/edits").status_code == 404
    chat(run, fake)
    assert len(api.get("/exchanges", params={"limit": 1}).json()) == 1
    assert api.get("/exchanges", params={"limit": 0}).status_code == 422


def test_conversations_are_listed_and_forgotten(run: Running, api: httpx.Client, fake: FakeUpstream) -> None:
    assert api.get("/lanes").json() == []
    chat(run, fake)
    [lane] = api.get("/lanes").json()
    assert set(lane) == {"id", "client", "session", "messages", "seen", "values", "bytes"}
    assert (lane["client"], lane["messages"]) == ("openclaw", 1)
    assert lane["seen"] == pytest.approx(time.time(), abs=600)
    wrongs: list[object] = [{"lane": 1}, {"lanes": "x"}, []]
    for wrong in wrongs:
        assert api.post("/lanes/forget", json=wrong).status_code == 422
    assert api.post("/lanes/forget", json={"lane": "no-such"}).json() == {"forgotten": 0}
    assert len(api.get("/lanes").json()) == 1
    assert api.post("/lanes/forget", json={"lane": lane["id"]}).json() == {"forgotten": 1}
    assert api.get("/lanes").json() == []
    chat(run, fake)
    assert api.post("/lanes/forget", json={}).json() == {"forgotten": 1}


def test_counters(run: Running, api: httpx.Client, fake: FakeUpstream) -> None:
    chat(run, fake)
    run.wait_ended(1)
    assert api.get("/counters").json() == {
        "requests": 1,
        "reused": 6,
        "evaluated": 3,
        "prompt_ms": 0.0,
        "hits": {STAMP: 1},
    }


@pytest.mark.parametrize("path", ["/kvconsole", "/kvconsole/"])
def test_the_page_lists_the_api_and_loads_nothing(run: Running, path: str) -> None:
    answer = httpx.get(run.url + path, follow_redirects=True, trust_env=False)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "/kvconsole/rules/{rule_id}" in answer.text
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//|@import|url\(", answer.text)
    assert "<script" not in answer.text


def test_the_schema_names_every_path_as_it_is_called(api: httpx.Client) -> None:
    schema = api.get("/openapi.json").json()
    expected = ["health", "version", "counters", "rules", "rules/{rule_id}", "exchanges"]
    expected += ["lanes", "lanes/forget", "setup", "ledger", "slots", "journal"]
    expected += [f"exchanges/{{record_id}}/{part}" for part in ("edits", "diagnosis", "raw", "normalized")]
    assert set(schema["paths"]) == {f"/{path}" for path in expected}
    assert schema["servers"] == [{"url": "/kvconsole"}]


def test_unknown_paths_below_are_not_forwarded(api: httpx.Client, run: Running, fake: FakeUpstream) -> None:
    assert api.get("/nothing").status_code == 404
    with asked(run, "GET", "/kvconsoles") as client:
        assert fake.next().target == "/kvconsoles"
    client.close()


STRANGERS = [
    [("Host", "kv.example")],
    [("Host", "127.0.0.1.example:1234")],
    [("Host", "[::1")],
    [("Host", "")],
    [("Host", "192.168.1.2:1234")],
    [("Host", "127.0.0.1"), ("Host", "kv.example")],
    [("Host", "127.0.0.1"), ("Host", "127.0.0.1")],
    [],
    [("Host", "localhost"), ("Origin", "https://kv.example")],
    [("Host", "localhost"), ("Origin", "null")],
    [("Host", "localhost"), ("Origin", "")],
    [("Host", "localhost"), ("Origin", "http://[::1")],
    [("Host", "localhost"), ("Origin", "http://localhost"), ("Origin", "https://kv.example")],
    [("Host", "127.0.0.1@kv.example")],
    [("Host", "kv.example@127.0.0.1")],
    [("Host", "127.0.0.1/kv.example")],
    # What a browser sends for an image or a script of another site.
    [("Host", "127.0.0.1:1234"), ("Sec-Fetch-Site", "cross-site")],
]
NEIGHBOURS = [
    [("Host", "127.0.0.1:1234")],
    [("Host", "localhost:99")],
    [("Host", "LOCALHOST")],
    [("Host", "[::1]:1234")],
    [("Host", "127.0.0.1:1234"), ("Sec-Fetch-Site", "none")],
    [("Host", "127.9.9.9"), ("Origin", "http://localhost:5173")],
    [("Host", "localhost"), ("Origin", "http://127.0.0.1:1234")],
]


def status(run: Running, headers: list[tuple[str, str]], path: str = "/kvconsole/rules") -> int:
    with asked(run, "GET", path) as warm:
        warm.getresponse().read()
        # HTTP/1.1 without a Host is written by hand, since the client adds one.
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
        warm.send("\r\n".join(lines).encode())
        return int(warm.sock.recv(4096).split(b" ")[1])


@pytest.mark.parametrize("headers", STRANGERS, ids=range(len(STRANGERS)))
def test_web_pages_are_refused(run: Running, headers: list[tuple[str, str]]) -> None:
    assert status(run, headers) == 403


@pytest.mark.parametrize("headers", NEIGHBOURS, ids=range(len(NEIGHBOURS)))
def test_programs_of_this_machine_are_served(run: Running, headers: list[tuple[str, str]]) -> None:
    assert status(run, headers) == 200


def test_no_page_of_another_origin_is_told_that_it_may_read(api: httpx.Client) -> None:
    answer = api.get("/rules", headers={"Origin": "http://localhost:5173"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
