from __future__ import annotations

import json
import re
from contextlib import suppress
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.counting.token_list import TokenList, common_tokens, joined, read_tokens, seam
from proxy_core.diff.marks import common_start
from proxy_core.errors import PromptError

LINES = [f"Line {number} of the history, as told before: naïve, 日本語 and more.\n" for number in range(200)]
LONG = "".join(LINES)


def cut(text: str) -> list[str]:
    """As tokenizers do before they merge anything: words with the space before them, runs of the rest."""
    return re.findall(r" ?\w+| ?[^\s\w]+|\s+", text)


def answer(pieces: list[str]) -> bytes:
    return json.dumps(
        {"tokens": [{"id": crc32(piece.encode()), "piece": piece} for piece in pieces]}
    ).encode()


def tokens(text: str) -> TokenList:
    return read_tokens(text.encode(), answer(cut(text)))


def test_tokens_spell_the_text() -> None:
    read = tokens("a naïve word")
    assert list(read.ends) == [1, 8, 13]
    assert len(read.ids) == 3


def test_pieces_may_be_bytes() -> None:
    told = b'{"tokens":[{"id":1,"piece":"h"},{"id":2,"piece":[195]},{"id":3,"piece":[169]}]}'
    assert list(read_tokens("hé".encode(), told).ends) == [1, 2, 3]


def test_a_token_before_every_prompt_stands_in_no_text() -> None:
    told = b'{"tokens":[{"id":1,"piece":"<s>"},{"id":2,"piece":"a"}]}'
    assert list(read_tokens(b"a", told).ends) == [0, 1]


@pytest.mark.parametrize("told", [b'{"tokens":[5,6]}', b'{"tokens":[{"id":5,"piece":" a"},{"id":6}]}'])
def test_tokens_that_do_not_spell_the_text_are_counted_all_the_same(told: bytes) -> None:
    read = read_tokens(b"a", told)
    assert list(read.ids) == [5, 6]
    assert not read.ends
    assert seam(read, b"a", 1) is None


@pytest.mark.parametrize(
    "told", [b"", b"[]", b'{"tokens":3}', b'{"tokens":[{}]}', b'{"tokens":[{"id":1,"piece":[300]}]}', b"\xff"]
)
def test_something_else_is_refused(told: bytes) -> None:
    with pytest.raises(PromptError, match="cannot be read"):
        read_tokens(b"a", told)


@given(st.binary(max_size=60))
def test_no_answer_raises_anything_else(told: bytes) -> None:
    with suppress(PromptError):
        assert not read_tokens(b"a", told).ids


def test_common_tokens() -> None:
    assert common_tokens(tokens("a b c"), tokens("a b d e")) == 2
    assert common_tokens(tokens("a b"), tokens("a b")) == 2
    assert common_tokens(tokens(""), tokens("a")) == 0


@given(
    at=st.integers(0, len(LONG)),
    gone=st.integers(0, 400),
    new=st.text(max_size=40) | st.sampled_from(["\n", " ", "word", "日"]),
)
def test_what_is_put_together_is_what_the_whole_text_gives(at: int, gone: int, new: str) -> None:
    changed = LONG[:at] + new + LONG[at + gone :]
    known, text = tokens(LONG), changed.encode()
    place = seam(known, text, common_start(known.text, text))
    if place is None:
        assert at < len(LONG) // 2
        return
    whole = joined(known, place, tokens(text[place.at :].decode()), text)
    assert whole is not None
    wanted = tokens(changed)
    assert (whole.ids, whole.ends) == (wanted.ids, wanted.ends)


def test_a_rest_that_is_cut_otherwise_is_not_taken() -> None:
    known = tokens(LONG)
    text = (LONG + "more").encode()
    place = seam(known, text, len(LONG.encode()))
    assert place is not None
    tail = tokens(text[place.at :].decode())
    assert joined(known, place, tail, text) is not None
    tail.ids[3] += 1
    assert joined(known, place, tail, text) is None
    unspelled = read_tokens(b"other", answer(["text"]))
    assert joined(known, place, unspelled, text) is None


def test_a_short_common_start_is_not_worth_it() -> None:
    known = tokens(LONG)
    assert seam(known, known.text, len("".join(LINES[:10]).encode())) is None
