"""What is kept of a request's path and of errors that quote it: nothing that lets anyone in."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, unquote_to_bytes

_NAME = re.compile(
    r"key|token|secret|passw|pwd|auth|signature|\bsig\b|cred|bearer|cookie|session|jwt", re.IGNORECASE
)
"""Names of what lets somebody in."""
_PART = re.compile(r"[^&#]+")
_USER = re.compile(r"(://)[^/?#@]*@")

_SHORT = 4
"""Characters that a secret has at least; what is shorter stands in many a sentence."""


def clean_path(path: str) -> str:
    """A path with its query, in which `…` stands for secrets."""
    return _USER.sub(r"\1", _PART.sub(lambda part: _clean(part[0]), path))


def secrets_of(headers: Iterable[tuple[bytes, bytes]], target: bytes) -> frozenset[str]:
    """What lets somebody in of a request's headers and of its path and query, as a server might quote it."""
    found = [value for name, value in headers if _NAME.search(name.decode("latin-1"))]
    found += [secret.encode("latin-1") for secret in _secrets(target.decode("latin-1"))]
    return frozenset(
        text
        for value in found
        for form in _forms(value)
        for text in (form.decode("latin-1"), form.decode(errors="replace"))
        if len(text) >= _SHORT
    )


def without(text: str, secrets: Iterable[str]) -> str:
    """`text` with `…` for each of the secrets in it."""
    # The longest first: one may be the end of another.
    quoted = "|".join(re.escape(secret) for secret in sorted(secrets, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{quoted})(?!\w)", "…", text) if quoted else text


def _clean(part: str) -> str:
    secret = _secret(part)
    return part if secret is None else part[:secret] + "…"


def _secret(part: str) -> int | None:
    """Where a secret begins in a part of a query that no `&` ends; all that follows may belong to it."""
    begun = 0
    for piece in re.split(r"(?<=[;?])", part):
        name, equals, _ = piece.partition("=")
        if equals and _NAME.search(unquote(name)):
            return begun + len(name) + 1
        begun += len(piece)
    return None


def _secrets(path: str) -> Iterator[str]:
    for part in _PART.findall(path):
        secret = _secret(part)
        if secret is not None:
            yield part[secret:]
    for user in _USER.finditer(path):
        yield user[0][3:-1]


def _forms(value: bytes) -> Iterator[bytes]:
    """A secret and its parts: without a scheme, without the names of cookies, a password alone, decoded."""
    yield value
    yield unquote_to_bytes(value)
    first, *others = re.split(rb"[\s,;]+", value)
    # A scheme such as `Bearer` lets nobody in.
    for word in others if others and first.isalpha() else (first, *others):
        yield from (word, word.partition(b"=")[2].strip(b'"'), word.partition(b":")[2])
    scheme, _, packed = value.partition(b" ")
    if scheme.lower() == b"basic":
        try:
            told = b64decode(packed, validate=True)
        except ValueError:
            return
        yield from (told, told.partition(b":")[2])
