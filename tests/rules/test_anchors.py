"""Frames: what a client put around a person's words, and the words without it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.rules.anchors import Frame
from proxy_core.rules.look import end_pattern
from proxy_core.rules.patterns import pattern

FRAME = Frame(
    headings=(pattern("Info:"), pattern("Sender:")),
    lines=pattern("Note: .*"),
    paragraphs=pattern("System: .*"),
    pieces=pattern(r"(?s:<memory>.*?</memory>\n\n)"),
    stamp=pattern(r"\[\d+\] "),
    tail=end_pattern(r"\n\[id: \d+\]"),
    aside=pattern("(?s)<reminder>.*</reminder>"),
)
BLOCK = 'Info:\n```json\n{"a": 1}\n```\n\n'


@pytest.mark.parametrize(
    "before",
    [
        "",
        "Note: x\n",
        "System: a\nb\n\n",
        "<memory>\n\nx</memory>\n\n",
        BLOCK,
        f"{BLOCK}Sender:\n```json\n[]\n```\n\n",
        f"Note: x\n{BLOCK}Note: y\n\n",
    ],
)
@pytest.mark.parametrize("stamp", ["", "[12] "])
@pytest.mark.parametrize("tail", ["", "\n[id: 5]"])
def test_bare_words(before: str, stamp: str, tail: str) -> None:
    assert FRAME.bare(f"{before}{stamp}do it\nnow{tail}".encode()) == b"do it\nnow"


def test_a_stamp_may_stand_in_front() -> None:
    text = f"[12] {BLOCK}do it".encode()
    opening = FRAME.opening(text)
    assert opening.stamp is not None
    assert (opening.stamp.start, opening.stamp.end) == (0, 5)
    assert text[opening.body :] == b"do it"
    assert len(opening.blocks) == 1
    assert FRAME.bare(text) == b"do it"


@pytest.mark.parametrize(
    "text",
    [
        "do it [12] now",
        "[1] [2] both are quoted",
        "Sender and Info:\n```json\n{}\n```\n",
        "<memory>never closed",
        "a\n[id: 5]\nb",
    ],
)
def test_what_is_no_decoration_is_words(text: str) -> None:
    assert FRAME.bare(text.encode()) == text.strip().encode()


def test_a_heading_has_one_turn() -> None:
    twice = f"{BLOCK}{BLOCK}x"
    assert FRAME.bare(twice.encode()) == f"{BLOCK}x".encode()


def test_an_aside_has_no_words() -> None:
    assert FRAME.bare(b" <reminder>\nx\n</reminder>\n") == b""
    assert FRAME.bare(b"<reminder>x</reminder> and more") == b"<reminder>x</reminder> and more"


def test_a_frame_that_says_nothing_takes_nothing() -> None:
    assert Frame().bare(b" [12] x ") == b"[12] x"


@given(
    st.lists(
        st.sampled_from([BLOCK, "Note: x\n", "System: a\n", "[1] ", "\n", "é x", "\n[id: 5]", "<memory>"])
    )
)
def test_words_are_part_of_the_text(pieces: list[str]) -> None:
    text = "".join(pieces).encode()
    bare = FRAME.bare(text)
    assert bare in text
    opening = FRAME.opening(text)
    assert 0 <= opening.body <= len(text)
    if opening.stamp is not None:
        assert opening.stamp.start in (0, opening.body)
