"""The engine: normalize requests, forward them to llama-server, measure every turn."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("kvconsole")
except PackageNotFoundError:  # a checkout that is not installed
    __version__ = "0"
