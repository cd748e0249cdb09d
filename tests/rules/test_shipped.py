"""What holds for every shipped rule, on conversations made of its own examples and of look-alikes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy_core.prompt import Api, Prompt, parse
from proxy_core.rules import Normalized, Rule, RuleSet, shipped_rules
from proxy_core.rules.draft import Draft
from proxy_core.rules.recall import Recall, Room

RULES = tuple(shipped_rules())
CLIENTS = sorted({rule.client for rule in RULES} - {"any"})
ROOM = Room(context=1_000_000, tokens_per_byte=0.25)
PLAIN = ["Hello.", "List the files.", "", 'é\U0001f600"\\\n\tand so on']
EXTRA = '"temperature": 0.70, "extra": {"b": 1.0, "a": "\\u00e9", "n": 1e400}'
LISTS = {"messages", "input", "tools", "system", "instructions"}

Message = dict[str, Any]


def _examples() -> dict[str, list[dict[str, Any]]]:
    packs = (resources.files("proxy_core.rules") / "packs").iterdir()
    tables = [rule for pack in packs for rule in tomllib.loads(pack.read_text("utf-8")).get("rule", [])]
    return {rule["id"]: rule.get("example", []) for rule in tables}


EXAMPLES = _examples()


def said(rule_id: str, kind: str) -> list[str]:
    """The texts of a kind in a rule's examples."""
    return [text for found, text in _texts(rule_id) if found == kind]


def _texts(rule_id: str) -> Iterator[tuple[str, str]]:
    for example in EXAMPLES[rule_id]:
        for part in (example["before"], example.get("first")):
            if isinstance(part, str):
                yield example["in"], part
            elif example["in"] == "messages" and part:
                for request in part if isinstance(part[0], list) else [part]:
                    for message in request:
                        if isinstance(message.get("content"), str):
                            yield message.get("role", "user"), message["content"]


def pasted(rule_id: str) -> list[str]:
    """Texts of a person who quotes what the rule is about."""
    return [f"Look at this:\n\n{text}\n\nWhat is it?" for _, text in _texts(rule_id)]


def texts(rule: Rule, kind: str) -> st.SearchStrategy[str]:
    plain = [text for text in PLAIN if text or kind != "user"]
    return st.sampled_from([*plain, *said(rule.id, kind), *pasted(rule.id)])


def systems(rule: Rule) -> st.SearchStrategy[str]:
    return st.lists(
        st.sampled_from(["You are helpful.", *said(rule.id, "system")]), min_size=1, max_size=2
    ).map("\n".join)


@st.composite
def conversations(draw: st.DrawFn, rule: Rule) -> list[Message]:
    """The messages of a whole conversation, tool loops included."""
    found: list[Message] = []
    for turn in range(draw(st.integers(1, 4))):
        said_now = [{"role": "user", "content": draw(texts(rule, "user"))}]
        if not is_persons(said_now[0], rule):
            # What only accompanies a person's words comes with some.
            said_now.insert(
                draw(st.integers(0, 1)), {"role": "user", "content": draw(st.sampled_from(PLAIN[:2]))}
            )
        found += said_now
        for step in range(draw(st.integers(0, 2))):
            call = f"c{turn}x{step}"
            function = {"name": "read", "arguments": '{"a": 1}'}
            calls = [{"id": call, "type": "function", "function": function}]
            found.append({"role": "assistant", "content": None, "tool_calls": calls})
            found.append({"role": "tool", "tool_call_id": call, "content": draw(texts(rule, "tool"))})
        found.append({"role": "assistant", "content": draw(texts(rule, "assistant"))})
    return found


def is_persons(message: Message, rule: Rule) -> bool:
    """Whether a user message is a person's and no context of the client's."""
    prompt = parse("chat", json.dumps({"messages": [message]}).encode())
    return bool(Draft.of(prompt, rule.frame, Recall({}), None).persons)


def body(api: Api, system: str, messages: list[Message], *, ascii_only: bool, parts: bool = False) -> bytes:
    """A request body with numbers and escapes that writing it anew would change."""
    tree: dict[str, Any]
    tools: list[Message] = [{"name": name, "input_schema": {}} for name in ("read", "exec")]
    if api == "chat":
        tree = {"messages": [{"role": "system", "content": system}, *messages]}
        tree["tools"] = [{"type": "function", "function": {"name": tool["name"]}} for tool in tools]
    elif api == "messages":
        tree = {
            "system": system,
            "messages": [_anthropic(message, parts) for message in messages],
            "tools": tools,
        }
    else:
        items = [item for message in messages for item in _items(message, parts)]
        tree = {"instructions": system, "input": items}
        tree["tools"] = [{"type": "function", "name": tool["name"]} for tool in tools]
    return f"{json.dumps(tree, ensure_ascii=ascii_only)[:-1]}, {EXTRA}}}".encode()


def _anthropic(message: Message, parts: bool) -> Message:
    if message["role"] == "tool":
        part = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": message["content"]}
        return {"role": "user", "content": [part]}
    if message.get("tool_calls"):
        call = message["tool_calls"][0]
        return {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": call["id"], "name": "read", "input": {}}],
        }
    text = message["content"]
    return {"role": message["role"], "content": [{"type": "text", "text": text}] if parts else text}


def _items(message: Message, parts: bool) -> list[Message]:
    if message["role"] == "tool":
        return [
            {"type": "function_call_output", "call_id": message["tool_call_id"], "output": message["content"]}
        ]
    if message.get("tool_calls"):
        call = message["tool_calls"][0]
        return [{"type": "function_call", "call_id": call["id"], "name": "read", "arguments": "{}"}]
    kind = "output_text" if message["role"] == "assistant" else "input_text"
    text = message["content"]
    return [{"role": message["role"], "content": [{"type": kind, "text": text}] if parts else text}]


def normalized(rules: RuleSet, prompt: Prompt, client: str, memory: Any = None) -> Normalized:
    """What the rules make of a prompt; played again where the machine was too busy for a rule's 5 ms."""
    for _ in range(5):
        result = rules.apply(prompt, None if client == "any" else client, memory, ROOM)
        if not result.failures:
            break
    assert result.failures == ()
    return result


def only(rule: Rule) -> RuleSet:
    return RuleSet((rule,), frozenset({rule.id}))


def user_texts(prompt: Prompt) -> list[str]:
    return [s.text.decode() for message in prompt.messages for s in message.segments if s.kind == "user"]


EVERY_RULE = pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
A_FEW = settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)


@EVERY_RULE
@A_FEW
@given(data=st.data())
def test_a_rule_changes_its_places_and_nothing_else(rule: Rule, data: st.DataObject) -> None:
    api = data.draw(st.sampled_from(sorted(rule.apis)))
    raw = body(
        api,
        data.draw(systems(rule)),
        data.draw(conversations(rule)),
        ascii_only=data.draw(st.booleans()),
        parts=data.draw(st.booleans()),
    )
    prompt = parse(api, raw)
    once = normalized(only(rule), prompt, rule.client)
    assert once == normalized(only(rule), prompt, rule.client)
    if not once.edits:
        assert once.body is raw
    after = parse(api, once.body)
    json.loads(once.body)
    assert [(m.key, _value(raw, m)) for m in prompt.top if m.key not in LISTS] == [
        (m.key, _value(once.body, m)) for m in after.top if m.key not in LISTS
    ]
    touched = {edit.message for edit in once.edits}
    untouched = [message.raw for n, message in enumerate(prompt.messages) if n not in touched]
    assert _in_order(untouched, [message.raw for message in after.messages])
    again = normalized(only(rule), after, rule.client)
    assert again.body == once.body


@EVERY_RULE
@A_FEW
@given(data=st.data())
def test_what_a_person_pasted_stays(rule: Rule, data: st.DataObject) -> None:
    api = data.draw(st.sampled_from(sorted(rule.apis)))
    quoted = data.draw(st.lists(st.sampled_from([*pasted(rule.id), PLAIN[3]]), min_size=1, max_size=3))
    said_by_model = data.draw(st.sampled_from([*pasted(rule.id), "Yes."]))
    messages = [
        m
        for text in quoted
        for m in ({"role": "user", "content": text}, {"role": "assistant", "content": said_by_model})
    ]
    raw = body(api, data.draw(systems(rule)), messages[:-1], ascii_only=data.draw(st.booleans()))
    prompt = parse(api, raw)
    after = parse(api, normalized(only(rule), prompt, rule.client).body)
    found = user_texts(after)
    assert found[:-1] == quoted[:-1]
    # What was moved stands behind the last of them.
    assert found[-1] == quoted[-1] or found[-1].startswith(f"{quoted[-1]}\n\n")
    said_after = [s.text.decode() for m in after.messages for s in m.segments if s.kind == "assistant"]
    assert said_after == [said_by_model] * (len(quoted) - 1)


@EVERY_RULE
@A_FEW
@given(data=st.data())
def test_what_was_sent_once_is_sent_again(rule: Rule, data: st.DataObject) -> None:
    replayed(only(rule), rule.client, rule, data)


@pytest.mark.parametrize("level", ["safe", "careful", "aggressive"])
@pytest.mark.parametrize("client", CLIENTS)
@A_FEW
@given(data=st.data())
def test_a_clients_rules_together(client: str, level: Any, data: st.DataObject) -> None:
    own = [rule for rule in RULES if rule.client in (client, "any")]
    replayed(RuleSet.of(RULES, {}, level), client, data.draw(st.sampled_from(own)), data)


def replayed(rules: RuleSet, client: str, rule: Rule, data: st.DataObject) -> None:
    """Play a conversation request by request: each begins as the one before, whatever the system says."""
    conversation = data.draw(conversations(rule))
    ascii_only = data.draw(st.booleans())
    memory: dict[tuple[str, str], bytes] = {}
    before: list[bytes] = []
    system = ""
    for end, message in enumerate(conversation):
        if message["role"] == "assistant" or conversation[end + 1]["role"] == "user":
            continue
        # Inside a tool loop values change; what the system prompt has comes and goes between turns.
        choices = _alike(rules, client, rule, system) if message["role"] == "tool" else systems(rule)
        system = data.draw(choices)
        raw = body("chat", system, conversation[: end + 1], ascii_only=ascii_only)
        result = normalized(rules, parse("chat", raw), client, memory)
        assert result == normalized(rules, parse("chat", raw), client, memory)
        memory.update(result.writes)
        sent = [m.raw for m in parse("chat", result.body).messages if m.kind != "system"]
        assert sent[: len(before)] == before
        before = sent


def _alike(rules: RuleSet, client: str, rule: Rule, system: str) -> st.SearchStrategy[str]:
    """System texts in which the same rules find their places as in `system`."""

    def matched(text: str) -> frozenset[str]:
        prompt = parse("chat", body("chat", text, [{"role": "user", "content": "x"}], ascii_only=True))
        return normalized(rules, prompt, client).matched

    wanted = matched(system)
    return st.sampled_from(
        [t for t in sorted({*said(rule.id, "system"), system}) if matched(t) == wanted] or [system]
    )


def _value(source: bytes, member: Any) -> bytes:
    return source[member.value.start : member.value.end]


def _in_order(wanted: list[bytes], found: list[bytes]) -> bool:
    left = iter(found)
    return all(any(one == other for other in left) for one in wanted)
