"""Actions that change a text by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.prompt import Change
from proxy_core.rules.actions import TextAction
from proxy_core.rules.actions.canonical_json import CanonicalJson
from proxy_core.rules.actions.drop_block import DropBlock
from proxy_core.rules.actions.replace import Replace
from proxy_core.rules.actions.strip import Strip
from proxy_core.rules.actions.truncate import Truncate
from proxy_core.rules.patterns import pattern

BLOCK = "<x>1</x>"


def done(action: TextAction, text: str, wanted: str) -> str:
    """`text` after `action` on every match of `wanted`."""
    raw = text.encode()
    matches = [Change(m.start(), m.end()) for m in pattern(wanted).finditer(raw) if m.end() > m.start()]
    for change in sorted(action.apply(raw, matches), key=lambda c: -c.start):
        raw = raw[: change.start] + change.new + raw[change.end :]
    return raw.decode()


def test_strip() -> None:
    assert done(Strip(), "a1b22", r"\d+") == "ab"


def test_replace() -> None:
    assert done(Replace("é"), "a1b22", r"\d+") == "aébé"
    assert Replace("1").apply(b"1", [Change(0, 1)]) == []


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02"),
        ("at 2026-01-02 03:04, 2026-01-03 05:06", "at 2026-01-02, 2026-01-03"),
        ("2026-01-02", "2026-01-02"),
        ("no date 03:04", "no date 03:04"),
    ],
)
def test_truncate(text: str, left: str) -> None:
    assert done(Truncate(r"\d{4}-\d\d-\d\d"), text, r"[\d-]+[T ][\d:]+Z?|date [\d:]+") == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"a\n\n{BLOCK}\n\nb", "a\n\nb"),
        (f"a\n{BLOCK}\nb", "a\nb"),
        (f"a\n{BLOCK}\n\nb", "a\n\nb"),
        (f"a\n\n{BLOCK}\nb", "a\n\nb"),
        (f"a\r\n\r\n{BLOCK}\r\nb", "a\r\n\r\nb"),
        (f"{BLOCK}\n\nb", "b"),
        (f"a\n\n{BLOCK}", "a"),
        (f"a\n\n{BLOCK}\n", "a"),
        (f"\n{BLOCK}\n", ""),
        (f"a {BLOCK} b", "a  b"),
        (f"a {BLOCK}\nb", "a \nb"),
        (f"a\n{BLOCK} b", "a\n b"),
        (f"a\n\n{BLOCK}\n\n{BLOCK}\n\nb", "a\n\nb"),
        ("nothing", "nothing"),
    ],
)
def test_drop_block(text: str, left: str) -> None:
    assert done(DropBlock(), text, "<x>.*?</x>") == left


@given(st.lists(st.sampled_from(["a", "\n", "\r\n", " ", BLOCK, "é"])).map("".join))
def test_drop_block_takes_nothing_but_blocks_and_space(text: str) -> None:
    left = done(DropBlock(), text, "<x>.*?</x>")
    assert "".join(left.split()) == "".join(text.replace(BLOCK, "").split())
    assert BLOCK not in left
    if BLOCK not in text:
        assert left == text


def test_canonical_json() -> None:
    assert done(CanonicalJson(), 'see {"b":[1.0,{}],"a":"é/"}\n', r"\{.*\}") == (
        'see {\n  "a": "é/",\n  "b": [\n    1.0,\n    {}\n  ]\n}\n'
    )
    assert done(CanonicalJson(indent=0), '{"b":1,"a":1e400}', ".*") == '{\n"a": 1e400,\n"b": 1\n}'


@pytest.mark.parametrize("text", ["{broken}", '{"a":1,"a":2}', '{"a":NaN}', r'{"a":"\ud800"}', ""])
def test_what_is_no_json_stays(text: str) -> None:
    assert done(CanonicalJson(), text, "(?s).+") == text


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(TREES, st.integers(0, 4), st.booleans())
def test_canonical_json_means_the_same_and_comes_once(tree: Any, indent: int, ascii_only: bool) -> None:
    action = CanonicalJson(indent=indent)
    text = json.dumps(tree, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    changes = action.apply(text, [Change(0, len(text))])
    once = changes[0].new if changes else text
    assert json.loads(once) == tree
    assert action.apply(once, [Change(0, len(once))]) == []
    shuffled = json.dumps(tree, indent=3, sort_keys=True, ensure_ascii=not ascii_only).encode()
    again = action.apply(shuffled, [Change(0, len(shuffled))])
    assert (again[0].new if again else shuffled) == once
