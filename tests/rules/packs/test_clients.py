"""The other clients' conversations: over midnight, with plugins, with what moves from message to message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from tests.rules.packs.kit import Lane, continues, said

_START = datetime(2026, 3, 4, 23, 58, 41)


class Head(NamedTuple):
    """A client's system prompt with a date or a clock, and what the user message says of it."""

    client: str
    system: Callable[[datetime], str]
    told: Callable[[datetime], str]


_HEADS = {
    "opencode": Head(
        "opencode",
        lambda at: f"Long.\n<env>\n  Platform: linux\n  Today's date: {at:%a %b %d %Y}\n</env>\nRules.",
        lambda at: f"[Today's date: {at:%a %b %d %Y}]",
    ),
    "oh-my-openagent": Head(
        "opencode",
        lambda at: (
            f"Long.\n<omo-env>\n  Current date: {at:%a, %b %d, %Y}\n  Current time: {at:%I:%M:%S %p}\n"
            "  Timezone: UTC\n  Locale: en-US\n</omo-env>"
        ),
        lambda at: f"[Current date: {at:%a, %b %d, %Y}, Current time: {at:%I:%M %p}]",
    ),
    "opencode-agent-memory": Head(
        "opencode",
        lambda at: (
            f"<memory_metadata>\n- The current system date is: {at:%Y-%m-%dT%H:%M:%S}.123Z\n"
            "- Use memory tools\n</memory_metadata>"
        ),
        lambda at: f"[The current system date is: {at:%Y-%m-%dT%H:%M}Z]",
    ),
    "hermes": Head(
        "hermes",
        lambda at: f"Long.\n\nConversation started: {at:%A, %B %d, %Y %I:%M %p}\nModel: qwen",
        lambda at: f"[Conversation started: {at:%A, %B %d, %Y}]",
    ),
    "goose": Head(
        "goose",
        lambda at: f"Long.\nThe current date is {at:%Y-%m-%d %H}:00.\nMore.",
        lambda at: f"[The current date is {at:%Y-%m-%d %H}:00]",
    ),
    "librechat": Head(
        "librechat",
        lambda at: f"# `web_search`:\nCurrent Date & Time: {at:%Y-%m-%dT%H:%M:%S}.919Z\n\nLong.",
        lambda at: f"[Current Date & Time: {at:%Y-%m-%dT%H:%M}Z]",
    ),
    "home-assistant": Head(
        "home-assistant",
        lambda at: f"Current time is {at:%H:%M:%S}. Today's date is {at:%Y-%m-%d}.\nLong.",
        lambda at: f"[Current time is {at:%H:%M}. Today's date is {at:%Y-%m-%d}.]",
    ),
    "n8n": Head(
        "n8n",
        lambda at: f"Agent.\nThe user's current local date and time is: {at:%Y-%m-%dT%H:%M:%S}.5+01:00. So.",
        lambda at: f"[The user's current local date and time is: {at:%Y-%m-%dT%H:%M}+01:00]",
    ),
    "zed": Head(
        "zed",
        lambda at: f"Long.\n\n## System Information\n\nToday's Date: {at:%Y-%m-%d}\n\n## Rules\n\nMore.",
        lambda at: f"[Today's Date: {at:%Y-%m-%d}]",
    ),
    "pi": Head(
        "pi",
        lambda at: f"Long.\nCurrent date: {at:%Y-%m-%d}\nCurrent working directory: /w",
        lambda at: f"[Current date: {at:%Y-%m-%d}]",
    ),
    "older pi": Head(
        "pi",
        lambda at: f"Long.\nCurrent date and time: {at:%A, %B %d, %Y} at {at:%I:%M:%S %p} PDT\n",
        lambda at: f"[Current date and time: {at:%A, %B %d, %Y} at {at:%I:%M %p} PDT]",
    ),
    "pi_agent_rust": Head(
        "pi",
        lambda at: f"Long.\nCurrent date and time: {at:%A, %B %d, %Y, %I:%M:%S %p} +03:00",
        lambda at: f"[Current date and time: {at:%A, %B %d, %Y, %I:%M %p} +03:00]",
    ),
    "oh-my-pi": Head(
        "pi",
        lambda at: f"Long.\nToday is {at:%A, %B %d, %Y}, and the current working directory is '/w'.\n\nMore.",
        lambda at: f"[Today is {at:%A, %B %d, %Y}]",
    ),
    "aider": Head(
        "aider",
        lambda at: f"Act.\n- Platform: Linux\n- Current date: {at:%Y-%m-%d}\n- The user\n",
        lambda at: f"[Current date: {at:%Y-%m-%d}]",
    ),
    "older aider": Head(
        "aider",
        lambda at: f"Act.\n- Platform: Linux\n- Current date/time: {at:%Y-%m-%dT%H:%M:%S}+0100\n",
        lambda at: f"[Current date/time: {at:%Y-%m-%dT%H:%M}+0100]",
    ),
    "continue": Head(
        "continue",
        lambda at: f"Long.\n<env>\nPlatform: linux\nToday's date: {at:%Y-%m-%d}\n</env>\n\nMore.",
        lambda at: f"[Today's date: {at:%Y-%m-%d}]",
    ),
}


@pytest.mark.parametrize("name", _HEADS)
def test_over_midnight_every_prompt_begins_with_the_one_before(name: str) -> None:
    client, system, told = _HEADS[name]
    lane = Lane(client)
    talk = said("One.", "1", "Two.", "2", "Three.")
    times = [_START, _START + timedelta(seconds=30), _START + timedelta(minutes=4)]
    requests = [lane.chat(system(at), *talk[: 2 * n + 1]) for n, at in enumerate(times)]
    assert continues(requests[1], requests[0])
    assert continues(requests[2], requests[1])
    # What left the system prompt is told, where it changed and not else.
    notes = [message["content"].partition("\n\n")[2] for message in requests[2][1::2]]
    wanted = [told(at) for at in times]
    expected = [wanted[0], "" if wanted[1] == wanted[0] else wanted[1], wanted[2]]
    # The note of a client's own rule comes first; see test_nothing_is_told_twice for the others.
    assert [note.partition("\n\n")[0] for note in notes] == expected


@pytest.mark.parametrize("name", _HEADS)
def test_conversations_of_two_days_share_their_system_prompt(name: str) -> None:
    client, system, _ = _HEADS[name]
    days = [_START, _START + timedelta(days=3)]
    one, other = (Lane(client).chat(system(at), *said("Hi."))[0] for at in days)
    assert one == other


@pytest.mark.parametrize("name", _HEADS)
def test_the_rule_of_a_client_leaves_the_same_text_of_a_person_alone(name: str) -> None:
    client, system, _ = _HEADS[name]
    talk = said(system(_START))
    assert Lane(client).chat("Be brief.", *talk)[1:] == talk


def moment(tag: str, spelled: str, at: datetime) -> str:
    return f"<{tag}>\n{spelled} {at:%Y-%m-%d %H:%M:%S}\nWorking directory: /w\n</{tag}>"


@pytest.mark.parametrize(
    ("tag", "spelled"),
    [("info-msg", "It is currently"), ("info-msg", "Datetime:"), ("info_msg", "Datetime:")],
)
@pytest.mark.parametrize("place", ["before the newest answer", "last", "head", "end"])
def test_gooses_moment_stays_with_the_turn_that_it_first_came_with(
    tag: str, spelled: str, place: str
) -> None:
    """A loop of two tool calls, then a second turn."""
    talk: list[dict[str, Any]] = [
        {"role": "user", "content": "List."},
        _call("a"),
        {"role": "tool", "tool_call_id": "a", "content": "a.py"},
        _call("b"),
        {"role": "tool", "tool_call_id": "b", "content": "b.py"},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "Thanks."},
    ]
    lane = Lane("goose")
    sent: list[list[dict[str, Any]]] = []
    for number, length in enumerate((1, 3, 5, 7)):
        text = moment(tag, spelled, _START + timedelta(seconds=40 * number))
        sent.append(lane.chat("Long.", *_with_moment(talk[:length], text, place)))
    for before, after in pairwise(sent):
        assert continues(after, before)
    contents = [str(message["content"]) for message in sent[-1] if message["role"] == "user"]
    assert contents == [
        f"List.\n\n{moment(tag, spelled, _START)}".replace(":41\n", "\n"),
        f"Thanks.\n\n{moment(tag, spelled, _START + timedelta(minutes=2))}".replace(":41\n", "\n"),
    ]


def _call(name: str) -> dict[str, Any]:
    function = {"name": "ls", "arguments": "{}"}
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": name, "type": "function", "function": function}],
    }


def _with_moment(talk: Sequence[dict[str, Any]], text: str, place: str) -> list[dict[str, Any]]:
    """Where Goose puts its context: a message of its own, or merged with the newest one of a person."""
    own = {"role": "user", "content": text}
    if place == "last":
        return [*talk, own]
    newest = max(n for n, message in enumerate(talk) if message["role"] == "user")
    if place == "before the newest answer":
        answers = [n for n, message in enumerate(talk) if message["role"] == "assistant"]
        at = answers[-1] if answers else 0
        return [*talk[:at], own, *talk[at:]]
    words = talk[newest]["content"]
    merged = f"{text}\n{words}" if place == "head" else f"{words}\n{text}"
    return [*talk[:newest], {"role": "user", "content": merged}, *talk[newest + 1 :]]


def qwen(at: datetime, *files: str, wrapped: bool = False) -> list[dict[str, Any]]:
    text = (
        "This is the Qwen Code. We are setting up the context for our chat.\n"
        f"Today's date is {at:%A, %B} {at.day}, {at:%Y}.\n"
        "My operating system is: linux\nI'm currently working in the directory: /w\n"
        "Here is the folder structure of the current working directories:\n\n/w\n" + "\n".join(files)
    )
    text = f"<system-reminder>\n{text}\n</system-reminder>" if wrapped else text
    return [{"role": "user", "content": text}, {"role": "assistant", "content": "Got it."}]


@pytest.mark.parametrize("wrapped", [False, True])
def test_qwen_codes_first_message_holds_still(wrapped: bool) -> None:
    lane = Lane("qwen-code")
    talk = said("One.", "1", "Two.", "2", "Three.")
    first = lane.chat("Long.", *qwen(_START, "├── a.py", wrapped=wrapped), *talk[:1])
    second = lane.chat("Long.", *qwen(_START, "├── a.py", "├── b.py", wrapped=wrapped), *talk[:3])
    tomorrow = _START + timedelta(days=1)
    third = lane.chat("Long.", *qwen(tomorrow, "├── a.py", "├── b.py", wrapped=wrapped), *talk)
    assert continues(second, first)
    assert continues(third, second)
    users = [message["content"] for message in third if message["role"] == "user"]
    assert "2026" not in users[0]
    assert users[1] == "One.\n\n[Today's date is Wednesday, March 4, 2026.]"
    assert users[2] == "Two.\n\n[The folder structure has changed]\n/w\n├── a.py\n├── b.py"
    assert users[3] == "Three.\n\n[Today's date is Thursday, March 5, 2026.]"


def test_codex_environment_items_hold_still() -> None:
    lane = Lane("codex", api="responses")

    def item(text: str, role: str = "user") -> dict[str, Any]:
        return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}

    def environment(day: str) -> dict[str, Any]:
        lines = ("<cwd>/w</cwd>", f"<current_date>{day}</current_date>")
        inside = "".join(f"  {line}\n" for line in lines)
        return item(f"<environment_context>\n{inside}</environment_context>")

    guide = item("# AGENTS.md instructions for /w\n\nBe brief.")
    one, two = item("One."), item("Two.")
    answer = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "1"}]}
    first = lane.send({"input": [guide, environment("2026-03-04"), one]})["input"]
    # Made anew on another day, as when a session goes on.
    second = lane.send({"input": [guide, environment("2026-03-05"), one, answer, two]})["input"]
    assert continues(second, first)
    assert second[2]["content"][0]["text"] == "One.\n\n[Current date: 2026-03-04]"
    assert second[4]["content"][0]["text"] == "Two.\n\n[Current date: 2026-03-05]"


def test_opencodes_reminder_moves_and_the_older_message_keeps_it() -> None:
    lane = Lane("opencode")
    reminder = {"type": "text", "text": "<system-reminder>\nYou may change files now.\n</system-reminder>"}

    def build(text: str) -> dict[str, Any]:
        return {"role": "user", "content": [{"type": "text", "text": text}, reminder]}

    plan = said("Plan.", "Planned.")
    first = lane.chat("Long.", *plan, build("Build."))
    loop = lane.chat("Long.", *plan, build("Build."), *said("x", "Built.")[1:])
    second = lane.chat("Long.", *plan, *said("Build.", "Built."), build("Test."))
    assert continues(loop, first)
    assert continues(second, loop)
    assert second[-1] == build("Test.")


def test_open_webuis_memories_go_with_the_question_that_found_them() -> None:
    lane = Lane("open-webui")

    def system(memory: str) -> str:
        return f"Long.\nUser Context:\n1. [2026-01-04] {memory}\n"

    first = lane.chat(system("Likes tea"), *said("Tea?"))
    second = lane.chat(system("Lives in Ulm"), *said("Tea?", "Yes.", "Where?"))
    assert continues(second, first)
    assert second[1]["content"] == "Tea?\n\nUser Context:\n1. [2026-01-04] Likes tea"
    assert second[3]["content"] == "Where?\n\nUser Context:\n1. [2026-01-04] Lives in Ulm"


def test_open_webuis_documents_stay_with_their_question_at_careful() -> None:
    task = "### Task:\nRespond to the user query using the provided context.\n\n<context>\n{}\n</context>\n\n"
    asked = said(f"{task.format('Tea is hot.')}Is it?")
    later = [*said("Is it?", "Yes."), *said(f"{task.format('Ice is cold.')}And ice?")]
    lane = Lane("open-webui", "careful")
    assert continues(lane.chat("Long.", *asked), [{"role": "system", "content": "Long."}])
    second = lane.chat("Long.", *later)
    assert second[1] == asked[0]
    assert second[3] == later[2]


def test_home_assistants_satellites_share_one_prompt() -> None:
    def system(area: str) -> str:
        where = f"You are in area {area} and all generic commands like 'lights on' should target this area."
        return f"You are a voice assistant.\n{where}\nStatic Context: lights"

    heads = [Lane("home-assistant").chat(system(area), *said("Light on.")) for area in ("Kitchen", "Study")]
    assert heads[0][0] == heads[1][0]
    assert "Kitchen" in heads[0][1]["content"]
    assert "Study" in heads[1][1]["content"]


def hermes(memory: str, used: int, profile: str = "Gardener") -> str:
    rule = "═" * 46
    notes = f"MEMORY (your personal notes) [{used // 22}% — {used:,}/2,200 chars]"
    person = f"USER PROFILE (who the user is) [1% — {len(profile)}/1,375 chars]"
    return (
        f"You are Hermes Agent.\n\n{rule}\n{notes}\n{rule}\n{memory}\n\n"
        f"{rule}\n{person}\n{rule}\n{profile}\n\n"
        "# Project Context\n\nRules.\n\nConversation started: Wednesday, March 04, 2026"
    )


def test_hermes_memories_hold_still_and_what_is_new_is_told() -> None:
    lane = Lane("hermes")
    talk = said("One.", "1", "Two.", "2", "Three.")
    first = lane.chat(hermes("Likes tea", 1085), *talk[:1])
    second = lane.chat(hermes("Likes tea\n§\nLives in Ulm", 1122), *talk[:3])
    third = lane.chat(hermes("Likes tea\n§\nLives in Ulm", 1122, "Gardener in Ulm"), *talk)
    assert continues(second, first)
    assert continues(third, second)
    assert "Lives in Ulm" in second[3]["content"]
    assert "1,122/2,200" in second[3]["content"]
    assert "Gardener" not in second[3]["content"]
    assert "Gardener in Ulm" in third[5]["content"]
    assert "Lives in Ulm" not in third[5]["content"]


def test_aiders_repository_map_holds_still_at_careful() -> None:
    head = "Here are summaries of some files present in my git repository.\n\n"
    pair = {"role": "assistant", "content": "Ok, I won't try and edit those files without asking first."}
    lane = Lane("aider", "careful")
    talk = said("One.", "1", "Two.")
    first = lane.chat("Act.", {"role": "user", "content": f"{head}a.py"}, pair, *talk[:1])
    second = lane.chat("Act.", {"role": "user", "content": f"{head}b.py"}, pair, *talk)
    assert continues(second, first)
    assert second[-1]["content"] == f"Two.\n\n{head}b.py"


@pytest.mark.parametrize("client", ["roo-code", "cline", "kilo-code"])
def test_environment_details_come_again_as_they_were_and_stay(client: str) -> None:
    details = (
        "<environment_details>\n# Current Time\nCurrent time in ISO 8601 UTC format: 2026-01-05T17:07:12Z\n"
    )
    parts = [{"type": "text", "text": "List."}, {"type": "text", "text": f"{details}</environment_details>"}]
    talk = [{"role": "user", "content": parts}]
    for level in ("safe", "careful", "aggressive"):
        assert Lane(client, level).chat("Long.", *talk)[1:] == talk
