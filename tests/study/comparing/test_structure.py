"""Components opposite one another: every one once, and equal ones found."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy_core.diagnosis.outline import Outline, outline
from proxy_core.prompt import parse
from proxy_core.study.comparing.structure import Piece, Setting, settings, structure
from tests.captures.kit import PATIENT, chat

_TEXTS = st.lists(st.sampled_from(["a", "b", "c", "a longer text"]), max_size=7)
_TOOLS = st.lists(st.sampled_from("abcde"), max_size=6)


def _body(system: str, said: list[str], tools: list[str], what: str = "x") -> dict[str, Any]:
    declared = [{"type": "function", "function": {"name": name, "description": what}} for name in tools]
    return chat(system, *said, **({"tools": declared} if tools else {}))


def _outline(body: dict[str, Any]) -> Outline:
    return outline(parse("chat", json.dumps(body).encode()))


def _compared(before: dict[str, Any], after: dict[str, Any]) -> list[Piece]:
    return structure(_outline(before), _outline(after))


@PATIENT
@given(_TEXTS, _TEXTS, _TOOLS, _TOOLS, st.booleans())
def test_every_component_comes_once(
    ours: list[str], theirs: list[str], old: list[str], new: list[str], described: bool
) -> None:
    before, after = (
        _outline(_body("s", ours, old)),
        _outline(_body("s", theirs, new, "y" if described else "x")),
    )
    found = structure(before, after)
    for side, outlined in ((1, before), (2, after)):
        listed = [piece[side] for piece in found if piece[side] is not None]
        assert sorted(map(id, listed)) == sorted(map(id, outlined.components))
    # What stands in the current prompt keeps its order.
    assert [piece.after for piece in found if piece.after is not None] == list(after.components)
    for change, old_one, new_one in found:
        equal = old_one is not None and new_one is not None and old_one.same(new_one)
        assert equal == (change in ("same", "moved"))


@PATIENT
@given(_TEXTS, _TOOLS)
def test_equal_prompts_have_equal_parts(said: list[str], tools: list[str]) -> None:
    assert {piece.change for piece in _compared(*[_body("s", said, tools)] * 2)} == {"same"}


def test_a_message_that_moved_is_no_other_one() -> None:
    found = _compared(_body("s", ["one", "two", "three"], []), _body("s", ["three", "two", "one"], []))
    assert sorted(piece.change for piece in found) == ["moved", "moved", "same", "same"]


def test_as_few_tools_as_can_be_have_moved() -> None:
    found = _compared(_body("s", ["x"], list("abcde")), _body("s", ["x"], list("eabcd")))
    assert [piece.component.tool for piece in found if piece.change == "moved"] == ["e"]


def test_settings_are_what_is_no_prompt() -> None:
    before, after = chat("a", "b", temperature=0.70, stop=["x"]), chat("c", "d", temperature=0.7, top_p=1)
    told = settings(
        json.dumps(before).encode().replace(b"0.7", b"0.70"),
        json.dumps(after).encode(),
    )
    assert told == [
        Setting("temperature", "0.70", "0.7"),
        Setting("stop", '["x"]', None),
        Setting("top_p", None, "1"),
    ]
    assert settings(b"[", b"{}") == []
