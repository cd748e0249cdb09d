"""Equal as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.rules.same import same_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_spelling_makes_no_difference(value: Any) -> None:
    turned = dict(reversed(value.items())) if isinstance(value, dict) else value
    assert same_json(json.dumps(value), json.dumps(turned, indent=1, ensure_ascii=False))


@given(VALUES, VALUES)
def test_meaning_does(one: Any, other: Any) -> None:
    assert same_json(json.dumps([one]), json.dumps([other])) == (
        json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    )


@pytest.mark.parametrize(
    ("one", "other", "same"), [("20.0", "20", True), ("true", "1", False), ("{", "{", False)]
)
def test_numbers_and_what_is_none(one: str, other: str, same: bool) -> None:
    assert same_json(one, other) is same
