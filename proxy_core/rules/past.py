"""What a lane remembers of single messages.

A message is known by the digest of it and of everything before it, so what was remembered of one message
never turns up at another that merely says the same. Where a client took something out of the older history,
that digest is another one; then the message and the one right before it tell, unless the lane had the two
together more than once.
"""

from __future__ import annotations

from proxy_core.prompt import Prompt
from proxy_core.rules.anchors import Frame
from proxy_core.rules.identity import START, identity, linked, links
from proxy_core.rules.recall import Recall

LANE = "lane"
"""What stands for a rule id in the memory where the knowledge belongs to no single rule."""

AMBIGUOUS = b"?"
"""Stands for a pair of messages that a lane had more than once."""


class Past:
    """The messages of one request, as the lane knows them."""

    def __init__(self, prompt: Prompt, frame: Frame | None, recall: Recall) -> None:
        self._prompt = prompt
        self._frame = frame
        self._recall = recall
        self._links = links(prompt.messages, frame)
        self._keys: dict[int, str | None] = {}
        self._followers: list[bytes | None] | None = None

    def recalled(self, rule: str, what: str, index: int) -> bytes | None:
        """What `rule` remembers about the message at `index`; None for nothing."""
        key = self._key(index)
        if key is None:
            return None
        # A turn that was begun again took the place of the one that this answer belongs to.
        after = self._after()[index]
        found = None if after is None else self._recall.get(rule, f"{what}.then.{after.hex()}")
        return self._recall.get(rule, f"{what}.{key}") if found is None else found

    def kept(self, rule: str, what: str, index: int, value: bytes) -> dict[str, bytes]:
        """What to write, by the rule's own keys, so that `value` is remembered about a message."""
        link = self._links[index]
        if link is None:
            return {}
        key = f"{what}.{link.hex()}"
        writes = {key: value}
        before = self._recall.get(rule, key)
        answer = self._recall.get(LANE, answer_key(link))
        if before is not None and before != value and answer is not None:
            # The turn is begun again. What it was before stays with the answer that it had then.
            writes[f"{what}.then.{answer.decode()}"] = before
        return writes

    def know(self, index: int) -> None:
        """Something is remembered about the message at `index`: it is to be found again."""
        link = self._links[index]
        if link is not None:
            for name, value in known_by(self._before(index), self._own(index), link).items():
                self._recall.put(LANE, name, value)

    def _after(self) -> list[bytes | None]:
        """For each message the digest of the one that follows it."""
        if self._followers is None:
            found: list[bytes | None] = []
            last: bytes | None = None
            for link in reversed(self._links):
                found.append(last)
                last = link or last
            self._followers = found[::-1]
        return self._followers

    def _key(self, index: int) -> str | None:
        if index not in self._keys:
            self._keys[index] = self._find(index)
        return self._keys[index]

    def _find(self, index: int) -> str | None:
        link = self._links[index]
        if link is None:
            return None
        if self._recall.get(LANE, _known_key(link)) is not None:
            return link.hex()
        other = self._recall.get(LANE, _pair_key(self._before(index), self._own(index)))
        if other is None or other == AMBIGUOUS or bytes.fromhex(other.decode()) in self._links:
            return link.hex()
        return other.decode()

    def _own(self, index: int) -> bytes:
        return identity(self._prompt.messages[index], self._frame) or START

    def _before(self, index: int) -> bytes:
        earlier = (i for i in range(index - 1, -1, -1) if self._links[i] is not None)
        at = next(earlier, None)
        return START if at is None else self._own(at)


def known_by(before: bytes, own: bytes, link: bytes) -> dict[str, bytes]:
    """What to write under `LANE` so that a message is found again, also in a history that lost its beginning.

    Args:
        before: Identity of the message before it.
        own: Its own identity.
        link: The digest of it and of everything before it.
    """
    return {_known_key(link): b"", _pair_key(before, own): link.hex().encode()}


def is_pair(rule: str, key: str) -> bool:
    """Whether a key is one that can only stand for one message of a lane."""
    return rule == LANE and key.startswith("pair.")


def answer_key(link: bytes) -> str:
    """The key of the latest answer to a message."""
    return f"answer.{link.hex()}"


def _known_key(link: bytes) -> str:
    return f"known.{link.hex()}"


def _pair_key(before: bytes, own: bytes) -> str:
    return f"pair.{linked(before, own).hex()}"
