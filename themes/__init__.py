"""Colour themes, one TOML file each."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable


def builtin_files() -> list[Traversable]:
    """The theme files that ship with kvconsole, by name; a Traversable since a package may be a zip file."""
    files = (file for file in resources.files(__name__).iterdir() if file.name.endswith(".toml"))
    return sorted(files, key=lambda file: file.name)
