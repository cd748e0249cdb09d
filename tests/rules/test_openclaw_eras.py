"""OpenClaw's rules over whole conversations, era by era: what the model was told stays told, in its place."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from proxy_core.prompt import Prompt, parse
from proxy_core.rules import Normalized, RuleSet, shipped_rules
from proxy_core.rules.recall import Room
from proxy_core.rules.rule import Level
from tests.clients.case import Case
from tests.clients.openclaw import CASES

RULES = tuple(shipped_rules())
ROOM = Room(context=1_000_000, tokens_per_byte=0.25)

Message = dict[str, Any]

# What level `safe` takes out for good: ids and flags that stand for one message, and message stamps.
_TAKEN = re.compile(
    r'\s*"(?:message_id|message_id_full|sender_id|reply_to_id|flags|was_mentioned|is_group_chat|has_\w+|history_count)":'
    r"|\s*[{}\]]$"
)
_STAMP = re.compile(r"^\[\w{3} \d{4}-\d\d-\d\d \d\d:\d\d UTC\] ")
_MOVING = re.compile(r"- \w+ running pid=|Active exec sessions:$|\w+day, \w+ \d+\w\w, \d{4} — ")


class Lane:
    """Requests of one conversation."""

    def __init__(self, level: Level = "safe") -> None:
        self.rules = RuleSet.of(RULES, {}, level)
        self.memory: dict[tuple[str, str], bytes] = {}

    def send(self, *messages: Message, tools: Sequence[str] = ()) -> list[Message]:
        """The messages as forwarded."""
        declared = [{"type": "function", "function": {"name": name}} for name in tools]
        body = {"messages": list(messages), **({"tools": declared} if declared else {})}
        self.sent = json.loads(self.play(parse("chat", json.dumps(body).encode())).body)
        found: list[Message] = self.sent["messages"]
        return found

    def play(self, prompt: Prompt) -> Normalized:
        result = self.rules.apply(prompt, "openclaw", self.memory, ROOM)
        assert result.failures == ()
        self.memory.update(result.writes)
        return result


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def system(text: str) -> Message:
    return {"role": "system", "content": text}


def said(text: str) -> Message:
    return {"role": "assistant", "content": text}


def step(number: int) -> list[Message]:
    """A tool call and its output."""
    function = {"name": "exec", "arguments": "{}"}
    call = {"id": f"c{number}", "type": "function", "function": function}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": f"c{number}", "content": f"output {number}"},
    ]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_nothing_that_a_model_needs_is_lost(case: Case) -> None:
    lane = Lane()
    turn = 0
    for sent in case.requests(True):
        prompt = parse("chat", sent.body)
        told = _text(parse("chat", lane.play(prompt).body))
        begins, turn = sent.turn != turn, sent.turn
        for fact in re.split(r",?\n| \| |Runtime: ", _text(prompt)):
            # Inside a tool loop neither the time nor a carrier is told again.
            if not _TAKEN.match(fact) and (begins or not _MOVING.match(fact)):
                assert _STAMP.sub("", fact) in told


def _text(prompt: Prompt) -> str:
    return "\n".join(segment.text.decode() for segment in prompt.segments)


CLOCK = (
    "You are Clawd.\n## Current Date & Time\nThursday, January 15th, 2026 — {} (UTC)\nTime format: 24-hour"
)


def test_a_clock_is_told_with_each_message() -> None:
    lane = Lane()
    first = lane.send(system(CLOCK.format("14:05")), user("Hello."))
    assert (
        first[1]["content"] == "Hello.\n\nCurrent date and time: Thursday, January 15th, 2026 — 14:05 (UTC)"
    )
    loop = lane.send(system(CLOCK.format("14:06")), user("Hello."), *step(1))
    assert loop[:2] == first
    second = lane.send(system(CLOCK.format("14:09")), user("Hello."), *step(1), said("Hi."), user("More."))
    assert second[:4] == loop
    assert second[-1]["content"].endswith("14:09 (UTC)")


DATE = "You are Pip.\n## Temporal Context\nCurrent date: {}\nTime zone: UTC"


def test_a_date_is_told_when_it_changes() -> None:
    lane = Lane()
    talk: list[Message] = [user("Hello."), said("Hi."), user("More."), said("Yes."), user("Again.")]
    days = ["2026-09-20", "2026-09-20", "2026-09-21"]
    sent = [lane.send(system(DATE.format(day)), *talk[: 2 * n + 1]) for n, day in enumerate(days)]
    assert [message["content"] for message in sent[-1] if message["role"] == "user"] == [
        "Hello.\n\nCurrent date: 2026-09-20",
        "More.",
        "Again.\n\nCurrent date: 2026-09-21",
    ]
    assert sent[2][: len(sent[1])] == sent[1]


RUNTIME = "Runtime: agent=main | host=h | model=m | channel={} | capabilities=none | thinking=off"


def test_a_channel_that_comes_back_is_told_too() -> None:
    lane = Lane()
    talk: list[Message] = [user("a"), said("A"), user("b"), said("B"), user("c"), said("C"), user("d")]
    channels = ["webchat", "telegram", "telegram", "webchat"]
    sent = [lane.send(system(RUNTIME.format(c)), *talk[: 2 * n + 1]) for n, c in enumerate(channels)]
    assert [request[0]["content"] for request in sent] == [RUNTIME.format("webchat")] * 4
    contents = [message["content"] for message in sent[-1] if message["role"] == "user"]
    assert [content.partition("\n\n")[0] for content in contents] == ["a", "b", "c", "d"]
    assert ["channel=telegram" in content for content in contents] == [False, True, False, False]
    assert "channel=webchat" in contents[3]


def test_sessions_share_the_system_prompt() -> None:
    line = (
        "Runtime: name=Pip | agent=main | session=s:{0} | sessionId={0} | host=h | model=m | channel=webchat"
    )
    sent = [Lane().send(system(line.format(n)), user("Hello.")) for n in (1, 2)]
    assert sent[0][0] == sent[1][0]
    assert sent[0][1]["content"] == "Hello.\n\nRuntime: session=s:1 | sessionId=1"


def test_a_group_is_introduced_once() -> None:
    lane = Lane()
    group = 'You are Pip.\n\nYou are in the Telegram group chat "Ops".'
    intro = "Activation: trigger-only (you are invoked only when explicitly mentioned)."
    first = lane.send(system(f"{group}\n\n{intro}\n# Project Context"), user("Hello."))
    second = lane.send(system(f"{group}\n# Project Context"), user("Hello."), said("Hi."), user("More."))
    assert second[: len(first)] == first
    assert first[1]["content"] == f"Hello.\n\n{intro}"
    assert second[-1]["content"] == "More."


BLOCK = 'Sender (untrusted metadata):\n```json\n{"id": "7"}\n```\n\n'
CARRIER = (
    "OpenClaw runtime context for the immediately preceding user message.\n"
    "This context is runtime-generated, not user-authored. Keep internal details private.\n\n"
    "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\n{}\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"
)


@pytest.mark.parametrize("parts", [False, True])
def test_blocks_and_carrier_stay_with_their_message(parts: bool) -> None:
    lane = Lane()
    decorated = f"{BLOCK}[Wed 2026-06-03 20:48 UTC] Hello."
    active = {"role": "user", "content": [{"type": "text", "text": decorated}] if parts else decorated}
    first = lane.send(system("s"), user(CARRIER.format("one")), active)
    assert len(first) == 2
    second = lane.send(system("s"), user("Hello."), said("Hi."), user(CARRIER.format("two")), user("More."))
    assert second[: len(first)] == first
    assert json.dumps(BLOCK)[1:-1] in json.dumps(first[1])
    assert second[-1]["content"] == f"More.\n\n{CARRIER.format('two')}"


def test_a_carrier_at_the_tail_does_not_move() -> None:
    lane = Lane()
    first = lane.send(system("s"), user("Hello."), user(CARRIER.format("none")))
    loop = lane.send(system("s"), user("Hello."), *step(1), user(CARRIER.format("one running")))
    assert loop[: len(first)] == first
    assert loop[-1]["role"] == "tool"
    later = lane.send(
        system("s"), user("Hello."), *step(1), said("Hi."), user("More."), user(CARRIER.format("x"))
    )
    assert later[: len(loop)] == loop
    assert later[-1]["content"] == f"More.\n\n{CARRIER.format('x')}"


def test_an_event_after_an_answer_is_a_turn() -> None:
    """Nothing but the context tells the model what to do then."""
    lane = Lane()
    first = lane.send(system("s"), user("Hello."))
    event = user(CARRIER.format("A job has ended."))
    second = lane.send(system("s"), user("Hello."), said("Hi."), event)
    assert second == [*first, said("Hi."), event]


def test_what_follows_a_merged_carrier_is_a_persons() -> None:
    merged = user(f"{CARRIER.format('none')}\n\nAnd now?")
    talk = [system("s"), user("Hello."), said("Hi."), merged]
    assert Lane().send(*talk) == talk


def test_runtime_context_leaves_the_system_prompt() -> None:
    lane = Lane()
    context = (
        f'{CARRIER.partition("<<<")[0]}Conversation info (untrusted metadata):\n```json\n{{"n": {{}}}}\n```'
    )
    first = lane.send(system(f"You are Pip.\n\n{context.replace('{}', '1')}"), user("Hello."))
    assert first[0]["content"] == "You are Pip."
    second = lane.send(
        system(f"You are Pip.\n\n{context.replace('{}', '2')}"), user("Hello."), said("Hi."), user("More.")
    )
    assert second[:2] == first
    assert '"n": 1' in first[1]["content"]
    assert '"n": 2' in second[-1]["content"]


def test_a_heartbeat_finds_the_whole_prefix() -> None:
    tooling = (
        "You are Pip.\n## Tooling\n- read: Read\n{cron}## Safety\nBe safe.\n{update}## Workspace\nHere.\n"
    )
    tail = "Runtime: agent=main | host=h | model=m | channel={channel}"
    own = (tooling + tail).format(
        cron="- cron: Jobs\n", update="## OpenClaw Self-Update\nAsk.\n", channel="telegram"
    )
    beat = (tooling + tail).format(cron="", update="", channel="heartbeat")
    lane = Lane("aggressive")
    first = lane.send(system(own), user("Hello."), tools=["read", "cron"])
    tools = lane.sent["tools"]
    polled = lane.send(system(beat), user("Hello."), said("Hi."), user("Read HEARTBEAT.md"), tools=["read"])
    assert polled[: len(first)] == first
    assert lane.sent["tools"] == tools
    after = lane.send(system(own), user("Hello."), said("Hi."), user("More."), tools=["read", "cron"])
    assert after[: len(first)] == first
    assert after[-1]["content"] == "More."
