"""The configuration file: its values, and the line that each key stands on."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from proxy_core.config_text import quoted, visible
from proxy_core.errors import ConfigError

# tomllib also lets plain errors of Python through: a number of 5,000 digits, or 1,000 nested brackets.
_NOT_TOML = (ValueError, RecursionError)
_PLACE = re.compile(
    r"^(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$", re.S
)
_LONGEST_STATEMENT = 300
_ADVICE = {
    "Invalid value": 'Text stands in double quotes, as in listen = "127.0.0.1:1234".',
    "Expected '=' after a key in a key/value pair": "Write it as key = value: history = 500",
    "Cannot overwrite a value": "Write each key only once.",
    "Unescaped '\\' in a string": r"Double each backslash (\\), or use single quotes.",
}


@dataclass(frozen=True)
class ConfigFile:
    """A file that is valid TOML; whether its keys and values are right is not decided here."""

    path: Path
    """Where it was read."""
    values: dict[str, object]
    """Top-level keys in the order of the file."""
    lines: dict[str, int]
    """1-based line of each top-level key or table that could be located."""

    def where(self, key: str) -> str:
        """The beginning of a sentence about `key`: the file, and the line where known."""
        line = self.lines.get(key)
        return visible(f"{self.path}, line {line}" if line else f"{self.path}")


def read_config(path: Path) -> ConfigFile:
    """Read the TOML file at `path`, which must exist.

    Raises:
        ConfigError: It cannot be read, or is not TOML; names the file and, where known, the line.
    """
    try:
        # Windows editors put a byte order mark first, which TOML itself does not know.
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConfigError(
            f"{visible(str(path))}: there is no such file. Check --config or KVCONSOLE_CONFIG."
        ) from error
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise ConfigError(f"{visible(str(path))}: {reason}. Name a file that you may read.") from error
    except ValueError as error:
        raise ConfigError(f"{visible(str(path))}: this is not UTF-8 text. Save the file as UTF-8.") from error
    try:
        values = tomllib.loads(text)
    except _NOT_TOML as error:
        raise ConfigError(_syntax_sentence(path, error)) from error
    return ConfigFile(path=path, values=values, lines=key_lines(text))


def key_lines(text: str) -> dict[str, int]:
    """1-based line of each top-level key or table of valid TOML with `\\n` line ends.

    The shortest run of lines that parses alone is one statement. Letting the parser itself say where a
    statement ends is exact for quoted keys, dotted keys and strings over many lines. The search ends at a
    statement of more than 300 lines, since each of its lines costs another parse.
    """
    found: dict[str, int] = {}
    in_table = False
    statement: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        statement.append(line)
        try:
            keys = tomllib.loads("\n".join(statement))
        except _NOT_TOML:
            if len(statement) == _LONGEST_STATEMENT:
                break
            continue
        is_table = statement[0].lstrip(" \t").startswith("[")
        if is_table or not in_table:
            for key in keys:
                found.setdefault(key, number - len(statement) + 1)
        in_table = in_table or is_table
        statement = []
    return found


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that a person most likely meant, or None when nothing is close."""
    folded = {spelling.casefold(): spelling for spelling in known}
    close = difflib.get_close_matches(name.casefold().replace("-", "_"), folded, n=1)
    return folded[close[0]] if close else None


def unknown_key(name: str, value: object, known: Collection[str]) -> str:
    """A sentence about a key or table that no setting has."""
    if isinstance(value, dict):
        return f"unknown table [{visible(name)}]. Settings stand at the top of the file, in no table."
    meant = nearest(name, known)
    hint = f"Did you mean {quoted(meant)}?" if meant else f"Known keys: {', '.join(known)}."
    return f"unknown key {quoted(name)}. {hint}"


def _syntax_sentence(path: Path, error: BaseException) -> str:
    match = _PLACE.match(str(error))
    what = match["what"] if match else str(error)
    if not isinstance(error, tomllib.TOMLDecodeError):
        what = "a number is too long or brackets nest too deep"
    line = f", line {match['line']}" if match and match["line"] else ""
    column = f" (column {match['column']})" if match and match["column"] else ""
    advice = _ADVICE.get(what, "Correct it, then try: kvconsole config validate")
    return f"{visible(f'{path}{line}')}: this is not TOML: {visible(what)}{column}. {advice}"
