"""How much of each prompt stays as it was, worked out from the bodies alone: no server is asked.

The measure is the prefix that a prompt shares with what a slot held after the request before it in the same
lane, against all of that. What a slot held is the earlier prompt; in cases whose model speaks from the
script, also what it said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from proxy_core.clients import recognize
from proxy_core.diff.marks import common_start
from proxy_core.intake import Intake, begin
from proxy_core.lanes import Lanes
from proxy_core.lanes.store import LaneStore
from proxy_core.llama.generated import Generated, GeneratedCall
from proxy_core.prompt import Prompt, parse
from proxy_core.prompt.message import forget_messages
from proxy_core.routes import route
from proxy_core.rules import RuleSet
from tests.clients import reading
from tests.clients.case import Case, Sent, Spoken
from tests.clients.reading import Divergence

GOAL = 0.97
"""Share of the ideal that is wanted."""

_CONTEXT = 65536
"""Tokens of a slot in which every case has room enough."""
_TOKENS_PER_BYTE = 0.3


class Step(NamedTuple):
    """One request against the one before it in its lane."""

    request: int
    """Its place in the case, from 0."""
    turn: int
    kept: int
    """Characters that were there already."""
    ideal: int
    """Characters that could have been."""
    divergence: Divergence | None
    note: str | None
    """What kvconsole has to say: a rule that failed, a request that could not be read."""


class Forwarded(NamedTuple):
    """A request behind kvconsole."""

    sent: Sent
    body: bytes
    lane: str | None
    """The lane that kvconsole found for it."""
    note: str | None


def forwarded(
    case: Case, rules: RuleSet | None, *, short: bool = False, disk: Path | None = None
) -> list[Forwarded]:
    """All requests as kvconsole forwards them, at a server that answers each as the script says.

    Args:
        case: What is sent.
        rules: What normalizes it; None for nothing.
        short: Take the shortened conversation.
        disk: A file for the lanes; kvconsole is then started anew before each turn.
    """
    found: list[Forwarded] = []
    with ExitStack() as stack:
        lanes, turn = _started(stack, disk), 1
        for sent in case.requests(short):
            if disk is not None and sent.turn != turn:
                stack.close()
                forget_messages()
                lanes, turn = _started(stack, disk), sent.turn
            found.append(_forwarded(case, sent, lanes, rules))
    return found


def _started(stack: ExitStack, disk: Path | None) -> Lanes:
    store = LaneStore(disk)
    stack.callback(store.close)
    return Lanes(store)


def _forwarded(case: Case, sent: Sent, lanes: Lanes, rules: RuleSet | None) -> Forwarded:
    intake = Intake(lanes, lambda: rules or RuleSet(), lambda: rules is None, lambda: _CONTEXT)
    headers = [(name.encode(), value.encode()) for name, value in sent.headers.items()]
    path = sent.path.partition("?")[0]
    scope = {"method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    taken = intake.take(begin(scope, route("POST", path), headers), headers, sent.body)
    lane = taken.exchange.lane
    if lane is not None:
        lanes.measured(lane, _TOKENS_PER_BYTE)
    if taken.learn is not None and case.scripted:
        taken.learn(_generated(sent.spoken))
    return Forwarded(sent, taken.body, lane, taken.exchange.note)


def score(case: Case, rules: RuleSet | None, *, short: bool = False, disk: Path | None = None) -> list[Step]:
    """Each request that continues another, from the second turn on; arguments as for `forwarded`."""
    steps: list[Step] = []
    held: dict[str, str] = {}
    for number, (sent, body, _, note) in enumerate(forwarded(case, rules, short=short, disk=disk)):
        parts = reading.read(sent.path, body)
        before = held.get(sent.lane)
        if before is not None and sent.turn > 1:
            kept = common_start(before, reading.text(parts))
            parted = reading.divergence(before, parts)
            steps.append(Step(number, sent.turn, kept, len(before), parted, note))
        held[sent.lane] = reading.answered(parts, sent.spoken) if case.scripted else reading.text(parts)
    return steps


def share(steps: Sequence[Step]) -> float:
    """What was kept of what could have been, over all steps."""
    return sum(step.kept for step in steps) / sum(step.ideal for step in steps)


def recognized(sent: Sent) -> str | None:
    """The client that kvconsole sees behind a request."""
    return recognize(_lower(sent.headers), _prompt(sent))


def _generated(spoken: Spoken) -> Generated:
    calls = {0: GeneratedCall(*spoken.call)} if spoken.call else {}
    return Generated(spoken.text, spoken.reasoning, calls)


def _prompt(sent: Sent) -> Prompt:
    api = route("POST", sent.path.partition("?")[0]).api
    assert api is not None
    return parse(api, sent.body)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
