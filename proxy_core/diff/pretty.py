"""JSON as lines of text, its numbers spelled as they were sent."""

from __future__ import annotations

import json
import re

from proxy_core.visible import shorten_blob, shown_line, visible

_STEP = "  "
_PIECE = re.compile(r"[^\n]*\n|[^\n]+")
_encode = json.JSONEncoder(ensure_ascii=False).encode


class Number(str):
    """A JSON number as its digits: `1.0` and `1.00` are different bytes to a prompt cache."""

    __slots__ = ()


def load(text: str) -> object:
    """Decode JSON, numbers as `Number`.

    Raises:
        ValueError: It is not JSON.
        RecursionError: It is nested too deeply.
    """
    value: object = json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number)
    return value


def pretty(value: object) -> list[str]:
    """What `load` gave, as indented lines.

    A string goes on in the next line after each line feed in it, so that long descriptions can be read and
    compared line by line.
    """
    lines: list[str] = []
    _write(value, "", "", "", lines)
    return [shown_line(line) for line in lines]


def _write(value: object, lead: str, pad: str, tail: str, lines: list[str]) -> None:
    if isinstance(value, dict) and value:
        items = [(f"{_quoted(key)}: ", item) for key, item in value.items()]
        _write_items(items, "{}", lead, pad, tail, lines)
    elif isinstance(value, list) and value:
        _write_items([("", item) for item in value], "[]", lead, pad, tail, lines)
    elif isinstance(value, Number):
        lines.append(f"{lead}{value}{tail}")
    elif isinstance(value, str):
        _write_string(value, lead, pad, tail, lines)
    else:
        lines.append(f"{lead}{_encode(value)}{tail}")


def _write_items(
    items: list[tuple[str, object]], brackets: str, lead: str, pad: str, tail: str, lines: list[str]
) -> None:
    lines.append(lead + brackets[0])
    inner = pad + _STEP
    last = len(items) - 1
    for index, (key, item) in enumerate(items):
        _write(item, inner + key, inner, "," if index < last else "", lines)
    lines.append(pad + brackets[1] + tail)


def _write_string(value: str, lead: str, pad: str, tail: str, lines: list[str]) -> None:
    pieces = [_quoted(piece)[1:-1] for piece in _PIECE.findall(shorten_blob(value))] or [""]
    pieces = [f'{lead}"{pieces[0]}', *(f"{pad}{_STEP}{piece}" for piece in pieces[1:])]
    pieces[-1] += f'"{tail}'
    lines += pieces


def _quoted(text: str) -> str:
    return visible(_encode(text))
