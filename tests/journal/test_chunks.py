"""Bodies in pieces: exact bytes come back, and what two bodies share is there once."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.journal.chunks import Tree, cut, grow, spell
from tests.journal.kit import conversation, noise


def spelled(tree: Tree) -> bytes:
    def below(name: bytes) -> bytes | tuple[bytes, ...]:
        return tree.nodes[name] if name in tree.nodes else tree.pieces[name]

    return spell(tree.root, below)


def new(tree: Tree, *known: Tree) -> tuple[int, int]:
    """Bytes in pieces, and references in nodes, that none of the known trees has."""
    pieces = {name for other in known for name in other.pieces}
    nodes = {name for other in known for name in other.nodes}
    return (
        sum(len(piece) for name, piece in tree.pieces.items() if name not in pieces),
        sum(len(node) for name, node in tree.nodes.items() if name not in nodes),
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=60,
)


@given(st.binary(max_size=300) | st.text().map(str.encode), st.integers(1, 400))
def test_any_bytes_come_back(body: bytes, times: int) -> None:
    long = body * times
    assert b"".join(cut(long)) == long
    assert spelled(grow(long)) == long


@given(st.dictionaries(st.sampled_from(["messages", "input", "tools", "prompt", "é"]), JSON), st.booleans())
def test_any_json_comes_back(value: object, spaced: bool) -> None:
    body = json.dumps(value, indent=2 if spaced else None, ensure_ascii=spaced).encode(errors="replace")
    assert spelled(grow(body)) == body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"messages":[',
        b'{"a":[1],"a":[2]}',
        b'{"messages":["\xff"]}',
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"[]" + b"}" * 50_000,
        b'{"messages":[' + b",".join([b"{}"] * 50_000) + b"]}",
        b"}\n" * 100_000,
        b" " * 100_000,
        noise(1, 300_000),
        b'{"image":"' + b"QUJD" * 80_000 + b'"}',
        json.dumps({"prompt": list(range(30_000))}).encode(),
    ],
    ids=range(13),
)
def test_odd_bodies_come_back_from_trees_that_are_not_degenerate(body: bytes) -> None:
    tree = grow(body)
    assert spelled(tree) == body
    assert all(len(children) > 1 for children in tree.nodes.values())
    assert len(tree.nodes) <= max(1, len(cut(body)))


def test_a_turn_adds_little_to_a_long_conversation() -> None:
    bodies = conversation(300, system=20_000)
    trees = [grow(body) for body in bodies]
    pieces, references = new(trees[-1], *trees[:-1])
    said = len(bodies[-1]) - len(bodies[-2])
    assert len(bodies[-1]) > 150_000
    # The last two messages, and the piece of the system text that holds the id.
    assert pieces < said + 9000
    assert references < 300


def test_an_edit_in_a_long_text_moves_no_other_boundary() -> None:
    lines = [noise(number, 20).hex() for number in range(3000)]
    before = cut("\n".join(lines).encode())
    lines[1500:1501] = ["something else", "in two lines"]
    after = cut("\n".join(lines).encode())
    assert len(before) > 30
    assert len(set(after) - set(before)) <= 2
    assert max(map(len, before)) < 40_000


@pytest.mark.parametrize("lost", [slice(100, 140), slice(2, 3), slice(1, 2)], ids=["many", "one", "first"])
def test_pruned_messages_leave_the_others_in_their_pieces(lost: slice) -> None:
    messages = [{"role": "user", "content": noise(number, 100).hex()} for number in range(300)]
    whole = grow(json.dumps({"messages": messages}).encode())
    del messages[lost]
    pieces, references = new(grow(json.dumps({"messages": messages}).encode()), whole)
    assert pieces < 600
    assert references < 150


def test_each_message_is_a_piece_of_its_own_and_the_head_is_not_in_the_first() -> None:
    messages = (b'{"role":"user","content":"one, of some length"}', b'{"role":"assistant","content":"two"}')
    body = b'{"model":"m","messages":[ ' + b" , ".join(messages) + b' ],"stream":true}'
    assert cut(body) == [
        b'{"model":"m","messages":[ ',
        messages[0],
        b" , " + messages[1],
        b' ],"stream":true}',
    ]


def test_tiny_items_are_no_pieces_of_their_own() -> None:
    assert len(cut(json.dumps({"prompt": [7] * 1000}).encode())) == 1


def test_a_piece_is_no_node_though_it_holds_the_same_bytes() -> None:
    body = b"".join(noise(number, 40_000) for number in range(3))
    tree = grow(body)
    forged = grow(b"".join(tree.nodes[tree.root]))
    assert forged.root in forged.pieces
    assert forged.root != tree.root


def test_long_lines_without_marks_are_cut_anyway_and_grow_at_their_end() -> None:
    text = bytes(random.Random(5).choices(b"abc", k=200_000))
    pieces, _ = new(grow(text + b"more"), grow(text))
    assert len(cut(text)) > 4
    assert pieces < 70_000
