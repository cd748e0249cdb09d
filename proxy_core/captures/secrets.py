"""What secrets look like: the patterns of `secrets.toml`, and the names of members that hold them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Literal, NamedTuple

import msgspec

from proxy_core.rules.patterns import Pattern, pattern

Level = Literal["secrets", "personal"]
"""`secrets`: what lets someone in. `personal`: also who and where somebody is."""


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of what is masked."""

    what: str
    """In words, for a person."""
    near: tuple[str, ...]
    find: tuple[str, ...]
    mask: str = "secret"


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    secrets: tuple[Kind, ...]
    personal: tuple[Kind, ...]


class Found(NamedTuple):
    """A secret in a text: bytes `start` to `end`."""

    start: int
    end: int
    mask: str


# A member with such a name holds a secret whatever its value looks like.
_SURE = re.compile(
    r"(?:^|[_.-])(?:passw(?:or)?d|passphrase|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|(?:access|refresh|auth|bearer|bot|session|id)[_-]?token|client[_-]?secret|credentials?"
    r"|(?:proxy-)?authorization|cookie)$",
    re.IGNORECASE,
)
# One with such a name does if its value looks like it: there are tokens of text as well.
_LIKELY = re.compile(r"(?:^|[_.-])(?:token|key|auth|pin|otp)$", re.IGNORECASE)
# Keys by which something is found, and none by which a door is opened.
_NEVER = re.compile(
    r"(?:cache|session|conversation|message|public|primary|foreign|partition|sort|row|idempotency)[_-]?key$",
    re.IGNORECASE,
)
_RANDOM = re.compile(r"(?=\S*\d)\S{8,}")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@lru_cache(maxsize=1)
def _table() -> _Table:
    text = files(__package__).joinpath("secrets.toml").read_text()
    return msgspec.convert(tomllib.loads(text), _Table)


def kinds(level: Level) -> tuple[Kind, ...]:
    """What is masked at a level, the most exact first."""
    table = _table()
    return table.secrets if level == "secrets" else table.secrets + table.personal


@lru_cache(maxsize=2)
def _patterns(level: Level) -> tuple[tuple[str, tuple[bytes, ...], tuple[Pattern, ...]], ...]:
    return tuple(
        (kind.mask, tuple(word.encode() for word in kind.near), tuple(pattern(find) for find in kind.find))
        for kind in kinds(level)
    )


def look(text: bytes, level: Level) -> Iterator[Found]:
    """The secrets in a text, in no order; they may overlap."""
    lower = text.lower()
    for mask, near, patterns in _patterns(level):
        if any(word in lower for word in near):
            for wanted in patterns:
                group = 1 if wanted.groups else 0
                for match in wanted.finditer(text):
                    if match.start(group) < match.end(group):
                        yield Found(match.start(group), match.end(group), mask)


@lru_cache(maxsize=4096)
def named_secret(name: str) -> Literal["sure", "likely"] | None:
    """Whether a member of this name holds a secret: for sure, or if its value looks like one."""
    spelled = _CAMEL.sub("_", name)
    if _NEVER.search(spelled):
        return None
    if _SURE.search(spelled):
        return "sure"
    return "likely" if _LIKELY.search(spelled) else None


def looks_random(value: str) -> bool:
    """Whether a value is one word with a digit in it, long enough for a key."""
    return _RANDOM.fullmatch(value) is not None
