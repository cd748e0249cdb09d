"""A body as a tree of pieces that are known by their content: what two bodies share is there once.

Agents send their whole history in every request, with something new in the system text, so a body is cut
where messages and tools end, and long texts where their own lines decide. Runs of references become nodes in
the same manner, so a longer conversation adds a few pieces and a few nodes to those of the request before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple, TypeVar
from zlib import crc32

from proxy_core.errors import PromptError
from proxy_core.prompt.spans import items, members, whole

_T = TypeVar("_T")

_NAME_BYTES = 16
_SHORT = 4096
"""Bytes up to which a message stays in one piece."""
_AIM = 1024
"""Bytes that a piece of a long text has on the average."""
_LONGEST = 32 * 1024
"""Bytes from which on a line is cut too: at smaller marks, at last anywhere."""
_MARKS = (b"\\n", b"\n", b'",', b" ")
"""Ends of lines, the best first: a line break as JSON spells it, one as it is, a string's end, a space."""
_LEAST_ITEM = 32
"""Bytes that the items of a list have at least on the average, for which each is a piece of its own."""
_ONE_IN = 16
"""Of so many references, one ends a node."""
_MOST_CHILDREN = 256


class Tree(NamedTuple):
    """A body in pieces. A piece and a node go by a name of 16 bytes, a hash of what they hold."""

    root: bytes
    """The name of what stands for all of it."""
    pieces: dict[bytes, bytes]
    """By name, the bytes."""
    nodes: dict[bytes, tuple[bytes, ...]]
    """By name, the names of the pieces and nodes below it, in order; it comes after all of them."""


def grow(body: bytes) -> Tree:
    """The tree of `body`, whatever its bytes are."""
    parts = cut(body)
    level = [name_of(part) for part in parts]
    pieces = dict(zip(level, parts, strict=True))
    nodes: dict[bytes, tuple[bytes, ...]] = {}
    while len(level) > 1:
        level = [_node(run, nodes) for run in _runs(level)]
    return Tree(level[0], pieces, nodes)


def spell(root: _T, below: Callable[[_T], bytes | Sequence[_T]]) -> bytes:
    """The bytes that `root` stands for; `below` gives those of a piece, or what a node refers to in order."""
    found: list[bytes] = []
    waiting = [root]
    while waiting:
        held = below(waiting.pop())
        if isinstance(held, bytes):
            found.append(held)
        else:
            waiting += reversed(held)
    return b"".join(found)


def name_of(piece: bytes) -> bytes:
    """The name of a piece: BLAKE2b of its bytes."""
    return blake2b(piece, digest_size=_NAME_BYTES, person=b"piece").digest()


def name_of_node(below: Iterable[bytes]) -> bytes:
    """The name of a node: BLAKE2b of the names below it."""
    # Not as a piece is named: one may hold the very bytes that a node is named by.
    return blake2b(b"".join(below), digest_size=_NAME_BYTES, person=b"node").digest()


def cut(body: bytes) -> list[bytes]:
    """`body` in pieces, at least one; joined they are `body`."""
    pieces: list[bytes] = []
    for start, end in pairwise((0, *_ends(body), len(body))):
        if end - start > _SHORT:
            pieces += _grouped(body[start:end])
        elif end > start:
            pieces.append(body[start:end])
    return pieces or [b""]


def _ends(body: bytes) -> Iterator[int]:
    """Where the items of the body's lists end: each has the comma before it, so a later item changes none."""
    try:
        span = whole(body)
        if body[span.start : span.start + 1] != b"{":
            return
        for member in members(body, span):
            start, end = member.value
            if body[start : start + 1] != b"[":
                continue
            found = items(body, member.value)
            if found and len(found) * _LEAST_ITEM < end - start:
                yield found[0].start
                yield from (item.end for item in found)
    except (PromptError, RecursionError):
        return


def _grouped(text: bytes) -> Iterator[bytes]:
    """A long text in pieces. Each line tells by itself whether it ends one, so that an edit moves no other
    boundary; a long line does so more often, so that pieces are alike in size."""
    piece: list[bytes] = []
    for line in _lines(text):
        piece.append(line)
        if crc32(line) % _AIM < len(line):
            yield b"".join(piece)
            piece = []
    if piece:
        yield b"".join(piece)


def _lines(text: bytes) -> list[bytes]:
    lines = [text]
    for mark in _MARKS:
        lines = [part for line in lines for part in _split(line, mark)]
    return [
        line[at : at + _LONGEST]
        for line in lines
        for at in (range(0, len(line), _LONGEST) if len(line) > _LONGEST else (0,))
    ]


def _split(line: bytes, mark: bytes) -> list[bytes]:
    """A line that is too long, cut after each `mark`."""
    if len(line) <= _SHORT:
        return [line]
    *parts, last = line.split(mark)
    lines = [part + mark for part in parts]
    return [*lines, last] if last else lines


def _runs(level: list[bytes]) -> Iterator[list[bytes]]:
    """Names in runs. As with lines, each tells by itself whether it ends one."""
    run: list[bytes] = []
    for name in level:
        run.append(name)
        # One alone is no node, else a level could be as long as the one below.
        if (name[0] % _ONE_IN == 0 and len(run) > 1) or len(run) == _MOST_CHILDREN:
            yield run
            run = []
    if run:
        yield run


def _node(run: list[bytes], nodes: dict[bytes, tuple[bytes, ...]]) -> bytes:
    if len(run) == 1:
        return run[0]
    name = name_of_node(run)
    nodes[name] = tuple(run)
    return name
