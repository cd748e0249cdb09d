"""What every shipped rule owes to the person who reads it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest

from proxy_core.clients import CLIENTS
from proxy_core.prompt import Api, parse
from proxy_core.routes import route
from proxy_core.rules.identity import links
from tests.clients.case import Sent
from tests.clients.registry import CASES
from tests.clients.scoring import recognized
from tests.rules.packs.kit import RULES, SHIPPED, Lane, said

_FILES = {
    file.name: tomllib.loads(file.read_text(encoding="utf-8"))
    for file in (resources.files("proxy_core.rules") / "packs").iterdir()
    if file.name.endswith(".toml")
}
_RULES: dict[str, dict[str, Any]] = {rule["id"]: rule for file in _FILES.values() for rule in file["rule"]}


@pytest.mark.parametrize("name", _FILES)
def test_a_pack_has_the_rules_of_one_client(name: str) -> None:
    pack = name.removesuffix(".toml")
    for rule in _FILES[name]["rule"]:
        assert rule["id"].startswith(f"{pack}.")
        assert rule.get("client", "any") == pack
    assert pack == "any" or pack in CLIENTS


@pytest.mark.parametrize("rule_id", _RULES)
def test_a_rule_says_what_it_does_and_shows_it_and_shows_what_it_leaves_alone(rule_id: str) -> None:
    rule = _RULES[rule_id]
    for sentence in (rule["does"], rule["cost"]):
        assert sentence[0].isupper()
        assert sentence.endswith((".", ".)"))
    left = [e for e in rule["example"] if e.get("after", e["before"]) == e["before"] and "moved" not in e]
    assert len(rule["example"]) >= 2
    assert left or not rule.get("look")


def test_every_rule_is_in_a_pack() -> None:
    assert {rule.id for rule in SHIPPED} == set(_RULES)


@pytest.mark.parametrize("rule_id", _RULES)
def test_what_a_person_quotes_stays_as_it_is(rule_id: str) -> None:
    rule = _RULES[rule_id]
    texts = [text for example in rule["example"] for text in _texts(example["before"])]
    for text in texts:
        quoted = f"He wrote: {text} What does that mean?"
        for level in ("careful", "aggressive"):
            lane = Lane(rule.get("client"), level)
            assert lane.chat(None, *said(quoted)) == said(quoted)
            assert lane.chat(None, *said(quoted, "Nothing.", "Fine.")) == said(quoted, "Nothing.", "Fine.")


@pytest.mark.parametrize("name", CASES)
def test_no_moved_clock_has_seconds(name: str) -> None:
    """A clock with seconds at a prompt's end has made agents loop."""
    for lane in _played(name):
        for note in _notes(lane):
            assert not re.search(r"\d:\d\d:\d\d", note)


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_told_twice(name: str) -> None:
    """Where a client's own rule and one for all clients find the same clock, the client's rule has it."""
    for lane in _played(name):
        lines = [
            (edit.message, line)
            for edit in lane.edits
            if not edit.old
            for line in edit.new.splitlines()
            if re.search(r"\d\d", line)
        ]
        assert len(lines) == len(set(lines))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.client != "openclaw"])
def test_whatever_a_client_moves_a_request_is_known_to_continue_the_one_before(name: str) -> None:
    chains: dict[str, tuple[bytes, ...]] = {}
    for sent in CASES[name].requests(True):
        prompt = parse(_api(sent), sent.body)
        found = links(prompt.messages, RULES.frame(CASES[name].client))
        known = tuple(link for link in found if link is not None)
        before = chains.get(sent.lane, ())
        assert known[: len(before)] == before
        chains[sent.lane] = known


def _api(sent: Sent) -> Api:
    api = route("POST", sent.path.partition("?")[0]).api
    assert api is not None
    return api


def _played(name: str) -> Iterator[Lane]:
    """The lanes of a case after each of its requests."""
    lanes: dict[str, Lane] = {}
    for sent in CASES[name].requests(True):
        lane = lanes.setdefault(sent.lane, Lane(recognized(sent), api=_api(sent)))
        lane.send(json.loads(sent.body))
        yield lane


def _notes(lane: Lane) -> list[str]:
    return [edit.new for edit in lane.edits if not edit.old]


def _texts(before: Any) -> list[str]:
    """The texts of an example that stand for a whole message."""
    if isinstance(before, str):
        return [before]
    contents = [one.get("content") for one in before if isinstance(one, dict)]
    return [content for content in contents if isinstance(content, str) and content]
