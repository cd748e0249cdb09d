"""Where JSON values lie, against what json itself makes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.errors import PromptError
from proxy_core.prompt.spans import Span, items, literal_offsets, members, string, whole

# Lone surrogates are no UTF-8 and no JSON parser of llama.cpp's takes them.
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
STYLES = st.sampled_from(
    [
        {"indent": 2},
        {"indent": None, "separators": (",", ":")},
        {"indent": 1, "separators": (" , ", " : "), "ensure_ascii": False},
        {"ensure_ascii": False},
    ]
)


@given(st.dictionaries(TEXT, VALUES, max_size=6), STYLES)
def test_members_lie_where_their_values_are(tree: dict[str, Any], style: dict[str, Any]) -> None:
    source = b" \n" + json.dumps(tree, **style).encode() + b"\t"
    found = members(source, whole(source))
    assert [member.key for member in found] == list(tree)
    for member in found:
        assert json.loads(source[member.value.start : member.value.end]) == tree[member.key]
        assert source[member.start : member.start + 1] == b'"'


@given(st.lists(VALUES, max_size=6), STYLES)
def test_items_lie_where_their_values_are(tree: list[Any], style: dict[str, Any]) -> None:
    source = json.dumps(tree, **style).encode()
    assert [json.loads(source[s.start : s.end]) for s in items(source, whole(source))] == tree


@given(TEXT, st.booleans(), st.data())
def test_offsets_cut_a_literal_where_its_text_is_cut(
    text: str, ascii_only: bool, data: st.DataObject
) -> None:
    literal = json.dumps(text, ensure_ascii=ascii_only).encode()
    bounds = [len(text[:i].encode()) for i in range(len(text) + 1)]
    cuts = sorted(data.draw(st.lists(st.sampled_from(bounds), min_size=2, max_size=2)))
    start, end = literal_offsets(literal, text.encode(), cuts)
    left = literal[:start] + literal[end:]
    raw = text.encode()
    assert json.loads(left) == (raw[: cuts[0]] + raw[cuts[1] :]).decode()


@pytest.mark.parametrize(
    "source",
    [b'{"a": 1, "a": 2}', b'{"a": 1, "a": 1}', b'{"a": 1, "b": 2, "a": 1}', b"[1]", b"{", b'{"a": }', b""],
)
def test_what_has_no_single_meaning_is_refused(source: bytes) -> None:
    with pytest.raises(PromptError):
        members(source, whole(source))


def test_a_string_that_is_no_text_is_refused() -> None:
    with pytest.raises(PromptError):
        string(b'"\xff"', Span(0, 3))
