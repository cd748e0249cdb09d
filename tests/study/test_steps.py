from __future__ import annotations

import msgspec
import pytest

from proxy_core.captures.captured import Answered, Captured, Place
from proxy_core.llama.said import Call, Said
from proxy_core.routes import route
from proxy_core.rules import RuleSet, shipped_rules
from proxy_core.study.steps import Step, steps
from tests.clients.case import Spoken
from tests.clients.registry import CASES

RULES = RuleSet.of(tuple(shipped_rules()), {}, "safe")


def captured(case: str, *, journalled: bool = False) -> list[Captured]:
    """A case as a file holds it, or as the journal does: without headers, with the client's name."""
    told = CASES[case]
    return [
        Captured(
            place=Place("capture.jsonl", number, number),
            method="POST",
            path=sent.path,
            api=route("POST", sent.path.partition("?")[0]).api,
            body=sent.body,
            headers={} if journalled else {name.lower(): value for name, value in sent.headers.items()},
            client=told.client if journalled else None,
            lane=sent.lane if journalled else None,
            answer=Answered(200, said=_said(sent.spoken)),
        )
        for number, sent in enumerate(told.requests(True), 1)
    ]


def _said(spoken: Spoken) -> Said:
    calls = (Call(spoken.call[1], spoken.call[2], spoken.call[0]),) if spoken.call else ()
    return Said(spoken.text, spoken.reasoning, calls)


def test_requests_follow_one_another_and_go_through_the_rules() -> None:
    found = list(steps(captured("openclaw-c"), RULES))
    main = [step for step in found if step.lane == "c1"]
    assert len(main) > 3
    assert [step.previous.number for step in main[1:] if step.previous] == [s.number for s in main[:-1]]
    assert main[0].previous is None
    assert {step.exchange.client for step in found} == {"openclaw"}
    assert any(step.exchange.edits for step in main)
    assert all(step.bodies.raw == step.captured.body for step in found)
    assert any(step.bodies.normalized != step.bodies.raw for step in found)


def test_a_step_holds_no_more_than_the_one_before_it() -> None:
    *_, last = steps(captured("openclaw-c"), RULES)
    assert last.previous is not None
    assert last.previous.previous is None


def test_the_path_tells_an_api_that_the_source_does_not_name() -> None:
    requests = [msgspec.structs.replace(one, api=None) for one in captured("claude-code-old")]
    assert [step.bodies for step in steps(requests, RULES)] == [
        step.bodies for step in steps(captured("claude-code-old"), RULES)
    ]


@pytest.mark.parametrize("case", ["openclaw-c", "side-requests", "claude-code-old"])
def test_the_journal_names_client_and_conversation(case: str) -> None:
    by_headers = list(steps(captured(case), RULES))
    kept = list(steps(captured(case, journalled=True), RULES))
    assert [step.bodies for step in kept] == [step.bodies for step in by_headers]
    assert {step.lane for step in kept} <= {sent.lane for sent in CASES[case].requests(True)}


def test_a_request_that_failed_is_nobodys_predecessor() -> None:
    requests = captured("openclaw-c")
    requests[1] = msgspec.structs.replace(requests[1], answer=Answered(503))
    found = list(steps(requests, RULES))
    assert found[1].failed
    assert all(step.previous is None or step.previous.number != 2 for step in found)


def test_a_body_that_cannot_be_read_stays_as_it_is() -> None:
    one = captured("openclaw-c")[0]
    broken = msgspec.structs.replace(one, body=b'{"messages": [')
    (step,) = steps([broken], RULES)
    assert (step.bodies.normalized, step.lane, step.previous) == (broken.body, None, None)
    assert step.exchange.note is not None
    assert "untouched" in step.exchange.note


def test_requests_without_a_prompt_are_passed_over() -> None:
    one = captured("openclaw-c")[0]
    models = msgspec.structs.replace(one, method="GET", path="/v1/models?x=1")
    found: list[Step] = list(steps([models, one], RULES))
    assert [step.number for step in found] == [1]
