"""Declared tools. Their list is the same in most requests, so what was read of one is remembered."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from proxy_core.prompt.model import Tool

_REMEMBERED = 1024


class _Function(msgspec.Struct):
    name: str = ""


class _Tool(msgspec.Struct):
    name: str = ""
    type: str = ""
    function: _Function | None = None


_DECODER = msgspec.json.Decoder(_Tool)


@lru_cache(maxsize=_REMEMBERED)
def tool(raw: bytes) -> Tool:
    """One item of a list of tools, of any of the three APIs; one that cannot be read has no name."""
    try:
        read = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Tool(raw, "")
    # Tools that the server itself provides have a type and no name.
    return Tool(raw, (read.function.name if read.function else "") or read.name or read.type)
