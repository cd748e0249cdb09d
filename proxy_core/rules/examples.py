"""Examples in rule files: each is played and must come out as it says."""

from __future__ import annotations

from typing import Any

import msgspec

from proxy_core.errors import RuleError
from proxy_core.prompt import Api, parse
from proxy_core.rules.recall import Memory, Room
from proxy_core.rules.rule import Rule
from proxy_core.rules.ruleset import RuleSet
from proxy_core.rules.tables import ExampleTable

HELLO = "Hello."
"""What a person says in an example of another text."""
_TRIES = 5
"""How often an example is played when the rule took too long: the machine may be busy, a pattern new."""

_PLENTY = Room(context=1_000_000, tokens_per_byte=0.25)

_Body = dict[str, Any]


def check_example(rule: Rule, number: int, example: ExampleTable) -> None:
    """Play an example.

    Raises:
        RuleError: It is no example of its kind, or it comes out otherwise. The message shows both.
    """
    try:
        _check(rule, example)
    except RuleError as error:
        raise RuleError(f"example {number}{error.message}") from error


def _check(rule: Rule, example: ExampleTable) -> None:
    lists = example.kind in ("tools", "messages")
    for key in ("before", "after", "first"):
        found = getattr(example, key)
        if found is not None and isinstance(found, list) != lists:
            wanted = "a list" if lists else "a text"
            raise RuleError(f": with in = {example.kind!r}, `{key}` is {wanted}.")
    if example.moved is not None and example.kind in ("user", "tools", "messages"):
        raise RuleError(f": `moved` says what a user message gets; with in = {example.kind!r} use `after`.")
    api = next(api for api in ("chat", "messages", "responses") if api in rule.apis)
    memory: Memory = {}
    for earlier in _earlier(example):
        _, memory = _played(rule, api, _request(api, example.kind, earlier), memory)
    after, _ = _played(rule, api, _request(api, example.kind, example.before), memory)
    wanted = _expected(api, example)
    if (found := _part(api, example.kind, after)) != wanted:
        raise RuleError(f" gives {found!r}, not {wanted!r}.")
    if example.kind in ("system", "assistant", "tool"):
        said = HELLO if example.moved is None else f"{HELLO}\n\n{example.moved}"
        if (found := _last_user(api, after)) != said:
            raise RuleError(f" makes the user message {found!r}, not {said!r}; say in `moved` what it gets.")


def _earlier(example: ExampleTable) -> list[Any]:
    if example.first is None:
        return []
    return list(example.first) if example.kind == "messages" else [example.first]


def _played(rule: Rule, api: Api, body: _Body, memory: Memory) -> tuple[_Body, Memory]:
    """The body as the rule makes it, and the lane's memory after it."""
    prompt = parse(api, msgspec.json.encode(body))
    rules = RuleSet((rule,), frozenset({rule.id}))
    client = None if rule.client == "any" else rule.client
    for _ in range(_TRIES):
        result = rules.apply(prompt, client, memory, _PLENTY)
        if not result.failures:
            return msgspec.json.decode(result.body), {**memory, **result.writes}
    raise RuleError(f": {result.failures[0]}.")


def _request(api: Api, kind: str, given: Any) -> _Body:
    """A request with a text, tools or messages."""
    if kind == "messages":
        for message in given:
            if not isinstance(message, dict):
                raise RuleError(": messages are a list of tables, one for each message.")
        return {_list_key(api): given}
    hello = {"role": "user", "content": HELLO}
    if kind == "tools":
        return {_list_key(api): [hello], "tools": [_tool(api, tool) for tool in given]}
    if kind == "user":
        return {_list_key(api): [{"role": "user", "content": given}]}
    if kind == "system" and api != "chat":
        return {_system_key(api): given, _list_key(api): [hello]}
    return {_list_key(api): [_message(api, kind, given), hello]}


def _message(api: Api, kind: str, text: str) -> _Body:
    if kind != "tool":
        return {"role": kind, "content": text}
    if api == "chat":
        return {"role": "tool", "tool_call_id": "call", "content": text}
    if api == "responses":
        return {"type": "function_call_output", "call_id": "call", "output": text}
    part = {"type": "tool_result", "tool_use_id": "call", "content": text}
    return {"role": "user", "content": [part]}


def _tool(api: Api, tool: Any) -> Any:
    if not isinstance(tool, str):
        return tool
    if api == "messages":
        return {"name": tool, "input_schema": {"type": "object"}}
    function = {"name": tool, "parameters": {"type": "object"}}
    return {"type": "function", "function": function} if api == "chat" else {"type": "function", **function}


def _part(api: Api, kind: str, body: _Body) -> Any:
    """What of a body an example of that kind is about."""
    if kind in ("tools", "messages"):
        return body["tools" if kind == "tools" else _list_key(api)]
    if kind == "system" and api != "chat":
        return body[_system_key(api)]
    message: _Body = next(iter(body[_list_key(api)]), {})
    if "output" in message:
        return message["output"]
    content = message.get("content")
    return content[0]["content"] if isinstance(content, list) else content


def _expected(api: Api, example: ExampleTable) -> Any:
    """What the example says must come out; as it went in where it says nothing."""
    wanted: Any = example.before if example.after is None else example.after
    return [_tool(api, tool) for tool in wanted] if example.kind == "tools" else wanted


def _last_user(api: Api, body: _Body) -> Any:
    return body[_list_key(api)][-1].get("content")


def _list_key(api: Api) -> str:
    return "input" if api == "responses" else "messages"


def _system_key(api: Api) -> str:
    return "system" if api == "messages" else "instructions"
