"""Places: what each kind finds, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.prompt import Kind
from proxy_core.rules.anchors import Frame
from proxy_core.rules.look import At, Look, end_pattern, line_pattern
from proxy_core.rules.patterns import pattern

SYSTEM: frozenset[Kind] = frozenset({"system"})
USER: frozenset[Kind] = frozenset({"user"})
FRAME = Frame(
    headings=(pattern("Meta:"),),
    lines=pattern("Note: .*"),
    stamp=pattern(r"\[\d+\] "),
    carrier=pattern("CTX"),
)


def found(look: Look, text: str) -> list[str]:
    raw = text.encode()
    return [raw[change.start : change.end].decode() for change in look.find(raw)]


def section(
    heading: str, wanted: str | None = None, *, before: str | None = None, kinds: frozenset[Kind] = SYSTEM
) -> Look:
    return Look(
        kinds,
        "section",
        pattern(wanted) if wanted else None,
        heading=line_pattern(heading),
        until=line_pattern("#{1,3} .*"),
        before=pattern(before) if before else None,
    )


def block(opens: str, closes: str | None, wanted: str | None = None, kinds: frozenset[Kind] = SYSTEM) -> Look:
    return Look(
        kinds,
        "block",
        pattern(wanted) if wanted else None,
        opens=pattern(opens),
        closes=pattern(closes) if closes else None,
    )


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("12 apples", ["12"]),
        ("apples 12", []),
        (" 12 apples", []),
        ("Note: 7\n12 apples", []),
    ],
)
def test_start(text: str, left: list[str]) -> None:
    assert found(Look(USER, "start", pattern(r"\d+")), text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("[1] hi", ["[1] "]),
        ("Note: x\n\n[1] hi", ["[1] "]),
        ("Meta:\n```json\n{}\n```\n\n[1] hi", ["[1] "]),
        ("[1] Meta:\n```json\n{}\n```\n\nhi", ["[1] "]),
        ("[1] Meta:\n```json\n{}\n```\n\n[2] hi", []),
        ("[1] [2] hi", []),
        ("Note: x\n[1] Meta:\n```json\n{}\n```\n\nhi", []),
        ("hi [1] there", []),
    ],
)
def test_start_behind_a_frame(text: str, left: list[str]) -> None:
    look = Look(USER, "start", FRAME.stamp, FRAME)
    assert found(look, text) == left


def test_a_frame_without_a_stamp_still_refuses_what_is_quoted() -> None:
    look = Look(USER, "start", pattern(r"\[\d+\] "), Frame(headings=(pattern("Meta:"),)))
    assert found(look, "[1] hi") == ["[1] "]
    assert found(look, "[1] [2] hi") == []
    assert found(look, "[1] Meta:\n```json\n{}\n```\n\nhi") == []


def test_a_group_narrows_a_match() -> None:
    assert found(Look(USER, "start", pattern(r"at (\d+)")), "at 12") == ["12"]
    assert found(Look(SYSTEM, "text", pattern(r"(?:at (\d+)|now)")), "at 12, now") == ["12", "now"]
    assert found(Look(SYSTEM, "text", pattern("x(y?)z")), "xz xyz") == ["y"]


def test_sections() -> None:
    text = "# A\none\n## B\ntwo\n### C\nthree\n## B\nfour"
    assert found(section("## B"), text) == ["## B\ntwo\n", "## B\nfour"]
    assert found(section("## B", "[a-z]+"), text) == ["two", "four"]
    assert found(section("#{2,3} [BC]"), text) == ["## B\ntwo\n", "### C\nthree\n", "## B\nfour"]
    assert found(section("## B"), "about ## B\nand\n  ## B\n## BB\n") == []
    assert found(section("## B"), "## B  \r\nx\r\n## C\r\n") == ["## B  \r\nx\r\n"]


def test_only_the_first_section_above_a_border() -> None:
    look = section("## B", before="(?m)^# Files$")
    assert found(look, "## B\none\n## B\ntwo\n# Files\n## B\nthree") == ["## B\none\n"]
    assert found(look, "# Files\n## B\nthree") == []
    assert found(look, "## B\none") == ["## B\none"]


def test_a_section_in_a_persons_text_opens_it() -> None:
    look = section("## B", kinds=USER)
    assert found(look, "\n## B\none\n## C") == ["## B\none\n"]
    assert found(look, "see\n## B\none\n## C") == []
    framed = Look(USER, "section", None, FRAME, heading=line_pattern("## B"), until=line_pattern("## .*"))
    assert found(framed, "Note: x\n## B\none\n## C") == ["## B\none\n"]


def test_blocks() -> None:
    text = "a <x>1</x> b <x>2</x> c <x>3"
    assert found(block("<x>", "</x>"), text) == ["<x>1</x>", "<x>2</x>"]
    assert found(block("<x>", "</x>", r"\d"), text) == ["1", "2"]
    assert found(block("<x>", None), "a <x>3 b") == ["<x>3 b"]
    assert found(block("<x>", None), text) == []
    assert found(block("<x>", "</x>", kinds=frozenset({"tool"})), text) == ["<x>1</x>", "<x>2</x>"]


@pytest.mark.parametrize("kind", ["user", "assistant"])
def test_a_block_in_a_written_text_opens_it(kind: Kind) -> None:
    look = block("<x>", "</x>", kinds=frozenset({kind}))
    assert found(look, "\n <x>1</x> <x>2</x>") == ["<x>1</x>"]
    assert found(look, "a <x>1</x>") == []
    assert found(look, "<x>1") == []
    assert found(block("<x>", None, kinds=frozenset({kind})), "<x>1 and on") == ["<x>1 and on"]


def test_whole_tail_text() -> None:
    whole = Look(USER, "whole", pattern("(?s)<r>.*</r>"))
    assert found(whole, "\n<r>a</r> \n") == ["<r>a</r>"]
    assert found(whole, "<r>a</r> b") == []
    tail = Look(USER, "tail", end_pattern(r"\n\[id: \d+\]"))
    assert found(tail, "[id: 1]\n[id: 2]") == ["\n[id: 2]"]
    assert found(tail, "\n[id: 2] ") == []
    assert found(Look(SYSTEM, "text", pattern(r"\d+")), "1 a 22") == ["1", "22"]


def test_carriers() -> None:
    look = Look(USER, "carrier", None, FRAME)
    assert found(look, "CTX\nmore") == ["CTX\nmore"]
    assert found(look, "a CTX") == []


@pytest.mark.parametrize(
    ("at", "kinds", "wanted"),
    [
        ("start", USER, [True, False]),
        ("carrier", USER, [True, False]),
        ("block", USER, [True, False]),
        ("block", SYSTEM, [True, True]),
        ("section", SYSTEM, [True, True]),
        ("json", SYSTEM, [True, True]),
        ("whole", USER, [True, True]),
        ("tail", USER, [True, True]),
        ("text", SYSTEM, [True, True]),
    ],
)
def test_which_texts_of_a_message_are_looked_at(at: At, kinds: frozenset[Kind], wanted: list[bool]) -> None:
    look = Look(kinds, at)
    kind = next(iter(kinds))
    assert [look.wants(kind, first, True) for first in (True, False)] == wanted
    assert not look.wants("tool", True, True)
    only_first = Look(kinds, at, first_message=True)
    assert only_first.wants(kind, True, True)
    assert not only_first.wants(kind, True, False)


def test_looks_are_compared_by_what_they_say() -> None:
    assert Look(USER, "start", pattern("a")) == Look(USER, "start", pattern("a"))
    assert hash(Look(USER, "start", pattern("a"))) == hash(Look(USER, "start", pattern("a")))
    assert Look(USER, "start", pattern("a")) != Look(USER, "start", pattern("b"))


LOOKS = [
    Look(USER, "start", FRAME.stamp, FRAME),
    section("## B", "[a-z]+"),
    section("## B", before="(?m)^# Files$", kinds=SYSTEM),
    section("## B", kinds=USER),
    block("<x>", "</x>"),
    block("<x>", None),
    block("<x>", "</x>", "[0-9]*", kinds=USER),
    Look(SYSTEM, "text", pattern("[ab]*")),
    Look(USER, "tail", end_pattern("b*")),
    Look(USER, "whole", pattern(".*")),
]


@given(
    st.lists(
        st.sampled_from(
            ["## B\n", "# Files\n", "<x>", "</x>", "[1] ", "Meta:\n```json\n{}\n```\n", "ab", "é", "\n"]
        )
    ).map("".join),
    st.sampled_from(LOOKS),
)
def test_matches_are_apart_in_order_and_not_empty(text: str, look: Look) -> None:
    at = 0
    for change in look.find(text.encode()):
        assert at <= change.start < change.end <= len(text.encode())
        assert change.new == b""
        at = change.end


def anywhere(wanted: str, **more: Any) -> Look:
    return Look(SYSTEM, "text", pattern(wanted), **more)


def test_above_a_border_only() -> None:
    text = "<a>1</a> <a>2</a>\n# Files\n<a>3</a> 4"
    assert found(anywhere(r"\d", before=pattern("(?m)^# Files$")), text) == ["1", "2"]
    assert found(anywhere(r"\d", before=pattern("(?m)^# None$")), text) == ["1", "2", "3", "4"]
    assert found(block("<a>", "</a>", r"\d"), text) == ["1", "2", "3"]
    bordered = replace(block("<a>", "</a>", r"\d"), before=pattern("(?m)^# Files$"))
    assert found(bordered, text) == ["1"]
    assert found(bordered, "# Files\n<a>3</a>") == []


def test_the_last_match_only() -> None:
    assert found(anywhere(r"\d", last=True), "1 2 3") == ["3"]
    assert found(anywhere(r"\d", last=True), "none") == []


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("1\n```\n2\n```\n3", ["1", "3"]),
        ("1\n```text\n2\n````\n3", ["1", "3"]),
        ("1\n~~~\n2\n```\n~~~\n3", ["1", "3"]),
        ("1\n````\n```\n2\n```\n````\n3", ["1", "3"]),
        ("1\n```\n2 was never closed", ["1", "2"]),
        ("1\n```\nx\n```py\n2\n```\n3", ["1", "3"]),
        ("a ``` 1 ``` b", ["1"]),
    ],
)
def test_fenced_code_may_be_left_alone(text: str, left: list[str]) -> None:
    assert found(anywhere(r"\d", fenced=False), text) == left
    assert len(found(anywhere(r"\d"), text)) >= len(left)
