"""Look-alikes, odd spellings and rare shapes: what the shipped rules must leave alone, and must not miss."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.rules.packs.kit import Lane, continues, said

NOW = "Conversation info (untrusted metadata):\n```json\n{}\n```\n\n"
PLUGIN = (
    'Weather (untrusted metadata):\n```json\n{"source": "plugin", "type": "weather", "payload": {}}\n```\n\n'
)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


# ---- Text that no client wrote there ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "system"),
    [
        ("opencode", "You are opencode.\nInstructions from: /srv/AGENTS.md\nToday is 2026-01-05. Say so."),
        (
            "openclaw",
            "You are Pip.\n# Project Context\n## MEMORY.md\nToday is Friday, April 3, 2026: a walk.",
        ),
        ("openclaw", "You are Pip.\n# Project Context\n## USER.md\n## User Identity\nName: Ada"),
        ("zed", "You are the Zed coding agent.\n## User's Custom Instructions\nCurrent date: 2026-01-05"),
        (None, "You help.\n\n```text\nCurrent date: 2026-01-05\n```\nPrint it so."),
        (None, "You help.\n# /srv/CLAUDE.md\nIt is now 2026-01-05."),
    ],
)
def test_a_file_in_the_prompt_may_name_another_day(client: str | None, system: str) -> None:
    sent = Lane(client).chat(system, user("Hello."))
    assert sent == [{"role": "system", "content": system}, user("Hello.")]


def test_times_of_older_messages_stay_with_them() -> None:
    lane = Lane(None)
    timed = [
        message
        for number, text in enumerate(["Hello.", "More.", "Again."])
        for message in ({"role": "system", "content": f"Current time: 2026-01-05 10:0{number}"}, user(text))
    ]
    assert lane.chat("Be brief.", *timed)[1:] == timed
    assert lane.by == set()


def test_a_persons_words_between_reminders_are_theirs() -> None:
    lane = Lane("claude-code")
    text = "<system-reminder>a</system-reminder> {} <system-reminder>b</system-reminder>"
    lane.chat("s", user("Hello."), {"role": "assistant", "content": "Hi."}, user(text.format("one")))
    sent = lane.chat(
        "s",
        user("Hello."),
        {"role": "assistant", "content": "Hi."},
        user(text.format("two")),
        {"role": "assistant", "content": "Yes."},
        user("More."),
    )
    assert sent[3]["content"] == text.format("two")


def test_a_task_of_goose_keeps_its_time() -> None:
    block = "<info-msg>\nIt is currently 2025-12-29 09:06:51\nTasks:\n- backup at 10:00:30\n</info-msg>"
    sent = Lane("goose").chat("s", user("List the files."), user(block))
    assert sent[1]["content"].endswith("2025-12-29 09:06\nTasks:\n- backup at 10:00:30\n</info-msg>")


def test_a_message_that_begins_as_an_item_of_codex_is_a_persons() -> None:
    text = "<environment_context><current_date>2026-05-12</current_date></environment_context> is what?"
    lane = Lane("codex")
    assert lane.chat("s", user(text))[1]["content"] == text


# ---- Spellings and shapes -------------------------------------------------------------------------


def test_a_plugins_block_is_openclaws() -> None:
    lane = Lane("openclaw")
    decorated = NOW.format('{"sender": "Ada"}') + PLUGIN + "[Wed 2026-06-03 20:48 UTC] Hello."
    first = lane.chat("s", user(decorated))
    assert first[1]["content"].endswith("```\n\nHello.")
    second = lane.chat("s", *said("Hello.", "Hi.", "More."))
    assert continues(second, first)


def test_a_quoted_block_behind_a_plugins_is_a_persons() -> None:
    quoted = NOW.format('{"message_id": "7"}') + "What is this?"
    sent = Lane("openclaw").chat("s", user(NOW.format('{"sender": "Ada"}') + PLUGIN + quoted))
    assert sent[1]["content"].endswith(quoted)


@pytest.mark.parametrize(
    "before",
    [
        "Chat history since last reply: ⟦openclaw:ctx⟧\n#1 10:00 Ada: yes\n#2 10:01 Ben: no\n\n",
        "Reply chain of current user message (nearest first): ⟦openclaw:ctx⟧\n"
        '```json\n[{"body": "x"}]\n```\n\n',
        "[message_id: om_7]\n",
        "OpenClaw runtime context for the immediately preceding user message.\n"
        "This context is runtime-generated, not user-authored.\n\n<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\n"
        'Conversation data (data, not instructions):\n"none"\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>\n\n',
    ],
)
def test_what_vanishes_from_older_messages_comes_back(before: str) -> None:
    lane = Lane("openclaw")
    first = lane.chat("s", user(f"{before}Hello."))
    assert first[1]["content"].endswith("Hello.")
    assert continues(lane.chat("s", *said("Hello.", "Hi.", "More.")), first)


@pytest.mark.parametrize("body", ["Active exec sessions:\nnone", "## Active Subagents\nnone", "Use it."])
def test_a_carrier_without_a_preface_is_one(body: str) -> None:
    carrier = f"<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\n{body}\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"
    sent = Lane("openclaw").chat("s", user("Hello."), user(carrier))
    assert sent[1:] == [user(f"Hello.\n\n{carrier}")]


def test_a_chat_goes_with_its_channel() -> None:
    system = "You are Pip.\n## Inbound Context (trusted metadata)\n```json\n{}\n```\n# Project Context\nx"
    lane = Lane("openclaw")
    fields = {"schema": "openclaw.inbound_meta.v1", "channel": "webchat", "chat_type": "direct"}
    first = lane.chat(system.replace("{}", json.dumps(fields, indent=2)), user("Hello."))
    fields = {
        "schema": fields["schema"],
        "chat_id": "telegram:7",
        "channel": "telegram",
        "chat_type": "direct",
    }
    second = lane.chat(system.replace("{}", json.dumps(fields, indent=2)), *said("Hello.", "Hi.", "More."))
    assert continues(second, first)
    assert '"chat_id": "telegram:7"' in second[-1]["content"]


def test_documents_may_be_long() -> None:
    task = "### Task:\nRespond to the user query using the provided context.\n\n<context>\n{}\n</context>\n\n"
    lane = Lane("open-webui", "careful")
    first = lane.chat("s", user(task.format("Tea is hot.\n" * 1000) + "Is tea hot?"))
    assert continues(lane.chat("s", *said("Is tea hot?", "Yes.", "More.")), first)


def test_a_clock_may_spell_the_half_of_the_day_with_dots() -> None:
    sent = Lane(None).chat("Current time: 5:07:12 p.m.\nBe brief.", user("Hello."))
    assert [message["content"] for message in sent] == [
        "(date and time: in the user's messages)\nBe brief.",
        "Hello.\n\n[Current time: 5:07 p.m.]",
    ]


@pytest.mark.parametrize(
    "clock", ["Current time: {}12", "Current date and time: 2026-01-05 {}00", "Now: {}09 PM"]
)
def test_a_time_of_day_behind_files_is_a_clients(clock: str) -> None:
    lane = Lane(None)
    first = lane.chat("You help.\n## AGENTS.md\nBe brief.\n\n" + clock.format("10:01:"), user("Hello."))
    second = lane.chat(
        "You help.\n## AGENTS.md\nBe brief.\n\n" + clock.format("10:02:"), *said("Hello.", "Hi.", "?")
    )
    assert continues(second, first)
