"""Patterns that match in linear time, on UTF-8 bytes.

A person can write any pattern; RE2 cannot be made to backtrack, so no pattern can hold up a request.
"""

from __future__ import annotations

from typing import Protocol, cast

import re2

from proxy_core.errors import RuleError


class Match(Protocol):
    """What kvconsole uses of an RE2 match: byte positions."""

    def start(self) -> int: ...
    def end(self) -> int: ...


class Pattern(Protocol):
    """What kvconsole uses of a compiled RE2 pattern."""

    def match(self, text: bytes) -> Match | None: ...
    def search(self, text: bytes, pos: int = 0) -> Match | None: ...
    def fullmatch(self, text: bytes) -> Match | None: ...


def pattern(source: str) -> Pattern:
    """Compile an RE2 pattern.

    Raises:
        RuleError: RE2 does not know it (look-around and back-references among others).
    """
    options = re2.Options()
    options.log_errors = False  # RE2 would write to the terminal, under the screen.
    try:
        return cast("Pattern", re2.compile(source.encode(), options))
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise RuleError(f"pattern {source!r}: {reason}") from error
