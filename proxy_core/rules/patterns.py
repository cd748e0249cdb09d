"""Patterns that match in linear time, on UTF-8 bytes.

A person can write any pattern; RE2 cannot be made to backtrack, so no pattern can hold up a request.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol, cast

import re2

from proxy_core.errors import RuleError


class Match(Protocol):
    """What kvconsole uses of an RE2 match: byte positions."""

    def start(self, group: int = 0) -> int: ...
    def end(self, group: int = 0) -> int: ...


class Pattern(Protocol):
    """What kvconsole uses of a compiled RE2 pattern."""

    @property
    def groups(self) -> int: ...
    def match(self, text: bytes, pos: int = 0) -> Match | None: ...
    def search(self, text: bytes, pos: int = 0) -> Match | None: ...
    def fullmatch(self, text: bytes) -> Match | None: ...
    def finditer(self, text: bytes) -> Iterator[Match]: ...


@lru_cache(maxsize=4096)
def pattern(source: str) -> Pattern:
    """Compile an RE2 pattern, once for each spelling.

    Raises:
        RuleError: RE2 does not know it (look-around and back-references among others).
    """
    if r"\C" in source.replace(r"\\", ""):
        raise RuleError(rf"pattern {source!r}: \C matches half a letter; write . for any letter")
    options = re2.Options()
    options.log_errors = False  # RE2 would write to the terminal, under the screen.
    try:
        return cast("Pattern", re2.compile(source.encode(), options))
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise RuleError(f"pattern {source!r}: {reason}") from error


def replaced(wanted: Pattern, new: str, text: bytes) -> bytes:
    """`text` with every match of `wanted` replaced by `new`, in which `\\1` stands for the first group."""
    return cast("bytes", re2.sub(wanted, new.encode(), text))
