"""Theme files: TOML in, checked Textual themes out."""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from importlib.resources.abc import Traversable
from itertools import chain
from pathlib import Path

import msgspec
from textual.color import Color, ColorParseError
from textual.theme import Theme

from proxy_core.errors import ThemeError
from themes import builtin_files

_ROLES = {
    "reuse-good": "success",
    "reuse-fair": "warning",
    "reuse-poor": "error",
    "chart-axis": "secondary",
    "chart-measure": "accent",
    "chart-mark": "secondary",
    "log-select": "accent",
    "log-timing": "foreground",
    "log-warn": "warning",
}
"""kvconsole's own variables, and the role that a theme gives them when it does not set them itself."""


class Colours(msgspec.Struct, forbid_unknown_fields=True):
    """`[colours]`: the roles that Textual derives its shades from."""

    primary: str
    secondary: str
    accent: str
    foreground: str
    background: str
    surface: str
    panel: str
    success: str
    warning: str
    error: str
    boost: str | None = None


class ThemeFile(msgspec.Struct, forbid_unknown_fields=True):
    """A whole theme file."""

    name: str
    dark: bool
    colours: Colours
    variables: dict[str, str] = {}


_KEYS = {*ThemeFile.__struct_fields__, *Colours.__struct_fields__}


def load_themes(user_dir: Path) -> tuple[list[Theme], list[ThemeError]]:
    """The built-in themes and a person's own; one of the same name takes the built-in one's place.

    Args:
        user_dir: Holds the person's `*.toml` files; it need not exist.

    Returns:
        The themes, and an error for each file that is wrong: it hides no other.
    """
    themes: dict[str, Theme] = {}
    errors: list[ThemeError] = []
    for file in chain(builtin_files(), sorted(user_dir.glob("*.toml"))):
        try:
            theme = read_theme(file)
        except ThemeError as error:
            errors.append(error)
        else:
            themes[theme.name] = theme
    return list(themes.values()), errors


def read_theme(file: Path | Traversable) -> Theme:
    """The theme in one file.

    Raises:
        ThemeError: It cannot be read, is no TOML, has an unknown or missing key, or a colour that is none.
            The message names file, line where it can be found, and key.
    """
    try:
        text = file.read_bytes().decode()
        table = msgspec.convert(tomllib.loads(text), ThemeFile)
    except OSError as error:
        raise ThemeError(f"{file.name}: it cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ThemeError(f"{file.name}: it is not UTF-8 text (byte {error.start}).") from error
    except tomllib.TOMLDecodeError as error:
        raise ThemeError(f"{file.name}: this is not valid TOML: {error}.") from error
    except msgspec.ValidationError as error:
        raise ThemeError(f"{file.name}{_in_words(str(error), text)}") from error
    colours = {
        key: value for key, value in msgspec.structs.asdict(table.colours).items() if value is not None
    }
    if not _NAME.fullmatch(table.name):
        raise ThemeError(
            f"{file.name}{_line('name', text)}: a name is made of letters, digits, spaces and . _ -"
        )
    for key, value in chain(colours.items(), table.variables.items()):
        if not _is_valid(key, value):
            what = "text style" if key.endswith("-style") else "colour"
            raise ThemeError(f"{file.name}{_line(key, text)}: {key} = {value!r} is no {what}.")
    variables = {name: colours[role] for name, role in _ROLES.items()} | table.variables
    return Theme(name=table.name, dark=table.dark, variables=variables, **colours)


_STYLES = frozenset({"none", "bold", "dim", "italic", "underline", "reverse", "strike", "not"})
_NAME = re.compile(r"[\w .-]+")


def _is_valid(key: str, value: str) -> bool:
    """Variables hold a colour or, where their name says so, text styles; references to others are refused."""
    if key.endswith("-style"):
        return bool(value.split()) and set(value.split()) <= _STYLES
    try:
        Color.parse(value)
    except ColorParseError:
        return False
    return True


def _in_words(problem: str, text: str) -> str:
    found = re.search(r"unknown field `([^`]*)`", problem)
    if found is None:
        words = problem.replace("Object missing required field", "missing key")
        return f": {words.replace(' - at `$.', ' in `')}."
    key = found[1]
    near = get_close_matches(key, _KEYS, 1)
    return f"{_line(key, text)}: unknown key {key!r}." + (f" Did you mean {near[0]!r}?" if near else "")


def _line(key: str, text: str) -> str:
    pattern = re.compile(rf'\s*\[?"?{re.escape(key)}"?\s*[=\]]')
    number = next((n for n, line in enumerate(text.splitlines(), 1) if pattern.match(line)), None)
    return "" if number is None else f", line {number}"
