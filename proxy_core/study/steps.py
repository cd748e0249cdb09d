"""Captured requests as steps of their conversations, and as the rules would forward them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from proxy_core.captures.answers import said_in
from proxy_core.captures.captured import Captured
from proxy_core.clients import CLIENTS, agent_name, recognize
from proxy_core.exchange import Bodies, Exchange
from proxy_core.intake import Intake
from proxy_core.lanes import Lanes
from proxy_core.lanes.store import LaneStore
from proxy_core.llama.said import generated_of
from proxy_core.routes import route
from proxy_core.rules import RuleSet


@dataclass(frozen=True)
class Step:
    """A captured request in its conversation."""

    number: int
    """Its place among the requests of the source, from 1."""
    captured: Captured
    exchange: Exchange
    """Client, model, messages, and what the rules did."""
    bodies: Bodies
    """As the client sent it, and as the rules of this run forward it."""
    lane: str | None = None
    """The conversation, as kvconsole called it when it captured the request, else `c1`, `c2` and so on. None
    where the prompt cannot be read, or is of no API whose prompts are read."""
    previous: Step | None = None
    """The step before in its conversation, which has no previous one itself."""

    @property
    def failed(self) -> bool:
        """Whether it was answered by an error, so that it left nothing in any slot."""
        answer = self.captured.answer
        return answer is not None and answer.status is not None and answer.status >= 400


def steps(captured: Iterable[Captured], rules: RuleSet, context: int | None = None) -> Iterator[Step]:
    """Follow requests in their order, with rules that remember nothing of what came before them.

    Requests that carry no prompt, such as token counts, are passed over. Nothing here raises for a request
    that cannot be read: as in the proxy, its `exchange.note` says why it stays as it is.

    Args:
        captured: Requests, oldest first.
        rules: The rules that the requests go through.
        context: Tokens that fit into one slot, where that is known; rules that make prompts longer need it.
    """
    lanes = Lanes(LaneStore(None))
    intake = Intake(lanes, lambda: rules, lambda: False, lambda: context)
    latest: dict[str, Step] = {}
    labels: dict[str, str] = {}
    number = 0
    for one in captured:
        meant = route(one.method, one.path.partition("?")[0])
        if not meant.prompts:
            continue
        number += 1
        exchange, normalized = _taken(one, intake)
        own = exchange.lane
        names = [name for name in (one.lane, own) if name is not None]
        lane = one.lane or (None if own is None else labels.setdefault(own, f"c{len(labels) + 1}"))
        step = Step(number, one, exchange, Bodies(one.body, normalized), lane)
        source = None if own is None else lanes.source_of(own)
        candidates = (latest.get(name) for name in (*names, source) if name is not None)
        previous = next((found for found in candidates if found is not None), None)
        yield replace(step, previous=previous)
        if not step.failed:
            latest |= dict.fromkeys(names, step)


def _taken(one: Captured, intake: Intake) -> tuple[Exchange, bytes]:
    """The exchange and the body to forward; the rules learn what the model answered."""
    headers = dict(one.headers)
    meant = route(one.method, one.path.partition("?")[0])
    exchange = Exchange(
        one.method,
        one.path,
        api=one.api or meant.api,
        label=meant.label,
        prompts=True,
        client=one.client or recognize(headers, None) or agent_name(headers),
    )
    if one.client in CLIENTS:
        # The journal keeps no headers, only whom they named.
        intake = replace(intake, who=lambda _headers, _prompt: one.client)
    pairs = [(name.encode(), value.encode(errors="replace")) for name, value in headers.items()]
    taken = intake.take(exchange, pairs, one.body)
    said = said_in(one.answer) if one.answer is not None else None
    if said is not None and taken.learn is not None:
        taken.learn(generated_of(said))
    return taken.exchange, taken.body
