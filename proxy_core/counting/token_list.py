"""A rendered prompt as llama-server's tokenizer cuts it; one that begins alike is cut with less work."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import msgspec

from proxy_core.diff.marks import common_start
from proxy_core.errors import PromptError

_OVERLAP = 96
"""Tokens before the difference that are cut again, to see whether the cuts are the same ones."""

_SLACK = 16
"""The last of them may differ: what follows can reach back into them."""

_SEARCH = 256
"""Tokens to go back for a line's start, where every tokenizer cuts."""

_WORTH = 512
"""Tokens that must be saved, or the whole text is cut."""


class _Piece(msgspec.Struct):
    id: int
    piece: str | list[int] = ""
    """Its text; its bytes where they are no whole characters."""


class _Answer(msgspec.Struct):
    tokens: list[_Piece | int]


_ANSWER = msgspec.json.Decoder(_Answer)


@dataclass(frozen=True, eq=False, slots=True)
class TokenList:
    """The tokens of a text."""

    text: bytes
    """UTF-8."""
    ids: array[int]
    ends: array[int]
    """Offset in `text` behind each token; empty where the tokens do not spell the text letter for letter, as
    with tokenizers that write a space of their own before it."""

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.text) + len(self.ids) * self.ids.itemsize + len(self.ends) * self.ends.itemsize


class Seam(NamedTuple):
    """Where a known list may be cut so that only what follows is tokenized."""

    token: int
    """Tokens that are kept."""
    at: int
    """Offset of the text that is to be tokenized."""
    checked: int
    """Tokens behind the seam that must come out the same."""


def read_tokens(text: bytes, answer: bytes) -> TokenList:
    """The answer of `POST /tokenize`, with or without pieces.

    Raises:
        PromptError: It is something else.
    """
    try:
        read = _ANSWER.decode(answer).tokens
        ids = array("q", [one if isinstance(one, int) else one.id for one in read])
        pieces = [b"" if isinstance(one, int) else _spelled(one.piece) for one in read]
    except (msgspec.DecodeError, UnicodeError, ValueError, OverflowError) as error:
        raise PromptError(f"the tokens cannot be read: {error}") from error
    return TokenList(text, ids, _ends(text, pieces))


def common_tokens(one: TokenList, other: TokenList) -> int:
    """How many tokens both begin with."""
    return common_start(one.ids, other.ids)


def seam(known: TokenList, text: bytes, shared: int) -> Seam | None:
    """Where to go on from a known list; None when that would spare too little.

    Args:
        known: Tokens of a text.
        text: Another text.
        shared: Bytes that both begin with.
    """
    same = bisect_right(known.ends, shared)
    latest = same - _OVERLAP
    if latest < _WORTH:
        return None
    places = range(latest, latest - _SEARCH, -1)
    token = next((one for one in places if _begins_line(text, known.ends[one - 1])), None)
    if token is None:
        token = next((one for one in places if not _inside(text, known.ends[one - 1])), None)
    return None if token is None else Seam(token, known.ends[token - 1], same - token - _SLACK)


def joined(known: TokenList, at: Seam, tail: TokenList, text: bytes) -> TokenList | None:
    """The whole list of `text`: the known tokens up to the seam, and those of the rest.

    None when the rest is cut otherwise than the known list right behind the seam.
    """
    if not tail.ends or tail.ids[: at.checked] != known.ids[at.token : at.token + at.checked]:
        return None
    ends = array("q", [at.at + end for end in tail.ends])
    return TokenList(text, known.ids[: at.token] + tail.ids, known.ends[: at.token] + ends)


def _ends(text: bytes, pieces: Sequence[bytes]) -> array[int]:
    spelled = b"".join(pieces)
    if spelled == text:
        return array("q", accumulate(map(len, pieces)))
    # A token that begins every prompt stands in no text.
    if pieces and spelled == pieces[0] + text:
        return array("q", accumulate(map(len, pieces[1:]), initial=0))
    return array("q")


def _spelled(piece: str | list[int]) -> bytes:
    return piece.encode() if isinstance(piece, str) else bytes(piece)


def _begins_line(text: bytes, at: int) -> bool:
    return text[at - 1 : at] == b"\n" and not text[at : at + 1].isspace()


def _inside(text: bytes, at: int) -> bool:
    """Whether a character is broken there."""
    return at < len(text) and text[at] & 0xC0 == 0x80
