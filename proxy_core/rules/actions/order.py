"""`order`: tools come in the same order, and spelled the same way, in every request of a lane."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar, Literal

import msgspec

from proxy_core.rules.draft import Draft, Outcome
from proxy_core.rules.look import Look
from proxy_core.rules.same import same_value

_ORDER = "order"
_NAMES = msgspec.json.Decoder(list[str])


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keep the list of tools as it was."""

    by: Literal["first-seen", "name"] = "first-seen"
    """What their order follows: the lane's first request, new ones last, or their names."""
    keys: Literal["as-sent", "first-seen", "sorted"] = "first-seen"
    """Of JSON objects inside: `first-seen` sends a tool that is equal as JSON in the bytes it first had."""
    descriptions: Literal["as-sent", "first-seen"] = "as-sent"
    """Whether a tool with the name and the schema it had keeps its first description."""
    vanished: Literal["drop", "keep"] = "drop"
    """What becomes of a tool that the client no longer sends."""

    early: ClassVar[bool] = False

    def work(self, rule: str, looks: tuple[Look, ...], draft: Draft) -> Outcome:
        """Order the tools; a list with a nameless tool, or two of one name, is left alone."""
        sent = {tool.name: tool.raw for tool in draft.tools}
        if not sent or "" in sent or len(sent) != len(draft.tools):
            return Outcome()
        outcome = Outcome(matched=True)
        known = draft.recall.get(rule, _ORDER)
        names = _NAMES.decode(known) if known else []
        seen = set(names)
        fresh = [name for name in sent if name not in seen]
        if fresh:
            names += fresh
            outcome.writes[_ORDER] = msgspec.json.encode(names)
        tools: list[bytes] = []
        for name in sorted(names) if self.by == "name" else names:
            first = draft.recall.get(rule, f"tool.{name}")
            if name in sent and first is None:
                outcome.writes[f"tool.{name}"] = sent[name]
            if name in sent:
                tools.append(self._spelled(sent[name], first))
            elif first is not None and self.vanished == "keep":
                tools.append(first)
        outcome.tools = tools
        return outcome

    def _spelled(self, raw: bytes, first: bytes | None) -> bytes:
        if first is not None and raw != first:
            if self.keys == "first-seen" and _same(raw, first, descriptions=True):
                return first
            if self.descriptions == "first-seen" and _same(raw, first, descriptions=False):
                return first
        return _sorted(raw) if self.keys == "sorted" else raw


@lru_cache(maxsize=256)
def _same(one: bytes, other: bytes, *, descriptions: bool) -> bool:
    """Whether two tools are equal as JSON, their own descriptions counted or not."""
    return same_value(_value(one, descriptions), _value(other, descriptions))


def _value(raw: bytes, descriptions: bool) -> Any:
    value: Any = msgspec.json.decode(raw)
    if not descriptions and isinstance(value, dict):
        inner = value.get("function")
        (inner if isinstance(inner, dict) else value).pop("description", None)
    return value


@lru_cache(maxsize=256)
def _sorted(raw: bytes) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(raw), order="sorted")
