"""Captured requests one by one, conversation by conversation, and what changes in them from turn to turn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from proxy_core.diagnosis.by_prompt import cause_of
from proxy_core.diagnosis.divergence import diverge
from proxy_core.diagnosis.outline import outline
from proxy_core.diagnosis.whatif import Wanted, what_if
from proxy_core.prompt import Api, Prompt
from proxy_core.rules import RuleSet
from proxy_core.rules.recall import Room
from proxy_core.study.inspecting.candidates import Candidates, Found, Named, Turn, named
from proxy_core.study.inspecting.caught import rules_for
from proxy_core.study.inspecting.changes import KEYS, ORDER, Change, changes
from proxy_core.study.inspecting.pairs import Read, Reader
from proxy_core.study.inspecting.sizes import Items, Sizes, items_of, shared_bytes, sizes_of
from proxy_core.study.steps import Step
from proxy_core.verdict import Divergence

_ASKED = 20
"""Changes of the history for which rules are looked for."""

_NEAR = 0.9
"""Share of what all rules together keep, from which on fewer of them are good enough."""

_ROOM = Room(context=10_000_000, tokens_per_byte=0.3)
"""Room enough for rules that make a prompt longer: whether there is, a capture does not tell."""

_TOOLS = {"reordered": ORDER}
"""Names of what happens to tools, where they have others among the changes."""


class Reuse(NamedTuple):
    """How much of earlier prompts came again at the beginning of later ones."""

    shared: int = 0
    of: int = 0
    """Sizes as in `verdict.Divergence`."""

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where no prompt followed another."""
        return self.shared / self.of if self.of else None

    def plus(self, found: Divergence) -> Reuse:
        """With one more turn."""
        return Reuse(self.shared + found.shared, self.of + _wanted(found))


NOTHING = Reuse()
"""Before anything was compared."""


@dataclass(frozen=True)
class Request:
    """One request; what is not known is None."""

    number: int
    """Its place among the requests of the source, from 1."""
    id: str
    """What `kvconsole diff` knows it by."""
    place: str
    at: float | None
    """Seconds since the epoch."""
    client: str | None
    api: Api | None
    label: str
    model: str | None
    lane: str | None
    items: Items | None
    sizes: Sizes | None
    stream: bool
    size: int
    """Bytes of the body."""
    status: int | None
    """HTTP status of the answer."""
    follows: str | None = None
    """Id of the request before it in its conversation."""
    raw: float | None = None
    """Share of the prompt before it that comes again, as the client sent both."""
    normalized: float | None = None
    """The same as the rules forward both."""
    note: str | None = None
    """Why the rules leave it as it is, or what failed."""


@dataclass
class Changed:
    """A part of the prompt that reads otherwise in some turns."""

    part: str
    detail: str = ""
    """What happened the first time, where the part does not say it."""
    times: int = 0
    """Turns in which it changed."""
    first: int = 0
    """Turns in which nothing in front of it changed."""
    cost: int = 0
    """Bytes of text behind the place that had to be read again in those turns."""
    rules: tuple[Named, ...] = ()
    """Rules that keep the prompt, or would; of changes of the history alone."""


@dataclass
class Conversation:
    """What is known of a conversation."""

    lane: str
    requests: int = 0
    clients: list[str] = field(default_factory=list)
    first_at: float | None = None
    last_at: float | None = None
    turns: int = 0
    """Requests that were compared with the one before."""
    raw: Reuse = NOTHING
    normalized: Reuse = NOTHING
    again_raw: int = 0
    """Bytes of text that had to be read again, as the client sent the requests."""
    again: int = 0
    """The same as the rules forward them."""
    changed_raw: dict[str, Changed] = field(default_factory=dict)
    changed: dict[str, Changed] = field(default_factory=dict)


@dataclass
class Inspection:
    """All that was found."""

    requests: list[Request] = field(default_factory=list)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    candidates: list[Found] = field(default_factory=list)
    more: int = 0
    """Changes at further places, which were not followed."""

    def turns(self, found: Found) -> int:
        """Turns of the conversations in which a candidate changed."""
        return sum(self.conversations[lane].turns for lane in found.lanes)


def inspect(steps: Iterable[Step], rules: RuleSet, lane: str | None = None) -> Inspection:
    """Look at requests in their order. Of each, only small facts are kept.

    Args:
        steps: The requests.
        rules: The rules that they went through.
        lane: Only this conversation; None for all.
    """
    work = _Work(rules)
    for step in steps:
        if lane is None or lane in (step.lane, step.captured.lane):
            work.take(step)
    found = work.found
    found.candidates = sorted(work.candidates.found.values(), key=lambda one: (-one.cost, -one.times))
    found.more = work.candidates.more
    return found


def request_id(step: Step) -> str:
    """What `kvconsole diff` knows a request by."""
    one = step.captured
    if one.id is not None and one.place.number is None:
        return one.id
    return one.place.source if one.place.number is None else f"{one.place.source}#{one.place.number}"


class _Work:
    def __init__(self, rules: RuleSet) -> None:
        self.found = Inspection()
        self.candidates = Candidates(rules)
        self._rules = rules
        self._reader = Reader()
        self._asked: set[tuple[str, str]] = set()

    def take(self, step: Step) -> None:
        """Look at one more request."""
        read = self._reader.read(step, raw=True)
        previous = step.previous
        raw = normalized = None
        if read is not None and previous is not None and step.lane is not None:
            raw, normalized = self._compare(step, previous, read)
        one, exchange = step.captured, step.exchange
        self.found.requests.append(
            Request(
                step.number,
                request_id(step),
                str(one.place),
                one.at,
                exchange.client,
                exchange.api,
                exchange.label,
                exchange.model,
                step.lane,
                items_of(read.prompt) if read else None,
                sizes_of(read.outline) if read else None,
                exchange.stream,
                len(step.bodies.raw),
                one.answer.status if one.answer else None,
                request_id(previous) if previous is not None else None,
                _share(raw),
                _share(normalized),
                exchange.note,
            )
        )
        if step.lane is not None:
            self._note(step, step.lane)

    def _note(self, step: Step, lane: str) -> None:
        told = self._told(lane)
        told.requests += 1
        client = step.exchange.client
        if client is not None and client not in told.clients:
            told.clients.append(client)
        at = step.captured.at
        if at is not None:
            told.first_at = at if told.first_at is None else min(told.first_at, at)
            told.last_at = at if told.last_at is None else max(told.last_at, at)

    def _told(self, lane: str) -> Conversation:
        return self.found.conversations.setdefault(lane, Conversation(lane))

    def _compare(self, step: Step, previous: Step, read: Read) -> tuple[Divergence | None, Divergence | None]:
        """Where a request leaves the one before it, as it was sent and as it is forwarded."""
        before = self._reader.read(previous, raw=True)
        older, newer = (self._reader.read(one, raw=False) for one in (previous, step))
        if before is None or older is None or newer is None or step.lane is None:
            return None, None
        raw, sent = diverge(before.outline, read.outline), diverge(older.outline, newer.outline)
        if step.failed:
            return raw, sent
        told = self._told(step.lane)
        told.turns += 1
        told.raw, told.normalized = told.raw.plus(raw), told.normalized.plus(sent)
        again, again_sent = _again(raw, before, read), _again(sent, older, newer)
        told.again_raw += again
        told.again += again_sent
        changed = changes(before, read)
        _count(told.changed_raw, raw, changed, again)
        same = before is older and read is newer
        _count(told.changed, sent, changed if same else changes(older, newer), again_sent)
        turn = Turn(request_id(step), step.number, step.lane, step.exchange.client, before, read, again)
        self.candidates.take(turn, changed)
        self._ask(told, step, turn, raw, sent)
        return raw, sent

    def _ask(self, told: Conversation, step: Step, turn: Turn, raw: Divergence, sent: Divergence) -> None:
        """Find out which rules there are for a change of the history, the first time that it comes."""
        name = _part(raw, ())
        if name is None or raw.part != "message" or (told.lane, name) in self._asked:
            return
        if len(self._asked) >= _ASKED:
            return
        self._asked.add((told.lane, name))
        rules: tuple[str, ...] = ()
        prompts = (turn.previous.prompt, turn.current.prompt)
        # In bytes that are lost, and not in those that stay: notes that rules add make both prompts longer.
        saved = _lost(raw) - _lost(sent)
        if saved > (1 - _NEAR) * _lost(raw):
            most = _lost(raw) - _NEAR * saved

            def mended(previous: Prompt, current: Prompt) -> bool:
                return _lost(diverge(outline(previous), outline(current))) <= most

            rules = tuple(rule.id for rule in rules_for(self._rules, turn.client, *prompts, mended))
            # What takes more than two requests to remember shows in what was edited here.
            early = (edit.rule for edit in step.exchange.edits if (edit.message or 0) <= (raw.message or 0))
            rules = rules or tuple(dict.fromkeys(early))
        if not rules:
            wanted = Wanted(self._rules, room=_ROOM)
            options = what_if(wanted, turn.client, *prompts, sent.shared)
            rules = options[0].rules if options else ()
        known = (self._rules.get(rule) for rule in rules)
        told.changed_raw[name].rules = tuple(named(self._rules, rule) for rule in known if rule is not None)


def _count(known: dict[str, Changed], parted: Divergence, changed: Sequence[Change], again: int) -> None:
    """Count which parts changed: the one where the prompts part, and what else did."""
    first = _part(parted, changed)
    if first is None:
        return
    detail = parted.detail if parted.part == "message" or parted.name == "system" else ""
    # A history that was changed moves and rewrites messages: these are not named one by one.
    parts = [first, *(change.part for change in changed if change.site.kind != "user")]
    if parted.part == "tools":
        parts = [part for part in parts if not part.startswith("tools: ") or part == first]
    for part in dict.fromkeys(parts):
        one = known.setdefault(part, Changed(part, detail if part == first else ""))
        one.times += 1
    known[first].first += 1
    known[first].cost += again


def _part(parted: Divergence, changed: Sequence[Change]) -> str | None:
    """The part of the prompt where two of them part; None where the earlier one goes on."""
    cause = cause_of(parted)
    if cause is None:
        return None
    if parted.part == "tools":
        texts = [change for change in changed if change.site.kind is None and change.pair is not None]
        respelled = parted.how == "redescribed" and not texts
        return f"tools: {KEYS if respelled else _TOOLS.get(parted.how, parted.how)}"
    return parted.name if parted.part == "system" else cause


def _lost(parted: Divergence) -> int:
    """How much of the earlier prompt does not come again."""
    return _wanted(parted) - parted.shared


def _wanted(parted: Divergence) -> int:
    """How much of the earlier prompt could come again: all of it, unless this one merely ends earlier."""
    return parted.size if parted.how == "shortened" else parted.previous_size


def _again(parted: Divergence, previous: Read, current: Read) -> int:
    """Bytes of the earlier prompt's text that had to be read again."""
    if parted.how == "shortened":
        return 0
    return previous.size - shared_bytes(previous.outline, current.outline)


def _share(parted: Divergence | None) -> float | None:
    return parted.shared / _wanted(parted) if parted is not None and _wanted(parted) else None
