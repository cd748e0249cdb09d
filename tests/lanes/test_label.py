"""What a conversation is called."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from proxy_core.clients import recognize
from proxy_core.lanes import asked
from proxy_core.lanes.label import LONGEST, label_of
from proxy_core.lanes.lanes import Lanes
from proxy_core.lanes.store import LaneStore
from proxy_core.prompt import parse
from proxy_core.routes import route
from proxy_core.rules import RuleSet, shipped_rules
from tests.clients.registry import CASES
from tests.rules.talk import assistant, system, user

RULES = RuleSet.of(tuple(shipped_rules()), {})


def called(*messages: dict[str, Any], client: str | None = None) -> str:
    prompt = parse("chat", json.dumps({"messages": list(messages)}).encode())
    return label_of(prompt.messages, RULES.frame(client))


def test_it_is_the_first_question_on_one_line() -> None:
    assert called(system("You help."), user("  list the\n files "), assistant("a b"), user("thanks")) == (
        "list the files"
    )


def test_a_long_question_is_clipped() -> None:
    label = called(user("word " * 4000))
    assert len(label) <= LONGEST
    assert label.startswith("word word")
    assert label.endswith("…")


@pytest.mark.parametrize("messages", [(), (system("You help."),), (user(""),), (assistant("hello"),)])
def test_without_a_question_there_is_none(messages: Sequence[dict[str, Any]]) -> None:
    assert called(*messages) == ""


def test_a_cut_letter_does_no_harm() -> None:
    assert called(user("é" * 5000)).startswith("éé")


CLIENTS = [name for name, case in CASES.items() if case.client is not None]


@pytest.mark.parametrize("name", CLIENTS)
def test_it_has_none_of_the_clients_decorations(name: str) -> None:
    sent = next(s for s in CASES[name].requests(True) if s.lane == "main")
    api = route("POST", sent.path.partition("?")[0]).api
    assert api is not None
    prompt = parse(api, sent.body)
    client = recognize({key.lower(): value for key, value in sent.headers.items()}, prompt)
    label = label_of(prompt.messages, RULES.frame(client))
    assert label
    assert not label.startswith(("<", "[", "{", "Conversation info", "Sender", "#", "```"))


def test_a_lane_keeps_the_first_one(store: LaneStore) -> None:
    lanes = Lanes(store)
    for messages in (
        [user("list the files")],
        [user("list the files"), assistant("a b"), user("thanks")],
    ):
        request = asked(parse("chat", json.dumps({"messages": messages}).encode()), None, {}, None)
        lane = lanes.find(request)
        lanes.commit(lane, request, {}, 1.0)
    [lane] = lanes.live(0.0)
    assert lane.label == "list the files"
