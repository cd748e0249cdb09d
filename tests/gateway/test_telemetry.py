"""What a client reports about itself ends at kvconsole."""

from __future__ import annotations

import json

from tests.fake_upstream import FakeUpstream
from tests.running import Running, asked, running_engine

PATH = "/v1/api/event_logging/batch"
BODY = json.dumps({"events": [{"name": "tengu_api_success"}]}).encode()
HEADERS = [("User-Agent", "claude-cli/2.1.37 (external, cli)"), ("Content-Type", "application/json")]


def test_telemetry_is_answered_here_and_told_in_the_history(run: Running, fake: FakeUpstream) -> None:
    with asked(run, "POST", PATH, BODY, HEADERS) as client:
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (204, b"")
    records = run.wait_for(run.records, "a record")
    exchange = next(iter(records.values())).exchange
    assert exchange is not None
    assert (exchange.label, exchange.client, exchange.status) == ("telemetry", "claude-code", "done")
    assert exchange.note is not None
    assert "answered here" in exchange.note
    assert run.prompts() == []
    assert fake.idle()


def test_a_connection_goes_on_behind_it(run: Running, fake: FakeUpstream) -> None:
    with asked(run, "POST", PATH, BODY, HEADERS) as client:
        client.getresponse().read()
        client.request("POST", "/v1/messages", b'{"messages":[]}')
        call = fake.next()
        assert call.target == "/v1/messages"
        call.answer(b"{}")
        assert client.getresponse().read() == b"{}"


def test_with_the_rules_off_it_goes_to_the_upstream(fake: FakeUpstream) -> None:
    with (
        running_engine(fake.url, rules=False) as running,
        asked(running, "POST", PATH, BODY, HEADERS) as client,
    ):
        call = fake.next()
        assert (call.target, call.body) == (PATH, BODY)
        call.answer(b"{}", status="404 Not Found")
        assert client.getresponse().status == 404
