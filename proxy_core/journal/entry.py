"""What is kept of one request, and what of it a list needs."""

from __future__ import annotations

import secrets
from typing import NamedTuple

import msgspec

from proxy_core.errors import JournalError
from proxy_core.exchange import UNKNOWN, Bodies, Status
from proxy_core.llama.answer import Answer
from proxy_core.llama.said import Said
from proxy_core.llama.turns import Turn
from proxy_core.prompt import Api
from proxy_core.rules import Edit
from proxy_core.verdict import Diagnosis, Verdict


def new_run() -> str:
    """The name of a run of kvconsole: unlike that of every other, since several write into one journal."""
    return secrets.token_hex(4)


class Key(NamedTuple):
    """An entry's name: the run that wrote it, and the record's id in that run."""

    run: str
    record: int

    def __str__(self) -> str:
        return f"{self.run}-{self.record}"

    @classmethod
    def parse(cls, text: str) -> Key:
        """The name that `str` spells, as a person gives it.

        Raises:
            JournalError: It is none.
        """
        run, dash, record = text.strip().rpartition("-")
        # A number that SQLite can hold, spelled in ASCII.
        if not (run and dash and record.isascii() and record.isdecimal() and len(record) < 19):
            raise JournalError(
                f"{text!r} is no id of an entry. One looks like 3f9a12c4-17; `kvconsole inspect` lists them."
            )
        return cls(run, int(record))


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an entry and its summary have in common; None is unknown.

    The names are those of `Record` and `Exchange`. A turn that a client took at the server directly has
    neither method nor path.
    """

    run: str
    record: int
    """The record's id in its run."""
    at: float
    """Seconds since the epoch."""
    method: str | None = None
    path: str | None = None
    """With its query, without the secrets in it."""
    api: Api | None = None
    label: str | None = None
    prompts: bool = True
    client: str | None = None
    model: str | None = None
    messages: int | None = None
    stream: bool = False
    status: Status = "done"
    http_status: int | None = None
    lane: str | None = None
    note: str | None = None
    rules: tuple[str, ...] = ()
    """Ids of the rules that ran."""
    ruleset: str | None = None
    """Which version of the rules that was."""
    matched: tuple[str, ...] = ()
    """Ids of the rules that found their place, sorted."""
    reasoned: bool = False
    figures: Answer = UNKNOWN
    """What the answer told of its cost."""
    turn: Turn | None = None
    """What the log told."""
    build: str | None = None
    """The llama-server that answered, as it names its build."""
    flipped: str | None = None
    total_ms: float | None = None
    before: str | None = None
    """The name of the entry that it goes on from, perhaps of another run; see `Key`."""

    @property
    def key(self) -> Key:
        """Its name in the journal."""
        return Key(self.run, self.record)


class Summary(Facts, frozen=True, kw_only=True, omit_defaults=True):
    """An entry without its texts: a few hundred bytes."""

    edited: dict[str, int] = {}
    """How many edits each rule made, in their order."""
    verdict: Verdict | None = None
    """Without evidence and advice."""
    lost_n: int | None = None
    lost_ms: float | None = None
    saved_n: int | None = None
    saved_ms: float | None = None
    raw_bytes: int | None = None
    """Length of the body as the client sent it; None where no body is kept."""
    normalized_bytes: int | None = None


class Entry(Facts, frozen=True, kw_only=True):
    """All that is kept of one request. Headers are not part of it, so no secret in them can be."""

    edits: tuple[Edit, ...] = ()
    said: Said | None = None
    diagnosis: Diagnosis | None = None
    """Its `predecessor` is a record id of the run that wrote it; see `before`."""
    bodies: Bodies | None = None
    """None where there are none; when an entry is written once more, what is kept already stays."""
    again: bool = False
    """Whether it was put before and more is known now: where it has left the journal since, it stays away."""

    @property
    def size(self) -> int:
        """Bytes in memory, roughly."""
        texts = [text for edit in self.edits for text in (edit.old, edit.new)]
        if self.said is not None:
            texts += (self.said.text, self.said.reasoning, *(call.arguments for call in self.said.calls))
        bodies = (
            0 if self.bodies is None else sum(map(len, {id(body): body for body in self.bodies}.values()))
        )
        return 2000 + sum(map(len, texts)) + bodies


def summary_of(entry: Entry) -> Summary:
    """What a list needs of an entry."""
    edited: dict[str, int] = {}
    for edit in entry.edits:
        edited[edit.rule] = edited.get(edit.rule, 0) + 1
    shared = {name: getattr(entry, name) for name in Facts.__struct_fields__}
    told, bodies = entry.diagnosis, entry.bodies
    said = told.verdict if told else None
    return Summary(
        **shared,
        edited=edited,
        verdict=Verdict(said.cause, said.detail, predicted=said.predicted) if said else None,
        lost_n=told.lost_n if told else None,
        lost_ms=told.lost_ms if told else None,
        saved_n=told.saved_n if told else None,
        saved_ms=told.saved_ms if told else None,
        raw_bytes=len(bodies.raw) if bodies else None,
        normalized_bytes=len(bodies.normalized) if bodies else None,
    )
