"""Masks secrets in captured requests, the same one the same way, so that what differs still differs.

A mask is a keyed digest: `[secret-3f9a61c2]`. Its key belongs to one export, so masks tell nobody whether two
exports hold the same secret. What is not masked keeps its bytes: only the strings of a JSON body that hold a
secret are written anew. A body that is no JSON is taken for text, and one that is no text goes whole.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from secrets import token_bytes

import msgspec

from proxy_core.captures.answers import is_stream, said_in
from proxy_core.captures.captured import Answered, Captured, Finding, Hint
from proxy_core.captures.secrets import Found, Level, look, looks_random, named_secret
from proxy_core.llama.said import Call, Said
from proxy_core.prompt.model import spliced
from proxy_core.queries import clean_path

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^ \t\r\n"{}\[\],:]+', re.DOTALL)
_MASK = re.compile(rb"\[(?:secret|name|email|phone)-[0-9a-f]{8}\]")
_ACCOUNTS = frozenset(
    b"root user users admin node ubuntu debian runner vscode home work data test guest default".split()
)
"""Names of home directories that are nobody's."""
_NUMBER = b"-0123456789"
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
"""What may be a text in base64: a file in a data address, or what a command has printed."""
_SAFE = bytes.maketrans(b"-_", b"+/")
_TRIED = 64
"""Characters of it that are decoded to see whether it is a text at all; of pictures no more is."""
_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f]")
_STRING = msgspec.json.Decoder(str)
_DEEPEST = 4
"""Levels of JSON within strings of JSON: a call's arguments are one."""
_REMEMBERED = 64 * 1024 * 1024
"""Bytes of strings whose masked form is remembered: history comes again in every request."""


class Redactor:
    """Masks what a level names, for one export.

    Args:
        level: `secrets`, or `personal` for these and names, addresses and telephone numbers.
        key: Of the digests; another one for each export unless two are to be compared.
    """

    def __init__(self, level: Level, key: bytes | None = None) -> None:
        self.level = level
        self.masked = 0
        """Strings that were masked so far, each counted once however often it comes."""
        self._key = token_bytes(16) if key is None else key
        self._known: dict[bytes, str] = {}
        self._literal: re.Pattern[bytes] | None = None
        self._named: re.Pattern[bytes] | None = None
        self._done: dict[tuple[str, bytes], bytes] = {}
        self._done_bytes = 0

    def learn(self, captured: Iterable[Captured]) -> None:
        """Note the secrets of all requests of an export before the first one is masked.

        What is told to be a secret in one place is then masked in every other as well: a password from a
        `.env` file where the model repeats it, the name of a home directory in the output of `ls -l`.
        """
        for one in captured:
            self.captured(one)
        keys = (known for known, what in self._known.items() if what == "secret")
        # A word of a language that a form calls a password must not be masked wherever it stands.
        found = sorted((k for k in keys if looks_random(k.decode(errors="replace"))), key=len, reverse=True)
        self._literal = re.compile(b"|".join(map(re.escape, found))) if found else None
        names = (known for known, what in self._known.items() if what == "name" and _is_own(known))
        whole = b"|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        self._named = re.compile(rb"(?<![\w-])(?:%s)(?![\w-])" % whole) if whole else None
        self._forget()

    def captured(self, captured: Captured) -> Captured:
        """A request with its secrets masked, in everything that an export holds of it."""
        body = self.body(captured.body)
        forwarded = captured.forwarded
        same = forwarded is captured.body or forwarded == captured.body
        return msgspec.structs.replace(
            captured,
            path=self.text(clean_path(captured.path)),
            body=body,
            forwarded=None if forwarded is None else body if same else self.body(forwarded),
            headers={name: self.text(value) for name, value in captured.headers.items()},
            client=self._maybe(captured.client),
            lane=self._maybe(captured.lane),
            session=self._maybe(captured.session),
            id=self._maybe(captured.id),
            before=self._maybe(captured.before),
            answer=None if captured.answer is None else self._answer(captured.answer),
            finding=None if captured.finding is None else self._finding(captured.finding),
            note=self._maybe(captured.note),
        )

    def body(self, body: bytes) -> bytes:
        """A body with its secrets masked; JSON stays JSON, and what is no secret keeps its bytes."""
        try:
            msgspec.json.decode(body, type=msgspec.Raw)
            body.decode()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if _is_binary(body):
                # Compressed, or UTF-16: nobody can look through it.
                return self._mask(body, "binary")
            # One that is cut short still has whole strings in it, and names before them.
            return self._text(self._json(body, 0))
        return self._json(body, 0)

    def text(self, text: str) -> str:
        """A text with its secrets masked."""
        data = text.encode("utf-8", "surrogatepass")
        return self._text(data).decode("utf-8", "surrogatepass")

    def _json(self, source: bytes, depth: int) -> bytes:
        cuts: list[tuple[int, int, bytes]] = []
        names: list[str] = [""]
        """The name under which the value stands, for each level; an array's elements share its own."""
        literal: tuple[int, int] | None = None
        for token in _TOKEN.finditer(source):
            char = token[0][:1]
            if char == b":" and literal is not None:
                names[-1] = _name(source[literal[0] : literal[1]])
                self._cut(source, literal, "", depth, cuts)
                literal = None
                continue
            if literal is not None:
                self._cut(source, literal, names[-1], depth, cuts)
                literal = None
            if char == b'"':
                literal = token.span()
            elif char in (b"{", b"["):
                # What an object holds has names of its own; a list under a secret's name is of secrets.
                names.append("" if char == b"{" else names[-1])
            elif char in (b"}", b"]"):
                del names[max(1, len(names) - 1) :]
            elif char in _NUMBER and named_secret(names[-1]) == "sure":
                cuts.append((*token.span(), b'"' + self._mask(token[0], "secret") + b'"'))
        if literal is not None:
            self._cut(source, literal, "", depth, cuts)
        return spliced(source, cuts) if cuts else source

    def _cut(
        self, source: bytes, span: tuple[int, int], name: str, depth: int, cuts: list[tuple[int, int, bytes]]
    ) -> None:
        literal = source[span[0] : span[1]]
        told = named_secret(name) if name else None
        key = (told or "", literal)
        new = self._done.get(key)
        if new is None:
            new = self._string(literal, told, depth)
            self._remember(key, new)
        if new is not literal and new != literal:
            cuts.append((*span, new))

    def _string(self, literal: bytes, told: str | None, depth: int) -> bytes:
        """A JSON string with its secrets masked; the same bytes where there are none."""
        try:
            text = _STRING.decode(literal)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Half of a surrogate pair: no text, but it may hold a secret all the same.
            return b'"' + self._text(literal[1:-1]) + b'"'
        data = text.encode()
        if text and (told == "sure" or (told == "likely" and looks_random(text))):
            return literal if _MASK.fullmatch(data) else b'"' + self._mask(data, "secret") + b'"'
        inner = text.lstrip()[:1]
        new = data
        if depth < _DEEPEST and inner in ("{", "[") and _is_json(data):
            new = self._json(data, depth + 1)
        new = self._text(new)
        return literal if new == data else msgspec.json.encode(new.decode())

    def _text(self, text: bytes) -> bytes:
        found = [*look(text, self.level), *self._encoded(text)]
        if self._literal is not None:
            found += (Found(*m.span(), self._known[m[0]]) for m in self._literal.finditer(text))
        if self._named is not None and b" " in text:
            # A word alone, such as a role or a name of a tool, is none of a person.
            found += (Found(*m.span(), "name") for m in self._named.finditer(text))
        if not found:
            return text
        masks = [m.span() for m in _MASK.finditer(text)]
        cuts = [
            (start, end, self._mask(text[start:end], mask))
            for start, end, mask in _joined(found)
            # What is a mask already stays as it is.
            if not any(begin <= start and end <= until for begin, until in masks)
        ]
        return spliced(text, cuts)

    def _encoded(self, text: bytes) -> Iterator[Found]:
        """What holds a secret in base64; it goes whole."""
        for run in _BASE64.finditer(text):
            inner = _decoded(run[0])
            if inner is not None and any(one.mask == "secret" for one in look(inner, "secrets")):
                yield Found(*run.span(), "secret")

    def _mask(self, secret: bytes, what: str) -> bytes:
        if secret not in self._known:
            self._known[secret] = what
            self.masked += 1
        return b"[%s-%s]" % (
            what.encode(),
            blake2b(secret, digest_size=4, key=self._key).hexdigest().encode(),
        )

    def _remember(self, key: tuple[str, bytes], new: bytes) -> None:
        self._done_bytes += len(key[1]) + len(new)
        if self._done_bytes > _REMEMBERED:
            self._forget()
        self._done[key] = new

    def _forget(self) -> None:
        self._done.clear()
        self._done_bytes = 0

    def _maybe(self, text: str | None) -> str | None:
        return None if text is None else self.text(text)

    def _answer(self, answer: Answered) -> Answered:
        said = said_in(answer)
        body = answer.body
        if body is not None:
            # The pieces of a stream cut secrets in two, so only what they amount to can be masked.
            body = None if is_stream(answer) else self.body(body)
        return answer._replace(body=body, said=None if said is None else self._said(said))

    def _said(self, said: Said) -> Said:
        calls = (Call(call.name, self.body(call.arguments.encode()).decode(), call.id) for call in said.calls)
        return Said(self.text(said.text), self.text(said.reasoning), tuple(calls))

    def _finding(self, finding: Finding) -> Finding:
        return Finding(
            cause=finding.cause,
            detail=self.text(finding.detail),
            side=finding.side,
            predicted=finding.predicted,
            evidence=tuple(map(self.text, finding.evidence)),
            advice=tuple(Hint(self.text(h.what), self.text(h.why), h.kind) for h in finding.advice),
        )


def _decoded(run: bytes) -> bytes | None:
    """The text that base64 stands for; None where it is none, or no text."""
    run = run.rstrip(b"=").translate(_SAFE)
    try:
        if _is_binary(b64decode(run[:_TRIED] + b"=" * (-len(run[:_TRIED]) % 4))[:-4]):
            return None
        return b64decode(run + b"=" * (-len(run) % 4))
    except NotBase64:
        return None


def _joined(found: list[Found]) -> list[Found]:
    """What was found, in order; what overlaps is one."""
    joined: list[Found] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if joined and one.start < joined[-1].end:
            last = joined[-1]
            joined[-1] = last._replace(end=max(last.end, one.end))
        else:
            joined.append(one)
    return joined


def _name(literal: bytes) -> str:
    try:
        return _STRING.decode(literal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _is_own(name: bytes) -> bool:
    """Whether the name of a home directory is somebody's, and not too short to be looked for as a word."""
    return len(name) > 2 and name.lower() not in _ACCOUNTS


def _is_binary(body: bytes) -> bool:
    if b"\0" in body:
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return _CONTROL.search(body) is not None
    return False


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
