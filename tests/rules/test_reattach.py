"""`reattach`, `restore`, `merge-system`: older messages are sent as they were when they were new."""

from __future__ import annotations

import json

import pytest

from proxy_core.llama.generated import Generated, GeneratedCall
from proxy_core.prompt import parse
from proxy_core.rules.actions import MergeSystem, Reattach, Restore
from proxy_core.rules.anchors import Frame
from proxy_core.rules.generated import learned
from proxy_core.rules.identity import identity, links
from proxy_core.rules.patterns import pattern
from proxy_core.rules.recall import Room
from tests.rules.talk import Talk, assistant, output, rule, system, user

FRAME = Frame((), stamp=pattern(r"\[[^\]\n]*\] "))


def test_a_user_message_comes_back_as_first_sent() -> None:
    talk = Talk(rule(Reattach(what="message"), frame=FRAME))
    first = talk.send(user("[Mon 10:00] hi"))
    second = talk.send(user("hi"), assistant("yes"), user("[Mon 10:05] more"))
    assert second == [*first, assistant("yes"), user("[Mon 10:05] more")]
    third = talk.send(
        user("hi"), assistant("yes"), {"role": "user", "content": [{"type": "text", "text": "more"}]}
    )
    assert third[2] == {"role": "user", "content": [{"type": "text", "text": "more"}]}, (
        "a turn begins with it"
    )
    looped = talk.send(user("hi"), assistant("yes"), user("more"), assistant("so"))
    assert looped[2] == third[2]


def test_words_that_were_never_said_are_left_alone() -> None:
    talk = Talk(rule(Reattach(what="message"), frame=FRAME))
    talk.send(user("[Mon 10:00] hi"))
    assert talk.send(user("ho"), assistant("yes"), user("more"))[0] == user("ho")


def learn(talk: Talk, said: Generated, *messages: dict[str, object]) -> None:
    """The model answers a request."""
    prompt = parse("chat", json.dumps({"messages": messages}).encode())
    last = identity(prompt.messages[-1], None)
    link = links(prompt.messages, None)[-1]
    assert last is not None
    assert link is not None
    talk.memory.update(learned("chat", said, last, link, None, details=True).writes)


@pytest.mark.parametrize("given", [{}, {"reasoning_content": None}, {"reasoning_content": ""}])
def test_reasoning_that_was_dropped_is_put_back(given: dict[str, object]) -> None:
    talk = Talk(rule(Reattach(what="reasoning")))
    learn(talk, Generated("yes", "I thought."), user("hi"))
    sent = talk.send(user("hi"), assistant("yes", **given), user("more"))
    assert sent[1]["reasoning_content"] == "I thought."
    kept = talk.send(user("hi"), assistant("yes", reasoning_content="mine"), user("more"))
    assert kept[1]["reasoning_content"] == "mine"
    other = talk.send(user("ho"), assistant("yes"), user("more"))
    assert "reasoning_content" not in other[1]


def test_arguments_come_back_in_the_spelling_of_the_model() -> None:
    talk = Talk(rule(Reattach(what="arguments")))
    raw = '{"a": 1,\n "b":"\\u00e9"}'
    learn(talk, Generated(calls={0: GeneratedCall("call-1", "run", raw)}), user("hi"))
    sent = talk.send(user("hi"), assistant(None, ("call1", '{"a":1,"b":"é"}')), output("call1", "x"))
    assert sent[1]["tool_calls"][0]["function"]["arguments"] == raw
    changed = talk.send(user("hi"), assistant(None, ("call1", '{"a":2}')), output("call1", "x"))
    assert changed[1]["tool_calls"][0]["function"]["arguments"] == '{"a":2}', "the client means another"


GONE = "[cleared]"
LONG = "out " * 200


def test_tool_output_comes_back_while_there_is_room() -> None:
    talk = Talk(rule(Restore(placeholders=[r"^\[cleared\]$"], share=0.5)))
    room = Room(context=1000, tokens_per_byte=0.1)
    call = assistant(None, ("c1", "{}"))
    talk.send(user("a"), call, output("c1", LONG), room=room)
    for _ in range(2):
        sent = talk.send(user("a"), call, output("c1", GONE), assistant("x"), user("b"), room=room)
        assert sent[2]["content"] == LONG


def test_beyond_the_room_all_placeholders_go_through_when_a_turn_begins() -> None:
    talk = Talk(rule(Restore(placeholders=[r"^\[cleared\]$"], share=0.5)))
    small, large = Room(1000, 0.1), Room(1000, 0.5)
    first = [user("a"), assistant(None, ("c1", "{}"))]
    talk.send(*first, output("c1", LONG), room=small)
    turn = [*first, output("c1", GONE), assistant("x"), user("b")]
    assert talk.send(*turn, room=small)[2]["content"] == LONG
    looped = [*turn, assistant(None, ("c2", "{}")), output("c2", "y")]
    assert talk.send(*looped, room=large)[2]["content"] == LONG, "not in mid-turn"
    assert talk.send(*turn, room=large)[2]["content"] == GONE
    assert talk.send(*turn, room=small)[2]["content"] == GONE, "it does not flicker"


def test_without_knowing_the_room_nothing_grows() -> None:
    talk = Talk(rule(Restore(placeholders=[r"^\[cleared\]$"])))
    call = assistant(None, ("c1", "{}"))
    talk.send(user("a"), call, output("c1", LONG))
    assert talk.send(user("a"), call, output("c1", GONE))[2]["content"] == GONE


def test_a_system_message_in_mid_conversation_becomes_the_users() -> None:
    talk = Talk(rule(MergeSystem(mark="<note>{}</note>")))
    sent = talk.send(system("s"), {"role": "developer", "content": "t"}, user("a"), system("left"), user("b"))
    assert sent == [
        system("s"),
        {"role": "developer", "content": "t"},
        user("a"),
        user("<note>left</note>"),
        user("b"),
    ]


def test_reasoning_stays_with_its_own_answer() -> None:
    talk = Talk(rule(Reattach(what="reasoning")))
    turns = [user("go on"), assistant("Done."), user("go on"), assistant("Done."), user("go on")]
    learn(talk, Generated("Done.", "First."), *turns[:1])
    learn(talk, Generated("Done.", "Second."), *turns[:3])
    assert [m.get("reasoning_content") for m in talk.send(*turns)] == [None, "First.", None, "Second.", None]


def test_reasoning_is_found_when_the_history_lost_its_beginning() -> None:
    talk = Talk(rule(Reattach(what="reasoning")))
    learn(talk, Generated("yes", "I thought."), user("a"), assistant("b"), user("c"))
    sent = talk.send(user("c"), assistant("yes"), user("d"))
    assert sent[1]["reasoning_content"] == "I thought."


def test_reasoning_of_another_answer_with_the_same_words_is_not_put_on_one_that_was_not_heard() -> None:
    talk = Talk(rule(Reattach(what="reasoning")))
    turns = (user("a"), assistant("yes"))
    learn(talk, Generated("yes", "First."), *turns[:1])
    learn(talk, Generated("done", "Later."), *turns, user("b"), assistant("so"), user("go on"))
    sent = talk.send(*turns, user("go on"), assistant("done"), user("c"))
    assert [m.get("reasoning_content") for m in sent] == [None, "First.", None, None, None]


def test_two_messages_alone_do_not_tell_where_a_cut_history_goes_on() -> None:
    talk = Talk(rule(Reattach(what="reasoning")))
    learn(talk, Generated("done", "Early."), user("a"), assistant("b"), user("go on"))
    cut = (user("go on"), assistant("done"), *(user(f"other {number}") for number in range(8)))
    assert "reasoning_content" not in talk.send(*cut)[1]


def image(data: str) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": f"data:{data}"}}


def said(stamp: str, text: str, *more: object) -> dict[str, object]:
    return {"role": "user", "content": [{"type": "text", "text": f"{stamp}{text}"}, *more]}


def test_a_message_with_another_image_is_another_message() -> None:
    talk = Talk(rule(Reattach(what="message"), frame=FRAME))
    talk.send(said("[10:00] ", "what?", image("CAT")))
    talk.send(said("[10:01] ", "what?", image("DOG")))
    cat, dog = said("", "what?", image("CAT")), said("", "what?", image("DOG"))
    rest = (assistant("a cat"), user("sure?"))
    assert talk.send(cat, *rest)[0] == said("[10:00] ", "what?", image("CAT"))
    assert talk.send(dog, *rest)[0] == said("[10:01] ", "what?", image("DOG"))


ASIDES = Frame((), aside=pattern("<note>.*</note>"))


def results(text: str, *notes: str) -> dict[str, object]:
    parts = [{"type": "text", "text": f"<note>{note}</note>"} for note in notes]
    return {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "t1", "content": text}, *parts],
    }


def test_an_aside_beside_tool_output_comes_back_and_the_output_stays_as_it_is_now() -> None:
    talk = Talk(rule(Reattach(what="message"), frame=ASIDES))
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "ls", "input": {}}]}
    talk.send(user("hi"), call, results("long output", "tokens: 9"), api="messages")
    later = talk.send(user("hi"), call, results("[cleared]"), assistant("x"), user("more"), api="messages")
    assert later[2] == results("[cleared]", "tokens: 9")


def test_two_calls_of_one_id_do_not_get_each_others_output() -> None:
    talk = Talk(rule(Restore(placeholders=[r"^\[cleared\]$"])))
    room = Room(10_000, 0.1)
    call = assistant(None, ("c1", "{}"))
    first = (user("a"), call, output("c1", "one " * 50))
    talk.send(*first, room=room)
    second = (assistant("x"), user("b"), call)
    talk.send(*first, *second, output("c1", "two " * 50), room=room)
    cleared = (first[0], call, output("c1", GONE), *second, output("c1", GONE), assistant("y"), user("c"))
    sent = talk.send(*cleared, room=room)
    assert (sent[2]["content"], sent[6]["content"]) == ("one " * 50, "two " * 50)


def test_ids_that_a_client_shortens_alike_keep_their_own_output() -> None:
    talk = Talk(rule(Restore(placeholders=[r"^\[cleared\]$"])))
    calls = assistant(None, ("call_1_12", "{}"), ("call_11_2", "{}"))
    talk.send(user("a"), calls, output("call_1_12", "one " * 50), output("call_11_2", "two " * 50))
    sent = talk.send(
        user("a"),
        calls,
        output("call_1_12", GONE),
        output("call_11_2", GONE),
        assistant("x"),
        user("b"),
        room=Room(10_000, 0.1),
    )
    assert [(m["tool_call_id"], m["content"][:3]) for m in sent[2:4]] == [
        ("call_1_12", "one"),
        ("call_11_2", "two"),
    ]
