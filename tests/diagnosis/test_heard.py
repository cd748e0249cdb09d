"""What a lane would remember of the answers in a request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy_core.diagnosis.heard import heard
from proxy_core.llama.generated import Generated, GeneratedCall
from proxy_core.prompt import parse
from proxy_core.rules.generated import learned
from proxy_core.rules.identity import identity, links
from tests.rules.talk import assistant, output, system, user


def memory(*messages: dict[str, Any]) -> dict[tuple[str, str], bytes]:
    return heard(parse("chat", json.dumps({"messages": list(messages)}).encode()), None)


def test_it_is_what_the_rules_would_have_remembered() -> None:
    question = (system("You help."), user("list"))
    answer = assistant("a b", ("c1", '{"path": "."}'), reasoning_content="I think.")
    prompt = parse("chat", json.dumps({"messages": list(question)}).encode())
    link, own = links(prompt.messages, None)[-1], identity(prompt.messages[-1], None)
    assert link is not None
    assert own is not None
    said = Generated("a b", "I think.", {0: GeneratedCall("c1", "run", '{"path": "."}')})
    wanted = learned("chat", said, own, link, None, details=True).writes
    found = memory(*question, answer, output("c1", "ok"))
    assert found
    assert found.items() <= wanted.items()
    assert {key for _, key in wanted if key.startswith(("reasoning", "arguments"))} <= {k for _, k in found}


@pytest.mark.parametrize(
    "answer", [assistant("yes"), assistant(None), assistant("yes", reasoning_content="")]
)
def test_an_answer_without_thoughts_and_calls_leaves_nothing(answer: dict[str, Any]) -> None:
    assert memory(user("hi"), answer, user("more")) == {}


def test_other_apis_have_no_thoughts_that_could_be_put_back() -> None:
    thought = {"type": "thinking", "thinking": "Hm."}
    body = {"messages": [user("hi"), {"role": "assistant", "content": [thought]}, user("more")]}
    assert heard(parse("messages", json.dumps(body).encode()), None) == {}
