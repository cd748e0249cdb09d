"""What a lane remembers of single messages.

A message is known by the digest of it and of everything before it, so what was remembered of one message
never turns up at another that merely says the same. Where a client cut off the beginning of the history, that
digest is another one. Then the first two messages in a row that the lane had together just once tell where it
goes on, provided that enough of what follows them was there as well.
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

_SURE = 4
"""Of so many messages that come after such a pair, the lane has to know one."""

LEFT = b"-"
"""Stands before an answer whose turn was begun again since."""


class Past:
    """The messages of one request, as the lane knows them."""

    def __init__(self, prompt: Prompt, frame: Frame | None, recall: Recall) -> None:
        self._prompt = prompt
        self._frame = frame
        self._recall = recall
        self._links = links(prompt.messages, frame)
        self._answered: dict[int, bytes | None] = {}
        """The latest answers of messages before rules said that their turns begin again."""
        self._resolved: list[bytes | None] | None = None
        self._followers: list[bytes | None] | None = None

    def recalled(self, rule: str, what: str, index: int) -> bytes | None:
        """What `rule` remembers about the message at `index`; None for nothing."""
        link = self._found()[index]
        if link is None:
            return None
        # A turn that was begun again took the place of the one that this answer belongs to.
        after = self._after()[index]
        newest = after is not None and self._recall.get(LANE, answer_key(link)) == after.hex().encode()
        found = None if after is None or newest else self._recall.get(rule, f"{what}.then.{after.hex()}")
        return self._recall.get(rule, f"{what}.{link.hex()}") if found is None else found

    def kept(self, rule: str, what: str, index: int, value: bytes) -> dict[str, bytes]:
        """What to write, by the rule's own keys, so that `value` is remembered about a message."""
        link = self._links[index]
        if link is None:
            return {}
        key = f"{what}.{link.hex()}"
        writes = {key: value}
        before = self._recall.get(rule, key)
        if before is None or before == value:
            return writes
        if index not in self._answered:
            self._answered[index] = self._recall.get(LANE, answer_key(link))
        answer = self._answered[index]
        if answer is not None:
            # The turn is begun again. What it was before stays with the answer that it had then.
            was = f"{what}.then.{answer.removeprefix(LEFT).decode()}"
            if not answer.startswith(LEFT):
                writes[was] = before
                self._recall.put(LANE, answer_key(link), LEFT + answer)
            elif self._recall.get(rule, was) is None:
                writes[was] = before
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
            for link in reversed(self._found()):
                found.append(last)
                last = link or last
            self._followers = found[::-1]
        return self._followers

    def _found(self) -> list[bytes | None]:
        """For each message the digest under which the lane knows it, if it does."""
        if self._resolved is None:
            self._resolved = self._resolve()
        return self._resolved

    def _resolve(self) -> list[bytes | None]:
        found = list(self._links)
        then: bytes | None = None
        behind = known_behind = 0
        for index, link in enumerate(self._links):
            if link is None:
                continue
            known = self._known(link)
            if then is None:
                if known:
                    # The beginning is there: what is not known further on was never remembered.
                    return self._links
                then = self._alone(index)
            else:
                then = linked(then, self._own(index))
                behind += 1
                known_behind += known or self._known(then)
            if then is not None and not known:
                found[index] = then
        # The newest message is new, and of some older ones there was nothing to remember.
        return found if known_behind * _SURE >= behind - 1 else self._links

    def _known(self, link: bytes) -> bool:
        keys = (_known_key(link), answer_key(link))
        return any(self._recall.get(LANE, key) is not None for key in keys)

    def _alone(self, index: int) -> bytes | None:
        """What the lane knows a message and the one right before it as, if it had the two together once."""
        other = self._recall.get(LANE, _pair_key(self._before(index), self._own(index)))
        if other is None or other == AMBIGUOUS:
            return None
        link = bytes.fromhex(other.decode())
        return None if link in self._links else link

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
