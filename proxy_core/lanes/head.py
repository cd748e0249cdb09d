"""What stands before the messages, as a mark by which requests of one conversation resemble each other.

System text is rendered anew for every request, so no two need be equal. Side requests (titles, summaries,
sub-agents, heartbeats) differ in much of it, or in their tools.
"""

from __future__ import annotations

from hashlib import blake2b
from zlib import crc32

from proxy_core.prompt import Prompt

_TOOLS = 16
_LINE = 4
_LINES = 64
"""Most lines that are compared, from the start."""
_FEW = 4
"""Lines up to which a clock in one of them changes too much for lines to tell anything."""


def head_of(prompt: Prompt) -> bytes:
    """A mark of the tools' names, and of the first lines of system text."""
    names = "\0".join(sorted(tool.name for tool in prompt.tools))
    return blake2b(names.encode(), digest_size=_TOOLS).digest() + _lines(prompt)


def alike(one: bytes, other: bytes) -> bool:
    """Whether two requests have the same tools and for the most part the same system text."""
    if one[:_TOOLS] != other[:_TOOLS]:
        return False
    ours, theirs = _set(one), _set(other)
    if min(len(ours), len(theirs)) <= _FEW:
        return abs(len(ours) - len(theirs)) <= _FEW
    return len(ours & theirs) * 2 >= min(len(ours), len(theirs))


def _lines(prompt: Prompt) -> bytes:
    message = prompt.head or next((m for m in prompt.messages[:1] if m.kind == "system"), None)
    if message is None:
        return b""
    known = message.remembered.get("head")
    if not isinstance(known, bytes):
        lines: list[bytes] = []
        for segment in message.segments:
            lines += (line for line in segment.text.splitlines() if line.strip())
        known = b"".join(crc32(line).to_bytes(_LINE, "big") for line in lines[:_LINES])
        message.remembered["head"] = known
    return known


def _set(head: bytes) -> set[bytes]:
    return {head[at : at + _LINE] for at in range(_TOOLS, len(head), _LINE)}
