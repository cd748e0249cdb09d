"""`relocate` and `freeze`: what changes leaves the prefix, is said once, and stays where it was said."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from proxy_core.llama.generated import Generated
from proxy_core.prompt import parse
from proxy_core.rules.actions import Freeze, Relocate
from proxy_core.rules.anchors import Frame
from proxy_core.rules.generated import learned
from proxy_core.rules.identity import identity, links
from proxy_core.rules.look import Look
from proxy_core.rules.patterns import pattern
from tests.rules.talk import Message, Talk, assistant, look, output, rule, system, user

CLOCK = look(r"Time: \d\d:\d\d\n")


def clock(action: Relocate | Freeze | None = None) -> Talk:
    return Talk(rule(action or Relocate(note="It is {}."), CLOCK))


def hear(talk: Talk, answer: str, *messages: Message) -> None:
    """Let the lane learn what the model answered."""
    prompt = parse("chat", json.dumps({"messages": list(messages)}).encode())
    link, own = links(prompt.messages, None)[-1], identity(prompt.messages[-1], None)
    assert link is not None
    assert own is not None
    talk.memory.update(learned("chat", Generated(answer), own, link, None, details=False).writes)


def texts(messages: list[dict[str, object]]) -> list[object]:
    return [message["content"] for message in messages]


def test_the_text_moves_to_the_active_user_message_and_stays_there() -> None:
    talk = clock()
    first = talk.send(system("Time: 10:00\nHelp."), user("hi"))
    assert texts(first) == ["Help.", "hi\n\nIt is Time: 10:00."]
    second = talk.send(system("Time: 10:05\nHelp."), user("hi"), assistant("yes"), user("more"))
    assert second[:2] == first
    assert texts(second)[3] == "more\n\nIt is Time: 10:05."


def test_inside_a_tool_loop_the_first_note_stays() -> None:
    talk = clock()
    first = talk.send(system("Time: 10:00\nHelp."), user("hi"))
    call = (assistant(None, ("c1", "{}")), output("c1", "a"))
    looped = talk.send(system("Time: 10:01\nHelp."), user("hi"), *call)
    assert looped == [*first, *call]


def test_what_was_said_last_is_not_said_again_unless_wanted() -> None:
    turns = (system("Time: 10:00\nHelp."), user("hi"), assistant("yes"), user("more"))
    once, again = clock(), clock(Relocate(repeat=True))
    for talk in (once, again):
        talk.send(*turns[:2])
    assert texts(once.send(*turns))[3] == "more"
    assert texts(again.send(*turns))[3] == "more\n\nTime: 10:00"


def test_a_clock_can_be_brought_down_to_what_matters() -> None:
    talk = clock(Relocate(find=r"(\d\d):\d\d", to=r"\1h", leave="Time: see below\n"))
    assert texts(talk.send(system("Time: 10:00\nHelp."), user("hi"))) == [
        "Time: see below\nHelp.",
        "hi\n\nTime: 10h",
    ]


def test_a_turn_that_is_begun_again_has_a_note_of_its_own() -> None:
    talk = clock()
    talk.send(system("Time: 10:00\nHelp."), user("hi"))
    assert texts(talk.send(system("Time: 11:00\nHelp."), user("hi")))[1] == "hi\n\nIt is Time: 11:00."


def test_the_branch_that_was_left_keeps_the_note_that_it_had() -> None:
    talk = clock()
    first, again = (system("Time: 10:00\nHelp."), user("hi")), (system("Time: 11:00\nHelp."), user("hi"))
    talk.send(*first)
    hear(talk, "yes", *first)
    talk.send(*again)
    assert texts(talk.send(*first, assistant("yes"), user("more")))[1] == "hi\n\nIt is Time: 10:00."
    assert texts(talk.send(*again, assistant("no"), user("more")))[1] == "hi\n\nIt is Time: 11:00."


def test_the_branch_that_was_left_keeps_it_however_often_the_turn_is_begun_again() -> None:
    talk = clock()
    begun = [(system(f"Time: {hour}:00\nHelp."), user("hi")) for hour in (10, 11, 12)]
    talk.send(*begun[0])
    hear(talk, "yes", *begun[0])
    for again in begun[1:]:
        talk.send(*again)
    assert texts(talk.send(*begun[2], assistant("yes"), user("more")))[1] == "hi\n\nIt is Time: 10:00."


def test_a_turn_that_ends_in_the_same_words_again_keeps_its_newest_note() -> None:
    talk = clock()
    for hour in (10, 11, 12):
        begun = (system(f"Time: {hour}:00\nHelp."), user("hi"))
        talk.send(*begun)
        hear(talk, "yes", *begun)
    assert texts(talk.send(*begun, assistant("yes"), user("more")))[1] == "hi\n\nIt is Time: 12:00."


def test_the_same_words_twice_keep_their_own_notes() -> None:
    talk = clock()
    turns = [user("go on"), assistant("ok"), user("go on"), assistant("ok"), user("go on")]
    for minute, count in ((1, 1), (2, 3), (3, 5)):
        sent = talk.send(system(f"Time: 10:0{minute}\nHelp."), *turns[:count])
    assert [text for text in texts(sent) if "go on" in str(text)] == [
        f"go on\n\nIt is Time: 10:0{minute}." for minute in (1, 2, 3)
    ]


def test_without_a_user_message_nothing_moves() -> None:
    assert texts(clock().send(system("Time: 10:00\nHelp."))) == ["Time: 10:00\nHelp."]


def test_a_note_stands_behind_the_last_text_of_a_list_of_parts() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    said = {"role": "user", "content": [{"type": "text", "text": "look"}, image]}
    sent = clock().send(system("Time: 10:00\nHelp."), said)
    assert sent[1]["content"] == [{"type": "text", "text": "look\n\nIt is Time: 10:00."}, image]


def test_the_first_value_stays_and_a_new_one_is_told_once() -> None:
    talk = clock(Freeze(note="Now: {}"))
    said = [user("a"), assistant("1"), user("b"), assistant("2"), user("c"), assistant("3"), user("d")]
    sent = [
        texts(talk.send(system(f"Time: 10:0{minute}\nHelp."), *said[:count]))
        for minute, count in ((0, 1), (1, 3), (1, 5), (0, 7))
    ]
    assert sent[-1] == [
        "Time: 10:00\nHelp.",
        "a",
        "1",
        "b\n\nNow: Time: 10:01",
        "2",
        "c",
        "3",
        "d\n\nNow: Time: 10:00",
    ]
    for earlier, later in pairwise(sent):
        assert later[: len(earlier)] == earlier


def test_a_value_that_changes_inside_a_turn_is_told_in_the_next() -> None:
    talk = clock(Freeze(note="Now: {}"))
    call = (assistant(None, ("c1", "{}")), output("c1", "a"))
    talk.send(system("Time: 10:00\nHelp."), user("a"))
    assert texts(talk.send(system("Time: 10:01\nHelp."), user("a"), *call))[1] == "a"
    last = talk.send(system("Time: 10:01\nHelp."), user("a"), *call, assistant("1"), user("b"))
    assert texts(last)[-1] == "b\n\nNow: Time: 10:01"


CONTEXT = pattern(r"<context>")
FRAME = Frame((), carrier=CONTEXT)


def carriers() -> Talk:
    place = Look(frozenset({"user"}), at="carrier", frame=FRAME)
    return Talk(rule(Relocate(), place, frame=FRAME))


def context(text: str) -> dict[str, str]:
    return user(f"<context>{text}</context>")


def test_a_carrier_before_the_active_message_goes_to_its_end_and_stays() -> None:
    talk = carriers()
    first = talk.send(system("s"), context("1"), user("a"))
    assert texts(first) == ["s", "a\n\n<context>1</context>"]
    second = talk.send(system("s"), user("a"), assistant("x"), context("2"), user("b"))
    assert second[:2] == first
    assert texts(second)[-1] == "b\n\n<context>2</context>"


def test_a_carrier_that_moves_along_in_a_tool_loop_stays_with_its_message() -> None:
    talk = carriers()
    first = talk.send(system("s"), user("a"), context("1"))
    call = (assistant(None, ("c1", "{}")), output("c1", "out"))
    assert talk.send(system("s"), user("a"), *call, context("1, later")) == [*first, *call]
    last = talk.send(system("s"), user("a"), *call, assistant("done"), user("b"), context("2"))
    assert last[:4] == [*first, *call]
    assert texts(last)[-1] == "b\n\n<context>2</context>"
    assert len(last) == 6


def test_carriers_that_stay_in_the_history_are_folded_in_as_well() -> None:
    talk = carriers()
    first = talk.send(user("a"), context("1"))
    second = talk.send(user("a"), context("1"), assistant("x"), user("b"), context("2"))
    assert second[:1] == first
    assert texts(second) == ["a\n\n<context>1</context>", "x", "b\n\n<context>2</context>"]


def test_what_one_rule_moved_another_does_not_say_again() -> None:
    talk = Talk(
        rule(Relocate(), CLOCK, id="one"),
        rule(Relocate(), look(r"Time: \d\d"), id="two"),
        rule(Freeze(note="Now: {}"), look(r"Time"), id="three"),
    )
    for minute in (0, 1):
        sent = talk.send(system(f"Time: 10:0{minute}\nHelp."), user("hi"))
    assert texts(sent) == ["Help.", "hi\n\nTime: 10:01"]
    assert talk.last.matched == {"one"}


def test_looks_of_one_rule_that_overlap_count_once() -> None:
    talk = Talk(rule(Relocate(), CLOCK, look(r"Time: \d\d")))
    assert texts(talk.send(system("Time: 10:00\nHelp."), user("hi"))) == ["Help.", "hi\n\nTime: 10:00"]


def test_repeated_words_keep_their_own_notes_or_none_when_the_beginning_is_cut_off() -> None:
    talk = clock()
    turns = [user("ok"), assistant("Noted."), user("ok"), assistant("Noted."), user("ok")]
    for minute, count in ((1, 1), (2, 3), (3, 5)):
        talk.send(system(f"Time: 10:0{minute}\nHelp."), *turns[:count])
    cut = texts(talk.send(system("Time: 10:04\nHelp."), *turns[2:], assistant("Noted."), user("so")))
    assert "ok\n\nIt is Time: 10:01." not in cut[3:]
    assert cut[-1] == "so\n\nIt is Time: 10:04."


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([{"type": "image_url"}], [{"type": "image_url"}, {"type": "text", "text": "It is Time: 10:00."}]),
        ([], [{"type": "text", "text": "It is Time: 10:00."}]),
        (None, "It is Time: 10:00."),
        ("", "\n\nIt is Time: 10:00."),
    ],
)
def test_a_message_without_text_gets_its_note_as_well(content: object, told: object) -> None:
    sent = clock().send(system("Time: 10:00\nHelp."), {"role": "user", "content": content})
    assert sent[1]["content"] == told


def test_values_that_are_not_as_many_as_before_stay_as_they_are() -> None:
    place = Look(frozenset({"system"}), at="text", pattern=pattern(r"id: \w+"))
    talk = Talk(rule(Freeze(), place))
    talk.send(system("id: A\nid: B"), user("hi"))
    assert texts(talk.send(system("id: B"), user("hi")))[0] == "id: B"
    assert texts(talk.send(system("id: C\nid: D"), user("hi")))[0] == "id: A\nid: B"


def test_a_long_history_of_carriers_is_moved_in_time() -> None:
    talk = carriers()
    messages = [m for n in range(200) for m in (user(f"u{n}"), context(str(n)), assistant("a"))]
    sent = talk.send(*messages)
    assert len(sent) == 400
    assert talk.last.failures == ()
