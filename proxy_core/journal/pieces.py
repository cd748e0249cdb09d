"""Trees of pieces in the tables of a SQLite file.

A reference is a number: twice the id of a piece, or twice that of a node plus one. A node is written after
what it refers to, so its own id is larger than those of the nodes below it. Pieces are shared within one
volume of the journal, which comes and goes as a whole.
"""

from __future__ import annotations

import sqlite3
import sys
import zlib
from array import array

from proxy_core.journal.chunks import Tree, name_of, name_of_node, spell
from proxy_core.sqlite_file import BrokenFileError

TABLES = """
CREATE TABLE pieces (
    id INTEGER PRIMARY KEY, volume INTEGER NOT NULL, hash BLOB NOT NULL, packed INTEGER NOT NULL,
    content BLOB NOT NULL
);
CREATE UNIQUE INDEX pieces_by_hash ON pieces (volume, hash);
CREATE TABLE nodes (
    id INTEGER PRIMARY KEY, volume INTEGER NOT NULL, hash BLOB NOT NULL, children BLOB NOT NULL
);
CREATE UNIQUE INDEX nodes_by_hash ON nodes (volume, hash);
"""
# `children` are references of four bytes each, the low byte first.

PROBES = (
    "SELECT id, volume, hash, packed, content FROM pieces LIMIT 0",
    "SELECT id, volume, hash, children FROM nodes LIMIT 0",
)

_ROW_BYTES = 60
"""What a row and its place in the index take besides the content, roughly."""
_LARGE = 32 * 1024
"""Bytes from which on compressing well takes too long."""


class Put:
    """Puts trees into a volume, in a transaction of the caller's that writes."""

    def __init__(self, db: sqlite3.Connection, volume: int) -> None:
        self.grown = 0
        """Bytes that were added to the file, roughly."""
        self._db = db
        self._volume = volume

    def put(self, tree: Tree) -> int:
        """The reference to a tree; of what is in the volume already, nothing is written."""
        return self._place(tree.root, tree)

    def _place(self, name: bytes, tree: Tree) -> int:
        is_node = name in tree.nodes
        table = "nodes" if is_node else "pieces"
        found = self._db.execute(
            f"SELECT id FROM {table} WHERE volume = ? AND hash = ?", (self._volume, name)
        ).fetchone()
        if found is None:
            found = (self._add_node(name, tree) if is_node else self._add_piece(name, tree),)
        return int(found[0]) * 2 + is_node

    def _add_node(self, name: bytes, tree: Tree) -> int:
        children = array("I", [self._place(child, tree) for child in tree.nodes[name]])
        if sys.byteorder == "big":
            children.byteswap()
        return self._insert("nodes (volume, hash, children) VALUES (?, ?, ?)", name, children.tobytes())

    def _add_piece(self, name: bytes, tree: Tree) -> int:
        content = tree.pieces[name]
        packed = zlib.compress(content, 6 if len(content) < _LARGE else 1)
        if len(packed) < len(content):
            return self._insert("pieces (volume, hash, content, packed) VALUES (?, ?, ?, 1)", name, packed)
        return self._insert("pieces (volume, hash, content, packed) VALUES (?, ?, ?, 0)", name, content)

    def _insert(self, into: str, name: bytes, content: bytes) -> int:
        self.grown += len(content) + _ROW_BYTES
        added = self._db.execute(f"INSERT INTO {into}", (self._volume, name, content)).lastrowid
        assert added is not None  # An INSERT that did not raise has made a row.
        return added


def get(db: sqlite3.Connection, ref: int) -> bytes:
    """The bytes that a reference stands for.

    Raises:
        BrokenFileError: Something of it is missing, or is not what was put there.
    """

    names: dict[int, bytes] = {}
    nodes: dict[int, array[int]] = {}

    def below(ref: int) -> bytes | array[int]:
        if ref & 1:
            names[ref], nodes[ref] = _node(db, ref)
            return nodes[ref]
        names[ref], piece = _piece(db, ref >> 1)
        return piece

    found = spell(ref, below)
    for node, children in nodes.items():
        if name_of_node(names[child] for child in children) != names[node]:
            raise BrokenFileError("a node of a body is damaged")
    return found


def _node(db: sqlite3.Connection, ref: int) -> tuple[bytes, array[int]]:
    found = db.execute("SELECT hash, children FROM nodes WHERE id = ?", (ref >> 1,)).fetchone()
    children = array("I")
    try:
        name, packed = found
        children.frombytes(packed)
    except (TypeError, ValueError):
        raise BrokenFileError("a node of a body is missing or damaged") from None
    if sys.byteorder == "big":
        children.byteswap()
    if any(child & 1 and child >= ref for child in children):
        raise BrokenFileError("a node of a body is damaged")
    return name, children


def _piece(db: sqlite3.Connection, piece_id: int) -> tuple[bytes, bytes]:
    found = db.execute("SELECT packed, hash, content FROM pieces WHERE id = ?", (piece_id,)).fetchone()
    if found is None:
        raise BrokenFileError("a piece of a body is missing")
    packed, name, content = found
    try:
        piece: bytes = zlib.decompress(content) if packed else content
        intact = name_of(piece) == name
    except (zlib.error, TypeError):
        intact = False
    if not intact:
        raise BrokenFileError("a piece of a body is damaged")
    return name, piece
