"""What stands before the messages, as a mark by which requests of one conversation resemble each other.

System text is rendered anew for every request, so no two need be equal. Side requests (titles, summaries,
sub-agents, heartbeats) differ in much of it, or in their tools.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from zlib import crc32

from proxy_core.prompt import Prompt

_TOOLS = 16
_LINE = 4
_LINES = 96
"""Most lines that are compared: of a long text those with the smallest checksums, wherever they stand."""
_FEW = 4
"""Lines up to which a clock in one of them changes too much for lines to tell anything."""


def head_of(prompt: Prompt) -> bytes:
    """A mark of the tools' names, and of the lines of system text."""
    names = "\0".join(sorted(tool.name for tool in prompt.tools))
    return blake2b(names.encode(), digest_size=_TOOLS).digest() + _lines(prompt)


def alike(one: bytes, other: bytes) -> bool:
    """Whether two requests have the same tools and for the most part the same system text."""
    if one == other:
        return True
    if one[:_TOOLS] != other[:_TOOLS]:
        return False
    ours, theirs = _set(one), _set(other)
    if min(len(ours), len(theirs)) <= _FEW:
        return abs(len(ours) - len(theirs)) <= _FEW
    return len(ours & theirs) * 2 >= min(len(ours), len(theirs))


def same_tools(one: bytes, other: bytes) -> bool:
    """Whether two requests offer tools of the same names."""
    return one[:_TOOLS] == other[:_TOOLS]


def likeness(one: bytes, other: bytes) -> int:
    """How many lines of system text two requests share."""
    return len(_set(one) & _set(other))


def _lines(prompt: Prompt) -> bytes:
    message = prompt.head or next((m for m in prompt.messages[:1] if m.kind == "system"), None)
    if message is None:
        return b""
    known = message.remembered.get("head")
    if not isinstance(known, bytes):
        sums = {crc32(line) for segment in message.segments for line in segment.text.splitlines() if line}
        known = b"".join(number.to_bytes(_LINE, "big") for number in sorted(sums)[:_LINES])
        message.remembered["head"] = known
    return known


@lru_cache(maxsize=1024)
def _set(head: bytes) -> frozenset[bytes]:
    return frozenset(head[at : at + _LINE] for at in range(_TOOLS, len(head), _LINE))
