"""`canonical-json`: JSON that means the same is written the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from proxy_core.prompt import Change


class CanonicalJson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Write matched JSON anew: keys sorted, one style of white space, characters as they are."""

    indent: int = 2
    """Spaces for each level."""

    def apply(self, text: bytes, matches: Sequence[Change]) -> Sequence[Change]:
        """A change for each match that is valid JSON in another spelling; white space around it stays."""
        changes: list[Change] = []
        for match in matches:
            old = text[match.start : match.end]
            bare = old.strip()
            new = self._written(bare)
            if new is not None and new != bare:
                start = match.start + old.index(bare)
                changes.append(Change(start, start + len(bare), new))
        return changes

    def _written(self, old: bytes) -> bytes | None:
        try:
            tree = json.loads(old, object_pairs_hook=_once, parse_float=_Number, parse_int=_Number)
            return _dump(tree, 0, self.indent).encode()
        except (ValueError, RecursionError, UnicodeEncodeError):
            return None


class _Number(str):
    """A number as it was spelled: 1.0 must not become 1, nor 1e400 infinity."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; one that repeats a key has no single meaning, so it is left alone."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object repeats a key")
    return found


def _dump(tree: Any, depth: int, indent: int) -> str:
    if isinstance(tree, _Number):
        return str(tree)
    if isinstance(tree, dict) and tree:
        parts = [f"{_text(key)}: {_dump(tree[key], depth + 1, indent)}" for key in sorted(tree)]
        return _bracketed("{", parts, "}", depth, indent)
    if isinstance(tree, list) and tree:
        return _bracketed("[", [_dump(item, depth + 1, indent) for item in tree], "]", depth, indent)
    return _text(tree)


def _bracketed(opening: str, parts: list[str], closing: str, depth: int, indent: int) -> str:
    inner, outer = "\n" + " " * (indent * (depth + 1)), "\n" + " " * (indent * depth)
    return opening + inner + ("," + inner).join(parts) + outer + closing


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
