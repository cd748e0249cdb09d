"""Keys cut from fenced JSON, in every style and position."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.prompt import Change
from proxy_core.rules.fenced import block_at, value, without

STYLES: dict[str, dict[str, Any]] = {
    "pretty": {"indent": 2},
    "tabs": {"indent": "\t"},
    "compact": {"separators": (",", ":")},
    "one line": {},
}


def cut(text: bytes, changes: list[Change]) -> bytes:
    for change in sorted(changes, key=lambda c: -c.start):
        text = text[: change.start] + change.new + text[change.end :]
    return text


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("order", itertools.permutations(["message_id", "sender", "reply_to_id", "channel"]))
def test_what_is_left_is_json_in_the_same_style(style: str, order: tuple[str, ...]) -> None:
    def dump(keys: list[str]) -> bytes:
        tree = {key: f'{key} with ``` and " and é' for key in keys}
        return b"```json\n" + json.dumps(tree, **STYLES[style], ensure_ascii=False).encode() + b"\n```\n"

    text = dump(list(order))
    block = block_at(text, 0)
    assert block is not None
    gone = {"message_id", "reply_to_id"}
    assert cut(text, without(block, gone)) == dump([key for key in order if key not in gone])


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.text(st.characters(exclude_categories=["Cs"])), max_size=6),
    st.sets(st.sampled_from("abcdef")),
    st.sampled_from(sorted(STYLES)),
)
def test_any_keys_from_any_object(tree: dict[str, str], keys: set[str], style: str) -> None:
    text = b"```json\n" + json.dumps(tree, **STYLES[style]).encode() + b"\n```"
    block = block_at(text, 0)
    assert block is not None
    left = cut(text, without(block, keys))
    again = block_at(left, 0)
    assert again is not None
    assert {m.key: value(left, again, m.key) for m in again.rows[0].members} == {
        k: v for k, v in tree.items() if k not in keys
    }
    assert without(again, keys) == []


@pytest.mark.parametrize(
    "text",
    [
        b"```json\n{broken}\n```",
        b"```json\n{",
        b"``` json\n{}\n```",
        b'```json\n{"a":1,"a":2}\n```',
        b"",
    ],
)
def test_what_is_no_json_is_no_block(text: bytes) -> None:
    assert block_at(text, 0) is None


def test_a_single_line_fence() -> None:
    text = b'```json {"message_id": "1", "a": "2"} ```'
    block = block_at(text, 0)
    assert block is not None
    assert cut(text, without(block, {"message_id"})) == b'```json {"a": "2"} ```'


def test_keys_of_each_object_in_an_array() -> None:
    text = b'```json\n[{"message_id": "1"}, 7, {"a": "message_id", "message_id": "2"}]\n```\nmore'
    block = block_at(text, 0)
    assert block is not None
    assert text[block.end :] == b"\nmore"
    assert value(text, block, "message_id") is None
    assert cut(text, without(block, {"message_id"})) == b'```json\n[{}, 7, {"a": "message_id"}]\n```\nmore'


def test_neighbours_that_go_are_one_cut() -> None:
    text = b'```json\n{"s": 0, "a": 1, "b": 2, "c": 3, "d": 4}\n```'
    block = block_at(text, 0)
    assert block is not None
    assert [text[c.start : c.end] for c in without(block, {"a", "b", "d"})] == [
        b', "a": 1, "b": 2',
        b', "d": 4',
    ]
