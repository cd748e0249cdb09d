"""Entries as the JSON that the journal holds.

Two objects: the summary, and the details (edits, answer, diagnosis). Fields that are not known are passed
over, and what a later version says in words of its own is left out alone, so that versions can share a file.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar, get_type_hints

import msgspec

from proxy_core.exchange import Bodies
from proxy_core.journal.entry import Entry, Facts, Summary, summary_of
from proxy_core.llama.said import Said
from proxy_core.rules import Edit
from proxy_core.verdict import Diagnosis, Excerpt, Verdict

DIAGNOSIS_VERSION = 1
"""Of a diagnosis as JSON: the fields of `Diagnosis`, those of an excerpt by name as well."""

_T = TypeVar("_T")


class _Edit(msgspec.Struct):
    rule: str
    message: int | None = None
    old: str = ""
    new: str = ""


class _Details(msgspec.Struct, omit_defaults=True):
    edits: tuple[_Edit, ...] = ()
    said: Said | None = None
    diagnosis: dict[str, Any] | None = None


class UnreadableError(Exception):
    """What should be an entry is none."""


def summary_json(entry: Entry) -> bytes:
    """The summary of an entry."""
    return _encoded(summary_of(entry))


def details_json(entry: Entry) -> bytes:
    """What an entry has and its summary has not, without the bodies."""
    edits = tuple(_Edit(*edit) for edit in entry.edits)
    diagnosis = None if entry.diagnosis is None else diagnosis_json(entry.diagnosis)
    return _encoded(_Details(edits, entry.said, diagnosis))


def summary_from(data: bytes) -> Summary:
    """What `summary_json` wrote.

    Raises:
        UnreadableError: It is no summary.
    """
    return _decoded(Summary, data)


def entry_from(summary: bytes, details: bytes, bodies: Bodies | None) -> Entry:
    """An entry of its parts.

    Raises:
        UnreadableError: One of them is none.
    """
    known, more = _decoded(Facts, summary), _decoded(_Details, details)
    return Entry(
        **{name: getattr(known, name) for name in Facts.__struct_fields__},
        edits=tuple(Edit(edit.rule, edit.message, edit.old, edit.new) for edit in more.edits),
        said=more.said,
        diagnosis=None if more.diagnosis is None else diagnosis_from(more.diagnosis),
        bodies=bodies,
    )


def diagnosis_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """A diagnosis as a JSON object, by the names of its fields."""
    told: dict[str, Any] = msgspec.to_builtins(diagnosis)
    for side in ("raw", "normalized"):
        if told[side] is not None and told[side]["excerpt"] is not None:
            told[side]["excerpt"] = dict(zip(Excerpt._fields, told[side]["excerpt"], strict=True))
    return {"version": DIAGNOSIS_VERSION, **told}


def diagnosis_from(told: dict[str, Any]) -> Diagnosis | None:
    """What `diagnosis_json` gave, of this version or another; None where there is no verdict in it."""
    told = dict(told)
    for side in ("raw", "normalized"):
        divergence = told.get(side)
        if isinstance(divergence, dict) and isinstance(divergence.get("excerpt"), dict):
            excerpt = divergence["excerpt"]
            texts = [excerpt.get(name, "") for name in Excerpt._fields]
            told[side] = divergence | {"excerpt": texts}
    known = _converted(_hints(Diagnosis), told)
    if "verdict" not in known:
        verdict = _unheard_of(told.get("verdict"))
        if verdict is None:
            return None
        known["verdict"] = verdict
    return Diagnosis(**known)


def _unheard_of(told: object) -> Verdict | None:
    """A verdict of a cause that this version does not know: it is unknown, and says what it was called."""
    if not isinstance(told, dict) or not isinstance(told.get("cause"), str):
        return None
    known = _converted(_hints(Verdict), told | {"cause": "unknown"})
    name = ": ".join(part for part in (told["cause"], known.get("detail")) if part)
    return Verdict(**known | {"cause": "unknown", "detail": name})


def _decoded(kind: type[_T], data: bytes) -> _T:
    """A struct; fields whose value is none of theirs have their default."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError:
        pass
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableError(str(error)) from error
    struct: Any = kind
    try:
        given = msgspec.json.decode(data, type=dict[str, Any])
        known = _converted(_hints(struct), given)
        if struct is Summary and "verdict" not in known:
            known["verdict"] = _unheard_of(given.get("verdict"))
        return kind(**known)
    except (msgspec.ValidationError, TypeError) as error:
        raise UnreadableError(str(error)) from error


def _converted(hints: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Those of the given fields that are known and can be understood."""
    known: dict[str, Any] = {}
    for name, hint in hints.items():
        if name in given:
            try:
                known[name] = msgspec.convert(given[name], hint)
            except msgspec.ValidationError:
                continue
    return known


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """The fields of a struct or dataclass, with their types."""
    return {name: hint for name, hint in get_type_hints(kind).items() if not name.startswith("_")}


def _encoded(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_clean(msgspec.to_builtins(value)))


def clean(text: str) -> str:
    """`text` as UTF-8 can spell it: it may hold half a surrogate pair."""
    return text.encode(errors="backslashreplace").decode()


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {_clean(key): _clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value
