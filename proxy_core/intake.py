"""What to forward for a request. Fails open: whatever goes wrong, the client's own bytes go on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from proxy_core.asgi import Headers, Scope, target
from proxy_core.clients import agent_name, recognize
from proxy_core.errors import PromptError
from proxy_core.exchange import Exchange
from proxy_core.lanes import Asked, Lane, Lanes, asked
from proxy_core.llama.generated import Generated
from proxy_core.prompt import Prompt, parse
from proxy_core.queries import clean_path
from proxy_core.routes import Route
from proxy_core.rules import Normalized, Rule, RuleSet
from proxy_core.rules.actions.reattach import Reattach
from proxy_core.rules.anchors import Frame
from proxy_core.rules.generated import learned
from proxy_core.rules.recall import Room

_log = logging.getLogger("kvconsole")

_TYPICAL = 0.3
"""Prompt tokens by bytes of the body, until a lane's prompt was counted: English and code have 0.2 to 0.3."""

Learn = Callable[[Generated], None]


class Taken(NamedTuple):
    """A request as it is to be forwarded."""

    exchange: Exchange
    body: bytes
    learn: Learn | None = None
    """Takes what the model answered."""


@dataclass(frozen=True)
class Intake:
    """Takes requests in: finds their lane, and lets the rules work on them."""

    lanes: Lanes
    rules: Callable[[], RuleSet]
    """Gives the set in force."""
    bypassed: Callable[[], bool]
    """Whether everything is to pass through untouched; conversations are told apart all the same."""
    context: Callable[[], int | None]
    """Tokens that fit into one slot, as far as the upstream told."""
    who: Callable[[Mapping[str, str], Prompt], str | None] = recognize
    """Tells the client from a request's headers (by lower-case name) and its prompt."""

    def take(self, exchange: Exchange, headers: Headers, raw: bytes) -> Taken:
        """The exchange with what its prompt tells, and the body to forward.

        Args:
            exchange: As far as the request's head tells.
            headers: The request's headers.
            raw: Its body as the client sent it.
        """
        if exchange.api is None:
            return Taken(exchange, raw)
        named = _named(headers)
        encoding = named.get("content-encoding", "identity")
        if encoding.lower() != "identity":
            return Taken(replace(exchange, note=f"forwarded untouched: its body is {encoding}-encoded"), raw)
        try:
            return self._normalized(exchange, named, parse(exchange.api, raw))
        except PromptError as error:
            return Taken(replace(exchange, note=f"forwarded untouched: {error.message}"), raw)
        except Exception as error:  # a fault of ours must not cost the client its request
            _log.exception("a request could not be normalized")
            return Taken(replace(exchange, note=f"forwarded untouched after a fault: {error!r}"), raw)

    def counted(self, exchange: Exchange, body: bytes) -> None:
        """An exchange ended: what its prompt measured tells how much room the lane's next one has."""
        tokens = exchange.answer.prompt_tokens
        if exchange.lane is not None and tokens and body:
            self.lanes.measured(exchange.lane, tokens / len(body))

    def _normalized(self, exchange: Exchange, headers: dict[str, str], prompt: Prompt) -> Taken:
        client = self.who(headers, prompt)
        exchange = replace(
            exchange,
            client=client or exchange.client,
            model=prompt.model,
            messages=len(prompt.messages),
            stream=prompt.stream,
        )
        rules, bypassed = self.rules(), self.bypassed()
        frame = rules.frame(client)
        request = asked(prompt, client, headers, frame)
        lane = self.lanes.find(request)
        using = lane.rules or rules
        running = () if bypassed else using.running(prompt.api, client)
        normalized = Normalized(prompt.body)
        if not bypassed:
            normalized = using.apply(prompt, client, lane.memory, self._room(lane))
        exchange = replace(
            exchange,
            lane=lane.id,
            rules=tuple(rule.id for rule in running),
            ruleset=None if bypassed else using.version,
            edits=normalized.edits,
            matched=normalized.matched,
            note="; ".join(normalized.failures) or None,
        )
        if not exchange.prompts:
            return Taken(exchange, normalized.body)
        try:
            self.lanes.commit(lane, request, normalized.writes, time.time())
        except Exception as error:  # what is not remembered costs a prefix later, and no request now
            _log.exception("a conversation could not be remembered")
            told = (exchange.note, f"this conversation could not be remembered: {error!r}")
            exchange = replace(exchange, note="; ".join(note for note in told if note))
        learn = partial(self._learn, lane.id, request, frame, _wants_details(running))
        return Taken(exchange, normalized.body, learn)

    def _room(self, lane: Lane) -> Room | None:
        context = self.context()
        return None if context is None else Room(context, lane.tokens_per_byte or _TYPICAL)

    def _learn(self, lane: str, request: Asked, frame: Frame | None, details: bool, said: Generated) -> None:
        if request.chain:
            last, link = request.kept[-1], request.chain[-1]
            answer = learned(request.api, said, last, link, frame, details=details)
            self.lanes.learn(lane, request, answer)


def _wants_details(running: Iterable[Rule]) -> bool:
    """Whether a rule puts back what the model generated."""
    actions = (rule.action for rule in running)
    return any(isinstance(action, Reattach) and action.what != "message" for action in actions)


def begin(scope: Scope, meant: Route, headers: Headers) -> Exchange:
    """The exchange as far as its head tells. Secrets in the query are not kept."""
    named = _named(headers)
    return Exchange(
        method=scope["method"],
        path=clean_path(target(scope).decode("latin-1")),
        api=meant.api,
        label=meant.label,
        prompts=meant.prompts,
        client=recognize(named, None) or agent_name(named),
    )


def _named(headers: Headers) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
