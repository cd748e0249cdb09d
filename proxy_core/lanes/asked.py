"""What a request tells about the conversation that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple

from proxy_core.lanes.head import head_of
from proxy_core.lanes.label import label_of
from proxy_core.lanes.session import session_key
from proxy_core.prompt import Api, Prompt
from proxy_core.rules.anchors import Frame
from proxy_core.rules.identity import identity, links


class Asked(NamedTuple):
    """A request, as far as lanes are concerned."""

    api: Api
    client: str | None
    session: str | None
    """The client's own name for the conversation."""
    head: bytes
    """See `head.head_of`."""
    chain: tuple[bytes, ...]
    """One digest for each message, of it and all before it."""
    kept: tuple[bytes, ...]
    """Digests of the messages alone."""
    said: int
    """How many messages there are up to the latest answer of the model; 0 before the first."""
    mark: bytes
    """Digest of all messages as sent, while the model has not answered: the same request sent again."""
    label: str = ""
    """How its first user message begins; see `label.label_of`."""

    @property
    def answered(self) -> bool:
        """Whether the model has answered before."""
        return self.said > 0


def asked(prompt: Prompt, client: str | None, headers: Mapping[str, str], frame: Frame | None) -> Asked:
    """Read a request for lanes.

    Args:
        prompt: The request as the client sent it.
        client: Who sent it.
        headers: Its headers by lower-case name.
        frame: How that client decorates what a person wrote.
    """
    alone = [identity(m, frame) for m in prompt.messages if m.kind != "system"]
    linked = zip(prompt.messages, links(prompt.messages, frame), strict=True)
    counted = [(message, link) for message, link in linked if link is not None]
    said = max((at for at, (message, _) in enumerate(counted, 1) if message.kind == "assistant"), default=0)
    return Asked(
        prompt.api,
        client,
        session_key(headers, prompt),
        head_of(prompt),
        tuple(link for _, link in counted),
        tuple(own for own in alone if own is not None),
        said,
        b"" if said else _mark(prompt),
        label_of(prompt.messages, frame),
    )


def _mark(prompt: Prompt) -> bytes:
    digest = blake2b(digest_size=16)
    for message in prompt.messages:
        digest.update(message.raw)
    return digest.digest()
