"""Claude Code's conversations, on Anthropic's API and behind gateways."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.packs.kit import Lane, continues, said

_IDENTITY = "You are Claude Code, Anthropic's official CLI for Claude."
_HEADERS = [
    "x-anthropic-billing-header: cc_version=2.1.37.0d9; cc_entrypoint=cli; cch=fa690;",
    "x-anthropic-billing-header: cc_version=2.1.69.473; cc_entrypoint=sdk-cli; cch=00000;",
    "x-anthropic-billing-header: cc_version=2.1.220.473; cc_entrypoint=sdk-cli;",
]


def text(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": each} for each in texts]


def reminder(inside: str) -> str:
    return f"<system-reminder>\n{inside}\n</system-reminder>"


def git(*changed: str) -> str:
    return "\n".join(
        [
            "gitStatus: This is the git status at the start of the conversation. Note that it is a snapshot.",
            "",
            "Current branch: main",
            "",
            "Status:",
            *(changed or ["(clean)"]),
            "",
            "Recent commits:",
            "8e7b756 Map effort",
        ]
    )


def anthropic(lane: Lane, system: Any, *messages: dict[str, Any]) -> dict[str, Any]:
    return lane.send({"system": system, "messages": list(messages)})


@pytest.mark.parametrize("header", _HEADERS)
def test_the_billing_header_goes_in_each_form(header: str) -> None:
    blocks = anthropic(Lane("claude-code", api="messages"), text(header, _IDENTITY), *said("Hi."))["system"]
    assert [block["text"] for block in blocks] == ["", _IDENTITY]
    for between in ("", "\n", "\r\n", " ", "\n\n"):
        whole = f"{header}{between}{_IDENTITY}"
        assert anthropic(Lane("claude-code", api="messages"), whole, *said("Hi."))["system"] == _IDENTITY
        assert Lane("claude-code").chat(whole, *said("Hi."))[0]["content"] == _IDENTITY


def test_sub_agents_and_conversations_share_their_beginning() -> None:
    heads = [
        anthropic(Lane("claude-code", api="messages"), f"{header}\n{_IDENTITY}", *said("Hi."))
        for header in _HEADERS
    ]
    assert heads[0] == heads[1] == heads[2]


@pytest.mark.parametrize(
    "system",
    [
        f"{_IDENTITY}\nx-anthropic-billing-header: cc_version=2.1.37.0d9;",
        "x-anthropic-billing-header:",
        "x-anthropic-billing-headers: cc_version=2.1.37.0d9;",
    ],
)
def test_what_is_no_header_stays(system: str) -> None:
    assert Lane("claude-code").chat(system, *said("Hi."))[0]["content"] == system


def test_the_header_of_another_client_is_not_ours_to_judge() -> None:
    assert Lane("opencode").chat(_HEADERS[0], *said("Hi."))[0]["content"] == _HEADERS[0]


def test_a_changed_git_status_is_told_once_where_it_changed() -> None:
    lane = Lane("claude-code", api="messages")

    def sent(status: str, *messages: dict[str, Any]) -> tuple[Any, list[Any]]:
        body = anthropic(lane, text(_IDENTITY, f"Rules.\n\n{status}\n\nThe end."), *messages)
        return body["system"], body["messages"]

    talk = said("One.", "1", "Two.", "2", "Three.", "3", "Four.")
    system, first = sent(git(), *talk[:1])
    _, second = sent(git(" M a.py"), *talk[:3])
    _, third = sent(git(" M a.py"), *talk[:5])
    later, fourth = sent(git(" M a.py", " M b.py"), *talk)
    assert later == system
    assert continues(second, first)
    assert continues(third, second)
    assert continues(fourth, third)
    contents = [str(message["content"]) for message in fourth]
    assert [" M a.py" in each for each in contents] == [False, False, True, False, False, False, True]
    assert [" M b.py" in each for each in contents] == [False, False, False, False, False, False, True]
    assert contents[2].startswith("Two.\n\n<system-reminder>\nThe git status has changed")


def test_a_status_that_changes_within_a_tool_loop_waits_for_the_next_turn() -> None:
    lane = Lane("claude-code", api="messages")
    turn = said("One.", "1")
    anthropic(lane, git(), turn[0])
    body = anthropic(lane, git(" M a.py"), turn[0], turn[1])
    assert body["system"] == git()
    assert body["messages"] == turn


def test_reminders_stay_as_first_sent() -> None:
    lane = Lane("claude-code", api="messages")
    tools = reminder("Deferred tools:\n" + "\n".join(f"mcp__a__{n}" for n in range(40)))
    nudge = reminder("Token usage: 20000/200000; 180000 remaining")
    first = {"role": "user", "content": text(tools, "List the files.", nudge)}
    begun = anthropic(lane, _IDENTITY, first)["messages"]
    # On resume the list shrinks until the servers are back, and the nudge has gone.
    resumed = {"role": "user", "content": text(reminder("Deferred tools:\nnone"), "List the files.")}
    assert begun == [first]
    then = anthropic(lane, _IDENTITY, resumed, *said("x", "None.", "Thanks.")[1:])["messages"]
    assert continues(then, begun)
    assert then[-1] == {"role": "user", "content": "Thanks."}


def test_a_message_that_a_person_edited_is_sent_as_edited() -> None:
    lane = Lane("claude-code", api="messages")
    anthropic(lane, _IDENTITY, {"role": "user", "content": text(reminder("a"), "List the files.")})
    edited = {"role": "user", "content": text("List the folders.")}
    assert anthropic(lane, _IDENTITY, edited)["messages"] == [edited]


def test_a_cache_marker_that_moves_on_is_no_change() -> None:
    lane = Lane("claude-code", api="messages")
    marked = {"role": "user", "content": [{**text("Hi.")[0], "cache_control": {"type": "ephemeral"}}]}
    anthropic(lane, _IDENTITY, marked)
    anthropic(lane, _IDENTITY, {"role": "user", "content": text("Hi.")}, *said("x", "Ho.", "So.")[1:])
    assert lane.edits == ()


def test_token_counts_go_at_careful() -> None:
    nudge = reminder("Token usage: 50000/200000; 150000 remaining")
    result = {"type": "tool_result", "tool_use_id": "t1", "content": f"3 files\n\n{nudge}"}
    body = {"role": "user", "content": [result, *text(nudge, "Go on.")]}
    safe = anthropic(Lane("claude-code", api="messages"), _IDENTITY, body)
    assert safe["messages"] == [body]
    careful = anthropic(Lane("claude-code", "careful", "messages"), _IDENTITY, body)
    parts = careful["messages"][0]["content"]
    assert parts[0]["content"] == "3 files"
    assert "".join(part["text"] for part in parts[1:]) == "Go on."


def test_the_date_of_the_environment_moves() -> None:
    system = f"{_IDENTITY}\n<env>\nPlatform: linux\nToday's date: 2026-01-04\n</env>"
    first, user = Lane("claude-code").chat(system, *said("Hi."))
    assert "2026" not in first["content"]
    assert user["content"] == "Hi.\n\n[Today's date: 2026-01-04]"


def test_a_system_message_in_between_becomes_a_users_when_it_is_switched_on() -> None:
    talk = [*said("Hi."), {"role": "system", "content": "Plan mode is on."}]
    for level in ("safe", "careful", "aggressive"):
        assert Lane("claude-code", level).chat("Be brief.", *talk)[1:] == talk
    lane = Lane("claude-code", "careful")
    lane.rules = lane.rules.toggled("any.mid-system", True)
    assert lane.chat("Be brief.", *talk)[2] == {"role": "user", "content": reminder("Plan mode is on.")}
