"""What else OpenClaw does to a conversation, on the base of era E: each habit by itself."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tests.clients.case import Case, Level, Sent, Spoken
from tests.clients.openclaw import era_e, era_g, era_h, request
from tests.clients.openclaw_system import OWNER_ONLY, System, runtime_line, tool_names
from tests.clients.story import START, Ask, Model, Said, Tool, asks
from tests.clients.wire import Json, chat, openai_js, sent, speech, tools

_HEARTBEAT = (
    "Read HEARTBEAT.md if it exists (workspace context). Follow it strictly. "
    "Do not infer or repeat old tasks from prior chats. If nothing needs attention, reply HEARTBEAT_OK.\n"
    "When reading HEARTBEAT.md, use workspace file /home/mara/claw/HEARTBEAT.md (exact case). "
    "Do not read docs/heartbeat.md."
)
_SOFT_KEPT = 1500
_LONG_RESULT = 6000
_LAST_ANSWERS = 3
"""Pruning leaves the results of the last three answers alone."""


def shuffled_tools(short: bool) -> Iterator[Sent]:
    """Order of tools, and of the keys inside them, by chance in each request."""
    chance = random.Random(7)
    for ask in asks(short):
        system, messages = era_e(ask, short)
        declared = [_jittered(tool, chance) for tool in tools(tool_names(short))]
        chance.shuffle(declared)
        functions: list[Json] = [{"type": "function", "function": tool} for tool in declared]
        path, body = chat([{"role": "system", "content": system}, *messages], functions)
        yield sent(ask, path, openai_js(), body)


def heartbeats(short: bool) -> Iterator[Sent]:
    """Before every second turn a poll with fewer tools and another channel; its pair is gone afterwards."""
    for ask in asks(short):
        if ask.step == 0 and ask.turn % 2 == 1 and ask.turn > 1:
            yield _heartbeat(ask, short)
        yield request(ask, *era_e(ask, short), tool_names(short))


def side_requests(short: bool) -> Iterator[Sent]:
    """Between the turns a cron job, a sub-agent and a name for the session, each a lane of its own."""
    sides = (_cron, _sub_agent, _slug)
    for ask in asks(short):
        if ask.step == 0 and ask.turn > 1:
            yield sides[ask.turn % len(sides)](ask, short)
        yield request(ask, *era_e(ask, short), tool_names(short))


def clock(short: bool) -> Iterator[Sent]:
    """A person's own line in the system prompt, which a script fills with the time."""
    for ask in asks(short):
        system, messages = era_e(ask, short, note=f"Current time: {ask.at:%Y-%m-%dT%H:%M:%SZ}")
        yield request(ask, system, messages, tool_names(short))


def pruned(mark: Callable[[str], str]) -> Callable[[bool], Iterator[Sent]]:
    """In the first request after a pause, tool results older than the last three answers are replaced.

    The client keeps them whole: inside the turn's tool loop they are back.
    """

    def requests(short: bool) -> Iterator[Sent]:
        for ask in asks(short, result=_long):
            system, messages = era_e(ask, short)
            answers = [n for n, message in enumerate(messages) if message["role"] == "assistant"]
            first_kept = answers[-_LAST_ANSWERS] if len(answers) >= _LAST_ANSWERS else 0
            for place, message in enumerate(messages[:first_kept]):
                if message["role"] == "tool" and ask.step == 0:
                    messages[place] = {**message, "content": mark(str(message["content"]))}
            yield request(ask, system, messages, tool_names(short))

    return requests


def guarded(short: bool) -> Iterator[Sent]:
    """Near the context's end each request loses one more tool result, the oldest first, inside a loop too."""
    mark = "[compacted: tool output removed to free context]"
    count = 0
    for ask in asks(short, result=_long):
        system, messages = era_e(ask, short)
        results = [n for n, message in enumerate(messages) if message["role"] == "tool"]
        if len(results) > 1:
            count += 1
        for place in results[: min(count, len(results) - 1)]:
            messages[place] = {**messages[place], "content": mark}
        yield request(ask, system, messages, tool_names(short))


def soft(text: str) -> str:
    """What soft pruning leaves of a result."""
    if len(text) <= 2 * _SOFT_KEPT:
        return text
    kept = f"kept first {_SOFT_KEPT} chars and last {_SOFT_KEPT} chars of {len(text)} chars."
    return f"{text[:_SOFT_KEPT]}\n...\n{text[-_SOFT_KEPT:]}\n\n[Tool result trimmed: {kept}]"


def hard(_text: str) -> str:
    """What hard pruning leaves of a result."""
    return "[Old tool result content cleared]"


def dropped_reasoning(short: bool) -> Iterator[Sent]:
    """The model's reasoning comes back inside its turn and not later."""
    for ask in asks(short, result=_long):
        system, messages = era_e(ask, short)
        said = [one for one in ask.said if isinstance(one, Model)]
        answers = (message for message in messages if message["role"] == "assistant")
        for model, message in zip(said, answers, strict=True):
            if model.turn == ask.turn:
                message["reasoning_content"] = model.reasoning
        made = request(ask, system, messages, tool_names(short))
        yield replace(made, spoken=speech(ask.answer, reasoning=True))


def respelled_arguments(short: bool) -> Iterator[Sent]:
    """The model writes whole numbers as `20.0`; the client, in JavaScript, sends them back as `20`.

    Spaces would show nothing: templates that take arguments as objects, as the demo's does, are given them
    parsed, and write them in their own way.
    """
    for ask in asks(short):
        spoken = speech(ask.answer)
        if spoken.call is not None and ask.answer.call is not None:
            own, name, _ = spoken.call
            floats = {k: float(v) if isinstance(v, int) else v for k, v in ask.answer.call.arguments.items()}
            spoken = replace(spoken, call=(own, name, json.dumps(floats, ensure_ascii=False)))
        made = request(ask, *era_e(ask, short), tool_names(short))
        yield replace(made, spoken=spoken)


def switched(short: bool) -> Iterator[Sent]:
    """The person turns thinking on for two turns, and the model falls back to another in a later one."""
    for ask in asks(short):
        system, messages = era_e(ask, short)
        if ask.turn in (2, 3):
            system = system.replace("thinking=off", "thinking=high")
        if ask.turn == 4:
            system = system.replace(" model=llama/qwen3-coder-next", " model=llama/qwen3-4b-instruct")
        yield request(ask, system, messages, tool_names(short))


def edited(short: bool) -> Iterator[Sent]:
    """The person writes the third turn's message twice: the first wording vanishes with its answer."""
    for ask in asks(short):
        if ask.turn == 3 and ask.step == 0:
            worded = replace(ask.person, text="what was it we wanted to compare? the two forecasts?")
            first = replace(ask, said=(*ask.said[:-1], worded), at=ask.at - timedelta(minutes=1))
            yield request(first, *era_h(first, short), tool_names(short))
        yield request(ask, *era_h(ask, short), tool_names(short))


def two_sessions(short: bool) -> Iterator[Sent]:
    """Two chats that begin with the same words, by turns: what belongs to one must not reach the other."""
    other = iter(asks(short, seed=11, start=START + timedelta(minutes=2)))
    for ask in asks(short):
        yield request(ask, *era_g(ask, short), tool_names(short))
        twin = next(other)
        said = [_elsewhere(one) if n else one for n, one in enumerate(twin.said)]
        twin = replace(twin, said=tuple(said))
        yield request(twin, *era_g(twin, short), tool_names(short), lane="other")


def _elsewhere(said: Said) -> Said:
    """The same in other words."""
    return said if isinstance(said, Tool) else replace(said, text=f"{said.text} Thanks.")


def _heartbeat(ask: Ask, short: bool) -> Sent:
    names = [name for name in tool_names(short) if name not in OWNER_ONLY]
    at = ask.at - timedelta(minutes=1)
    system, messages = era_e(ask, short, names=names, channel="heartbeat")
    messages[-1] = {"role": "user", "content": [{"type": "text", "text": f"{_HEARTBEAT}\n{_current(at)}"}]}
    made = request(ask, system, messages, names)
    return replace(made, spoken=Spoken("HEARTBEAT_OK"))


def _cron(ask: Ask, short: bool) -> Sent:
    text = (
        f"[cron:5d1c0b7e greenhouse] Look at the greenhouse and say only what is unusual.\n{_current(ask.at)}"
    )
    text += "\n\nReturn your summary as plain text; it will be delivered automatically."
    return _aside(ask, short, f"cron-{ask.turn}", text, "You are run by a schedule.")


def _sub_agent(ask: Ask, short: bool) -> Sent:
    text = f"[{ask.at:%a %Y-%m-%d %H:%M} UTC] Compare the two forecasts on January and report the error."
    return _aside(ask, short, f"sub-agent-{ask.turn}", text, "## Subagent Context\nYou are a sub-agent.")


def _slug(ask: Ask, short: bool) -> Sent:
    system, _ = era_e(ask, short)
    text = "Based on this conversation, generate a short 1-2 word filename slug (lowercase, hyphens)."
    return request(ask, system, [_user(text)], tool_names(short), lane=f"slug-{ask.turn}")


def _aside(ask: Ask, short: bool, lane: str, text: str, context: str) -> Sent:
    names = ("read", "exec")
    system = System(names, runtime_line("cron"), (context,), short=short)
    return request(ask, system.text, [_user(text)], names, lane=lane)


def _user(text: str) -> Json:
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def _current(at: datetime) -> str:
    return f"Current time: {at:%A, %B} {at.day}th, {at:%Y} — {at:%H:%M} (UTC) / {at:%Y-%m-%d %H:%M} UTC"


def _long(text: str) -> str:
    """A result of the size that pruning cares about, every line of it different."""
    lines = text.split("\n")
    wanted = [f"{n:04} {lines[n % len(lines)]}" for n in range(_LONG_RESULT // 30)]
    return "\n".join(wanted)[:_LONG_RESULT]


def _jittered(value: object, chance: random.Random) -> Json:
    """The same object with the keys of each level in another order."""
    shuffled = _shuffle(value, chance)
    assert isinstance(shuffled, dict)
    return shuffled


def _shuffle(value: object, chance: random.Random) -> object:
    match value:
        case Mapping():
            keys = list(value)
            chance.shuffle(keys)
            return {key: _shuffle(value[key], chance) for key in keys}
        case str():
            return value
        case Sequence():
            # `required` is a list whose order a client keeps.
            return [_shuffle(entry, chance) for entry in value]
        case _:
            return value


def _case(
    name: str,
    about: str,
    requests: Callable[[bool], Iterator[Sent]],
    wanted: Level,
    *,
    scripted: bool = False,
) -> Case:
    return Case(name, "openclaw", about, requests, wanted, scripted)


CASES = (
    _case("shuffled-tools", "order of tools and of their keys", shuffled_tools, "safe"),
    _case("heartbeats", "tools and channel, now and then; pairs vanish", heartbeats, "aggressive"),
    _case("side-requests", "other conversations in between", side_requests, "safe"),
    _case("clock", "a clock in the system prompt", clock, "safe"),
    _case("switched", "thinking and model in the Runtime line", switched, "safe"),
    _case("edited", "the wording of one message, on era H", edited, "safe"),
    _case("two-sessions", "two chats by turns, on era G", two_sessions, "safe"),
    _case("pruned-soft", "old tool results are trimmed", pruned(soft), "aggressive"),
    _case("pruned-hard", "old tool results are cleared", pruned(hard), "aggressive"),
    _case("compacted", "one tool result more is removed in each request", guarded, "aggressive"),
    _case("dropped-reasoning", "reasoning of older turns", dropped_reasoning, "careful", scripted=True),
    _case("respelled-arguments", "whole numbers in arguments", respelled_arguments, "careful", scripted=True),
)
