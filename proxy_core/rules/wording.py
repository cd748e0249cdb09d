"""What is wrong in a rule file, in words: msgspec's messages with the place and the nearest known word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

import msgspec

from proxy_core.rules.tables import Table, keys_of

_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")
_VALUE = re.compile(r"Invalid enum value '([^']*)'")
_TYPE = re.compile(r"Expected `([^`]*)`, got `([^`]*)`")
_TYPES = {
    "str": "a text",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}
"""What msgspec's words for types are in a rule file."""
_STEP = re.compile(r"\.?([^.\[\]]+)|\[([^\]]*)\]")


def in_words(problem: str, table: Table) -> str:
    """A message of msgspec's for a table of a rule file: where in it, what, and what may have been meant.

    Args:
        problem: The message; where it ends with a JSON path, that is the place in the table.
        table: What the message is about.
    """
    text, _, path = problem.partition(" - at `$")
    place: list[str] = []
    kind: Any = table
    for key, index in _STEP.findall(path.rstrip("`")):
        if key:
            kind = _type_of(kind, key)
            place.append(f"`{key}`")
        else:
            kind = _element(kind)
            number = int(index) + 1 if index.isdigit() else None
            if number is None:
                place.append("one of its values")  # msgspec does not tell which.
            elif _is_table(kind):
                place[-1] = f"{place[-1].strip('`')} {number}"
            else:
                place.append(f"item {number}")
    words = of_fields(text, keys_of(kind) if _is_table(kind) else (), _choices(kind))
    return "".join(f"{step}: " for step in place) + words


def sentence(text: str) -> str:
    """`text` with a full stop, unless it ends with a question."""
    return text if text.endswith("?") else f"{text}."


def of_fields(problem: str, known: Iterable[str], values: Iterable[str] = ()) -> str:
    """A message about a table's fields or a value, with the nearest known one for one that is unknown.

    Args:
        problem: msgspec's message without its path.
        known: The table's keys.
        values: What the value may be.
    """
    unknown = _UNKNOWN.search(problem)
    if unknown is not None:
        return f"unknown key `{unknown[1]}`{instead(unknown[1], known)}"
    value = _VALUE.search(problem)
    if value is not None:
        return f"unknown value {value[1]!r}{instead(value[1], values)}"
    wrong = _TYPE.search(problem)
    if wrong is not None:
        wanted = " or ".join(_TYPES.get(name, name) for name in wrong[1].split(" | ") if name != "null")
        return f"it is {_TYPES.get(wrong[2], wrong[2])}, and must be {wanted}"
    return _MISSING.sub(r"missing key `\1`", problem)


def _type_of(kind: Any, key: str) -> Any:
    """The type of a table's key."""
    field = keys_of(kind).get(key) if _is_table(kind) else None
    return field.type if field is not None else None


def _element(kind: Any) -> Any:
    """The type of what is in a list, or under a name of a person's choice."""
    inner = get_args(kind)
    if get_origin(kind) in (list, dict):
        return inner[-1]
    return next((_element(part) for part in inner if get_origin(part) in (list, dict)), None)


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _choices(kind: Any) -> list[str]:
    """The texts that a value of a type may be; none where it may be any."""
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    return [name for part in get_args(kind) for name in _choices(part)]


def instead(wrong: str, known: Iterable[str]) -> str:
    """The known name that a wrong one is nearest to, or all of them where there are few."""
    names = sorted(set(known))
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean `{near[0]}`?"
    return f"; known: {', '.join(names)}" if names else "; it takes none"
