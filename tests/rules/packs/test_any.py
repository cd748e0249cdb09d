"""Rules for every client, and for those that nobody knows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.rules.rule import Level
from tests.rules.packs.kit import Lane, continues, said


def told(system: str, level: Level = "safe") -> tuple[str, str]:
    """What a system prompt becomes, and what the user message gets."""
    first, user = Lane(None, level).chat(system, *said("Hello."))
    return first["content"], user["content"].removeprefix("Hello.").strip()


@pytest.mark.parametrize(
    ("clock", "moved"),
    [
        ("Current time is 20:37:19", "Current time is 20:37"),
        ("Current date: 2026-05-22", "Current date: 2026-05-22"),
        ("**Current Date:** 2026-05-22", "**Current Date:** 2026-05-22"),
        ("**Current date: 2026-05-22**", "**Current date: 2026-05-22**"),
        ("Today's date: Sun Jan 04 2026", "Today's date: Sun Jan 04 2026"),
        ("Today’s date is January 4th, 2026", "Today’s date is January 4th, 2026"),
        ("Today is Monday, 5 January 2026", "Today is Monday, 5 January 2026"),
        ("It is now 2026-01-05 17:07:12.345+01:00", "It is now 2026-01-05 17:07+01:00"),
        ("It is currently January 05, 2026 at 05:07:31 PM", "It is currently January 05, 2026 at 05:07 PM"),
        ("current_time: 2026-01-05T17:07:12Z", "current_time: 2026-01-05T17:07Z"),
        ("The local time is 1/5/2026, 5:07:12 PM (UTC+1)", "The local time is 1/5/2026, 5:07 PM (UTC+1)"),
        (
            "The user's current local date and time is: 2026-03-04T10:11:12.000+01:00 (timezone: Asia/Tokyo)",
            "The user's current local date and time is: 2026-03-04T10:11+01:00 (timezone: Asia/Tokyo)",
        ),
    ],
)
@pytest.mark.parametrize("frame", ["{}", "You help.\n- {}\nBe brief.", "You help. {}. Be brief."])
def test_a_clock_moves_to_the_user_message_down_to_the_minute(clock: str, moved: str, frame: str) -> None:
    system, note = told(frame.replace("{}", clock))
    assert note == f"[{moved}]"
    assert system == frame.replace("{}", "(date and time: in the user's messages)")


@pytest.mark.parametrize(
    "text",
    [
        "The current time complexity is 10:20:30.",
        "Call get_time when the current time is needed.",
        "Meetings on 2026-01-05 are at 17:07:00.",
        "Today is a good day.",
        "Released: 2026-01-05T17:07:12Z",
        "Conversation Date & Time: 2026-04-12T23:38:40.919Z",
        '{"current_time": "2026-01-05T17:07:12Z"}',
        'current_time: "2026-01-05T17:07:12Z"',
        "If the current time is 10:00:00, say good morning.",
        "- Current time is 10:00: say good morning.",
    ],
)
def test_other_dates_stay_where_they_are(text: str) -> None:
    assert told(f"You help.\n{text}\nBe brief.") == (f"You help.\n{text}\nBe brief.", "")


def test_a_sentence_may_tell_both() -> None:
    system, note = told("Be kind. The current date is 2026-01-05 and the time is 17:07:12.")
    place = "(date and time: in the user's messages)"
    assert system == f"Be kind. {place} and {place}."
    assert note == "[The current date is 2026-01-05]\n\n[the time is 17:07]"


def test_hours_and_minutes_alone_move_at_careful() -> None:
    system = "You help.\nThe current time is 5:07 PM.\n"
    assert told(system) == (system, "")
    assert told(system, "careful")[1] == "[The current time is 5:07 PM]"


def test_the_clock_of_each_turn_stays_with_its_message() -> None:
    lane = Lane(None)
    one = lane.chat("Now: 2026-01-05 17:07:12", *said("Hi."))
    loop = lane.chat("Now: 2026-01-05 17:07:40", *said("Hi.", "Hello."))
    two = lane.chat("Now: 2026-01-05 17:09:02", *said("Hi.", "Hello.", "And?"))
    again = lane.chat("Now: 2026-01-05 17:11:02", *said("Hi.", "Hello.", "And?", "So.", "Yes."))
    assert continues(loop, one)
    assert continues(two, loop)
    assert continues(again, two)
    contents = [message["content"] for message in again]
    assert contents[1] == "Hi.\n\n[Now: 2026-01-05 17:07]"
    assert contents[3] == "And?\n\n[Now: 2026-01-05 17:09]"
    assert contents[5] == "Yes.\n\n[Now: 2026-01-05 17:11]"


def test_two_conversations_share_their_beginning() -> None:
    days = ("Monday, March 9, 2026", "Tuesday, March 10, 2026")
    heads = [Lane(None).chat(f"Long prompt.\nToday is {day}.\n", *said("Hi."))[0] for day in days]
    assert heads[0] == heads[1]


@given(st.text(max_size=200))
def test_a_system_prompt_without_digits_is_left_alone(text: str) -> None:
    text = "".join(letter for letter in text if not letter.isdigit())
    assert told(text, "careful") == (text, "")


@given(
    st.lists(
        st.sampled_from(["Current date: 2026-05-22", "It is now 17:07:12", "Be brief.", "", "- a", "2026"]),
        max_size=8,
    )
)
def test_what_was_moved_once_is_not_moved_again(lines: list[str]) -> None:
    system, _ = told("\n".join(lines), "careful")
    assert told(system, "careful") == (system, "")


def test_tools_keep_their_order_and_spelling_and_new_ones_come_last() -> None:
    lane = Lane(None)

    def sent(*tools: dict[str, Any]) -> list[Any]:
        found: list[Any] = lane.send({"messages": said("Hi."), "tools": list(tools)})["tools"]
        return [list(tool["function"].items()) for tool in found]

    read = {"type": "function", "function": {"name": "read", "description": "Reads."}}
    write = {"type": "function", "function": {"name": "write", "description": "Writes."}}
    turned = {"type": "function", "function": {"description": "Reads.", "name": "read"}}
    web = {"type": "function", "function": {"name": "web"}}
    first = sent(read, write)
    assert sent(web, write, turned)[:2] == first
    assert [dict(tool)["name"] for tool in sent(web, write, turned)] == ["read", "write", "web"]
    # A tool that is gone is gone below `aggressive`: the model is not offered what the client would refuse.
    assert [dict(tool)["name"] for tool in sent(write)] == ["write"]


def test_a_tool_that_vanished_is_kept_at_aggressive() -> None:
    lane = Lane(None, "aggressive")
    body = {"messages": said("Hi."), "tools": [{"type": "function", "function": {"name": n}} for n in "abc"]}
    lane.send(body)
    fewer = {**body, "tools": body["tools"][::2]}
    assert lane.send(fewer)["tools"] == body["tools"]


def test_a_changed_description_is_held_at_careful_only() -> None:
    def second(level: Level) -> Any:
        lane = Lane(None, level)
        for channel in ("telegram", "signal"):
            tool = {"type": "function", "function": {"name": "message", "description": f"To {channel}."}}
            sent = lane.send({"messages": said("Hi."), "tools": [tool]})
        return sent["tools"][0]["function"]["description"]

    assert second("safe") == "To signal."
    assert second("careful") == "To telegram."
