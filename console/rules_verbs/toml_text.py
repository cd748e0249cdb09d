"""Tables of a rule file written as a person would write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from proxy_core.config_text import quoted, toml_value

_WIDTH = 100


def table_lines(name: str, table: Mapping[str, Any]) -> Iterator[str]:
    """A table under the header `name` (`[frames.x]`, `[[rule]]`), its inner tables below it."""
    plain = {key: value for key, value in table.items() if not _is_tables(value)}
    yield name
    for key, value in plain.items():
        yield f"{_key(key)} = {written(value)}"
    path = name.strip("[]")
    for key, value in table.items():
        if isinstance(value, Mapping) and key not in plain:
            yield ""
            yield from table_lines(f"[{path}.{_key(key)}]", value)
        elif key not in plain:
            for inner in value:
                yield ""
                yield from table_lines(f"[[{path}.{_key(key)}]]", inner)


def written(value: object) -> str:
    """A value on one line, or a list or text over several where one would be long."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {written(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        items = [written(item) for item in value]
        line = f"[{', '.join(items)}]"
        if len(line) <= _WIDTH:
            return line
        # In a text of several lines, spaces would count.
        inner = [item if '"""' in item else item.replace("\n", "\n  ") for item in items]
        return "\n".join(["[", *(f"  {item}," for item in inner), "]"])
    return toml_value(value)


def _text(text: str) -> str:
    shown = all(char.isprintable() or char == "\n" for char in text)
    if "\n" not in text:
        # Patterns are full of backslashes, which only a literal string leaves alone.
        return f"'{text}'" if "\\" in text and "'" not in text and shown else quoted(text)
    if shown and "\\" not in text and '"""' not in text and not text.endswith('"'):
        return f'"""\n{text}"""'
    return quoted(text)


def _is_tables(value: object) -> bool:
    """Whether a value needs headers of its own: a table with several keys or lines, or a list of tables."""
    if isinstance(value, Mapping):
        return len(value) > 1 or any(isinstance(item, Mapping | list) for item in value.values())
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, Mapping) for item in value)
        and (any("in" in item for item in value))
    )


def _key(key: str) -> str:
    return (
        key
        if key and all(char.isascii() and (char.isalnum() or char in "-_") for char in key)
        else quoted(key)
    )
