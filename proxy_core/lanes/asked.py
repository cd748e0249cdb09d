"""What a request tells about the conversation that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from proxy_core.lanes.head import head_of
from proxy_core.lanes.session import session_key
from proxy_core.prompt import Prompt
from proxy_core.rules.anchors import Frame
from proxy_core.rules.identity import START, chain, identity


class Asked(NamedTuple):
    """A request, as far as lanes are concerned."""

    client: str | None
    session: str | None
    """The client's own name for the conversation."""
    head: bytes
    """See `head.head_of`."""
    chain: tuple[bytes, ...]
    """One digest for each message, of it and all before it."""
    kept: tuple[bytes, ...]
    """Digests of the messages alone."""
    last: bytes
    """Digest of the last message, for what the model answers to it."""


def asked(prompt: Prompt, client: str | None, headers: Mapping[str, str], frame: Frame | None) -> Asked:
    """Read a request for lanes.

    Args:
        prompt: The request as the client sent it.
        client: Who sent it.
        headers: Its headers by lower-case name.
        frame: How that client decorates what a person wrote.
    """
    alone = [identity(m, frame) for m in prompt.messages if m.kind != "system"]
    kept = tuple(own for own in alone if own is not None)
    session = session_key(headers, prompt)
    links = chain(prompt.messages, frame)
    return Asked(client, session, head_of(prompt), links, kept, kept[-1] if kept else START)
