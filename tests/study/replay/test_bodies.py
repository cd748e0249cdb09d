"""What is posted for a captured body: its bytes, but for a salt and the members that are named."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy_core.diagnosis.outline import ToolsAt
from proxy_core.errors import PromptError
from proxy_core.prompt import Api, parse
from proxy_core.prompt.spans import members, whole
from proxy_core.routes import route
from proxy_core.study.replay.bodies import PATHS, SALT_DIGITS, Asking, prepared
from tests.clients.registry import CASES

SALT = "0" * (SALT_DIGITS - 3) + "417"
OTHER = "9" * SALT_DIGITS

_COUNT: dict[Api, str] = {"chat": "max_tokens", "responses": "max_output_tokens", "messages": "max_tokens"}
_SET = {"max_tokens", "max_output_tokens", "stream", "model", "n"}
_GONE = {
    *("n_predict", "max_completion_tokens", "stream_options", "return_progress", "timings_per_token"),
    *("n_cmpl", "id_slot", "previous_response_id", "conversation", "store", "background"),
}

# Values as no writer of ours would spell them.
_SPELLED = st.sampled_from(
    [
        "1.50",
        "-0",
        "1E2",
        r'"\u00e9\/"',
        "[ 1,\t2 ]",
        '{ "b":1 , "a":{} }',
        "null",
        "true",
        r'"\ud83d\ude00"',
        '"é"',
    ]
)
_KEYS = st.sampled_from(
    ["temperature", "x-unknown", "cache_prompt", "metadata", "ünï", *sorted(_GONE | _SET)]
)


def _prepared(body: bytes, api: Api = "chat", salt: str = SALT, **asking: Any) -> bytes:
    return prepared(parse(api, body), salt, Asking(**asking))


def _raw(body: bytes) -> dict[str, bytes]:
    return {one.key: body[one.value.start : one.value.end] for one in members(body, whole(body))}


def _first_of(case: str) -> tuple[Api, bytes]:
    sent = next(iter(CASES[case].requests(True)))
    api = route("POST", sent.path.partition("?")[0]).api
    assert api is not None
    return api, sent.body


@settings(deadline=None, max_examples=150)
@given(
    case=st.sampled_from(sorted(CASES)),
    extra=st.lists(st.tuples(_KEYS, _SPELLED, st.sampled_from(["", " ", "\n  "])), max_size=6),
    front=st.booleans(),
    model=st.none() | st.sampled_from(["other", 'a"b']),
    tools_at=st.none() | st.sampled_from(get_args(ToolsAt)),
)
def test_every_byte_that_is_not_named_stays(
    case: str,
    extra: list[tuple[str, str, str]],
    front: bool,
    model: str | None,
    tools_at: ToolsAt | None,
) -> None:
    api, body = _first_of(case)
    known = set(_raw(body))
    fresh = {key: (value, space) for key, value, space in extra if key not in known}
    added = [f"{s}{json.dumps(key)}{s}:{s}{value}{s}" for key, (value, s) in fresh.items()]
    inner = body.strip()[1:-1]
    parts = [*(text.encode() for text in added), inner]
    body = b"{" + b",".join(parts if front else [inner, *parts[:-1]]) + b"}"

    before, after = _raw(body), _raw(_prepared(body, api, max_tokens=3, model=model, tools_at=tools_at))

    own = {_COUNT[api], "stream", *(("n",) if "n" in before else ()), *(("model",) if model else ())}
    gone = (_GONE | {"max_tokens", "max_output_tokens"}) - own
    assert [key for key in after if key in before] == [key for key in before if key not in gone]
    assert set(after) == (set(before) - gone) | own
    assert after[_COUNT[api]] == b"3"
    assert after["stream"] == (b"true" if api == "responses" else b"false")
    assert "n" not in after or after["n"] == b"1"
    if model:
        assert json.loads(after["model"]) == model
    salted = (f"{SALT}\\n".encode(), f'"description":"{SALT}\\n",'.encode(), f" {SALT}".encode())
    for key in set(after) - own:
        found = after[key]
        if found != before[key]:
            assert key in ("messages", "input", "system", "instructions", "tools")
            places = [found.replace(text, b"", 1) for text in salted]
            assert before[key] in places


@pytest.mark.parametrize("case", sorted(CASES))
def test_two_salts_part_the_prompt_at_once_and_have_one_length(case: str) -> None:
    api, body = _first_of(case)
    one, other = (_prepared(body, api, salt=salt, tools_at="after system") for salt in (SALT, OTHER))
    assert len(one) == len(other)
    first = next(segment for segment in parse(api, one).segments)
    start = b"x-anthropic-billing-header: " if first.text.startswith(b"x-anthropic") else b""
    assert first.text.startswith(start + SALT.encode())
    assert one.count(SALT.encode()) == 1


@pytest.mark.parametrize(
    ("api", "body", "salted"),
    [
        ("chat", '{"messages":[{"role":"user","content":"Hi"}]}', '"content":"S\\nHi"'),
        ("chat", '{"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}]}', '"text":"S\\nHi"'),
        (
            "chat",
            '{"messages":[{"role":"assistant","content":null},{"role":"user","content":"Hi"}]}',
            '"content":"S\\nHi"',
        ),
        ("responses", '{"input":"Hi"}', '"input":"S\\nHi"'),
        ("responses", '{"instructions":null,"input":"Hi"}', '"instructions":null,"input":"S\\nHi"'),
        ("responses", '{"input":"Hi","instructions":"Be"}', '"input":"Hi","instructions":"S\\nBe"'),
        (
            "responses",
            '{"input":[{"type":"reasoning"},{"role":"user","content":[{"type":"input_text","text":"Hi"}]}]}',
            '"text":"S\\nHi"',
        ),
        ("messages", '{"system":"Be","messages":[]}', '"system":"S\\nBe"'),
        ("messages", '{"messages":[],"system":[{"type":"text","text":"Be"}]}', '"text":"S\\nBe"'),
        (
            "messages",
            '{"system":"x-anthropic-billing-header: cc_version=2; cch=1a2b3;","messages":[]}',
            '"system":"x-anthropic-billing-header: S cc_version=2; cch=1a2b3;"',
        ),
        ("chat", '{"messages":[{"role":"user","content":"\\u00e9 \\/"}]}', '"content":"S\\n\\u00e9 \\/"'),
    ],
)
def test_the_salt_stands_before_the_first_text(api: Api, body: str, salted: str) -> None:
    assert salted.replace("S", SALT) in _prepared(body.encode(), api).decode()


@pytest.mark.parametrize(
    ("api", "tools", "salted"),
    [
        ("chat", '[{"function":{"name":"a","description":"Does"}}]', '"description":"S\\nDoes"'),
        (
            "chat",
            '[ {"function":{"name":"a"}}, {} ]',
            '[ {"function":{"description":"S\\n","name":"a"}}, {} ]',
        ),
        ("chat", '[{"function":{}}]', '[{"function":{"description":"S\\n"}}]'),
        ("chat", '[{"type":"web"},{"function":{"description":null}}]', '{"function":{"description":"S\\n"}}'),
        (
            "responses",
            '[{"type":"web"},{"type":"function","description":"Does"}]',
            '"description":"S\\nDoes"',
        ),
        ("messages", '[{"name":"a","description":"Does"}]', '"description":"S\\nDoes"'),
    ],
)
def test_tools_that_the_model_sees_first_are_salted_as_well(api: Api, tools: str, salted: str) -> None:
    said = '"input":"Hi"' if api == "responses" else '"messages":[{"role":"user","content":"Hi"}]'
    body = f'{{{said},"tools":{tools}}}'.encode()
    for tools_at in ("first", None):
        assert salted.replace("S", SALT) in _prepared(body, api, tools_at=tools_at).decode()
    assert tools in _prepared(body, api, tools_at="after system").decode()


@pytest.mark.parametrize(
    "tools", ['"none"', "null", "[]", "[1]", '[{"function":{"a":1,"a":2}}]', '[{"function":7}]']
)
def test_tools_that_cannot_be_read_stay(tools: str) -> None:
    body = f'{{"messages":[{{"role":"user","content":"Hi"}}],"tools":{tools}}}'.encode()
    assert _raw(_prepared(body))["tools"] == tools.encode()


@pytest.mark.parametrize("body", [b'{"messages":[]}', b'{"messages":[{"role":"user","content":null}]}'])
def test_a_prompt_without_text_cannot_be_told_apart(body: bytes) -> None:
    with pytest.raises(PromptError, match="holds no text"):
        _prepared(body)


def test_members_go_with_their_commas() -> None:
    said = '"messages":[{"role":"user","content":"Hi"}]'
    body = f'{{ "store" : 1 , {said} , "id_slot":0,\n"n_predict": 5 }}'.encode()
    salted = said.replace("Hi", f"{SALT}\\nHi")
    assert _prepared(body).decode() == f'{{ {salted},"max_tokens":1,"stream":false }}'


def test_each_api_has_its_path() -> None:
    assert {route("POST", path).api for path in PATHS.values()} == set(get_args(Api))
    assert all(route("POST", path).api == api for api, path in PATHS.items())
