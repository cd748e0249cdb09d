"""Where a prompt leaves its predecessor's, and what happened there."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from proxy_core.diagnosis.divergence import diverge
from proxy_core.diagnosis.outline import Outline, outline
from proxy_core.verdict import Divergence, How
from tests.diagnosis.kit import Json, assistant, chat, output, pairs, parted, read, system, tool, user

SYSTEM = system("You are Pip.\n\n## Rules\nBe brief.\n\n## Inbound Context\nmessage: 1\n\n## Tail\nend")
LONG = "0123456789 line of output\n" * 40
TALK = [
    SYSTEM,
    user("look"),
    assistant("I look.", call="1"),
    output("1", LONG),
    assistant("It is fine."),
    user("and the other?"),
    assistant("I look again.", call="2"),
    output("2", LONG + "2"),
    assistant("Fine as well."),
    user("thanks"),
]


def without(*places: int) -> list[Json]:
    return [message for place, message in enumerate(TALK) if place not in places]


def replaced(place: int, *messages: Json) -> list[Json]:
    return [*TALK[:place], *messages, *TALK[place + 1 :]]


def found(divergence: Divergence) -> tuple[How, str | None, int | None]:
    return divergence.how, divergence.part, divergence.message


def test_what_goes_on_is_extended() -> None:
    more = parted(TALK, [*TALK, assistant("You are welcome."), user("bye")])
    assert found(more) == ("extended", None, None)
    assert (more.detail, more.name, more.excerpt) == ("2 more messages", "", None)
    assert more.shared == more.previous_size < more.size
    same = parted(TALK, TALK)
    assert (same.how, same.detail, same.shared) == ("extended", "the same prompt", same.size)


def test_what_ends_earlier_is_shortened() -> None:
    less = parted(TALK, TALK[:-2])
    assert found(less) == ("shortened", "message", None)
    assert (less.name, less.detail) == ("message 9 (assistant)", "2 messages fewer")
    assert less.shared == less.size < less.previous_size
    assert less.excerpt is not None
    assert (less.excerpt.previous, less.excerpt.current) == ("Fine as well.", "")


def test_a_section_of_the_system_text() -> None:
    changed = str(SYSTEM["content"]).replace("message: 1", "message: 2")
    one = parted(TALK, [system(changed), *TALK[1:]])
    assert found(one) == ("changed", "system", 0)
    assert (one.name, one.detail) == ('system, "Inbound Context"', "Inbound Context")
    assert one.offset == changed.index("2\n")
    assert one.excerpt is not None
    assert (one.excerpt.previous, one.excerpt.current, one.excerpt.current_rest) == ("1", "2", "")
    assert one.excerpt.shared.endswith("## Inbound Context\nmessage: ")


@pytest.mark.parametrize(
    ("previous", "current", "detail"), [(TALK, TALK[1:], "gone"), (TALK[1:], TALK, "new")]
)
def test_a_system_text_that_comes_or_goes(previous: list[Json], current: list[Json], detail: str) -> None:
    for tools in ([], [tool("exec")]):
        one = diverge(chat(*previous, tools=tools), chat(*current, tools=tools))
        assert (one.how, one.part, one.detail, one.shared) == ("changed", "system", detail, 0)


def names(*each: str) -> list[Json]:
    return [tool(name) for name in each]


@pytest.mark.parametrize(
    ("previous", "current", "how", "changed", "detail"),
    [
        (names("a", "b"), names("a", "b", "c"), "added", ("c",), "added: c"),
        (names("a", "b"), names("c", "a", "b"), "added", ("c",), "added: c"),
        (names("a", "b", "c"), names("a", "c"), "removed", ("b",), "removed: b"),
        (names("a", "b"), [], "removed", ("a", "b"), "removed: a, b"),
        ([], names("a"), "added", ("a",), "added: a"),
        (names("a", "b", "c"), names("c", "a", "b"), "reordered", ("c",), "reordered: c"),
        (names("a", "b"), [tool("a"), tool("b", "New.")], "redescribed", ("b",), "redescribed: b"),
        (
            names("a", "b", "c", "d", "e"),
            names("z", "y", "x", "w", "v"),
            "added",
            ("z", "y", "x", "w", "v"),
            "added: z, y, x and 2 more; removed: a, b, c and 2 more",
        ),
        (
            names("a", "b"),
            [tool("a", "New."), tool("c")],
            "redescribed",
            ("a",),
            "redescribed: a; added: c; removed: b",
        ),
        (names("a", "a"), names("a"), "removed", ("a",), "removed: a"),
    ],
)
def test_tools(
    previous: list[Json], current: list[Json], how: How, changed: tuple[str, ...], detail: str
) -> None:
    one = diverge(chat(*TALK, tools=previous), chat(*TALK, tools=current))
    assert (one.how, one.part, one.names, one.detail) == (how, "tools", changed, detail)
    assert one.message is None
    assert one.shared < one.previous_size


def test_tools_show_their_names_and_a_redescribed_one_its_text() -> None:
    moved = diverge(chat(tools=names("a_tool", "b_tool", "c_tool")), chat(tools=names("a_tool", "c_tool")))
    assert moved.excerpt is not None
    assert (moved.excerpt.shared, moved.excerpt.previous) == ("a_tool\n", "b_tool\n")
    assert (moved.excerpt.current, moved.excerpt.current_rest) == ("", "c_tool")
    one = diverge(chat(tools=[tool("exec", "Runs it.")]), chat(tools=[tool("exec", "Runs all.")]))
    assert one.name == "tool exec"
    assert one.excerpt is not None
    assert (one.excerpt.previous, one.excerpt.current) == ("it", "all")
    assert one.excerpt.shared.endswith('"Runs ')
    assert one.offset == tool_text("exec", "Runs it.").index("it.")


def tool_text(name: str, about: str) -> str:
    (component,) = chat(tools=[tool(name, about)]).components
    return component.text.decode()


def test_tools_that_a_template_moves_along_are_told() -> None:
    body = {"messages": [user("a")], "tools": names("exec")}
    later = {"messages": [user("a"), assistant("b"), user("c")], "tools": names("exec")}
    one = diverge(*(outline(read("chat", each), "before last user") for each in (body, later)))
    assert (one.how, one.part, one.shared) == ("reordered", "tools", 0)
    assert "template" in one.detail


def test_a_message_that_reads_otherwise() -> None:
    one = parted(TALK, replaced(5, user("and the other one?")))
    assert found(one) == ("rewritten", "message", 5)
    assert (one.name, one.detail) == ("message 6 (user)", "message 6, “and the other?”")
    assert one.offset == len("and the other")
    before = chat(*TALK[:5])
    assert before.size < one.shared < before.size + len("and the other?") + 20


def test_a_change_of_the_newest_message_only_is_a_rewriting_near_the_end() -> None:
    one = parted(TALK, [*TALK[:-1], user("thanks, but no")])
    assert found(one) == ("rewritten", "message", 9)
    assert one.shared > 0.98 * one.previous_size


def test_messages_that_were_put_in_between() -> None:
    one = parted(TALK, [*TALK[:4], user("wait"), *TALK[4:]])
    assert found(one) == ("rewritten", "message", 4)
    assert one.detail == "1 message inserted"


def test_a_note_that_is_only_sent_once_is_missed() -> None:
    note, later = (user(f"<info>\nnow: 10:{minute}\n</info>") for minute in (12, 13))
    answered = [*TALK, assistant("You are welcome."), user("bye")]
    one = parted([*TALK, note], [*answered, later])
    assert found(one) == ("rewritten", "message", 10)
    assert (one.name, one.detail) == ("message 11 (user)", "message 11 is gone: info")
    moved = parted([*TALK, note], [*answered, note])
    assert (moved.how, moved.name, moved.detail) == ("rewritten", one.name, "moved behind 2 messages")


@pytest.mark.parametrize(
    ("current", "name", "detail"),
    [
        (replaced(3, output("1", "[cleared]")), "message 4 (tool)", "1 tool output cleared"),
        (replaced(3, output("1", LONG[:300] + "\n[trimmed]")), "message 4 (tool)", "1 tool output trimmed"),
        (
            [*replaced(3, output("1", "[cleared]"))[:7], output("2", "[cleared]"), *TALK[8:]],
            "message 4 (tool)",
            "2 tool outputs cleared",
        ),
        ([*TALK[:7], output("2", "[cleared]")], "message 8 (tool)", "1 tool output cleared"),
        (without(1, 2, 3), "message 2 (user)", "3 messages missing"),
        (without(4), "message 5 (assistant)", "message 5 is gone: “It is fine.”"),
        ([*TALK[:1], user("look!"), *TALK[5:]], "message 2 (user)", "4 messages gave way to 1"),
    ],
)
def test_history_that_was_pruned(current: list[Json], name: str, detail: str) -> None:
    one = parted(TALK, current)
    how = "compacted" if "gave way" in detail else "pruned"
    assert (one.how, one.part, one.name, one.detail) == (how, "message", name, detail)


@pytest.mark.parametrize(
    "current",
    [
        [SYSTEM, user("<summary>\nThey looked at it twice.\n</summary>")],
        [SYSTEM, user("This session is continued from a previous conversation."), *TALK[9:]],
        [SYSTEM, assistant("The conversation was compacted: all is fine."), user("thanks"), *TALK[8:]],
    ],
)
def test_history_that_was_summed_up(current: list[Json]) -> None:
    one = parted(TALK, current)
    assert found(one) == ("compacted", "message", 1)
    assert "gave way to" in one.detail


def test_a_summary_that_was_always_there_is_no_compaction() -> None:
    begun = [SYSTEM, user("Make a summary of it.")]
    assert parted([*begun, assistant("a")], [*begun, assistant("b")]).how == "rewritten"
    # A person who goes back and asks for something else compacts nothing.
    asked = user("Write a summary for my mother, please: she has been away.")
    assert parted(TALK, [*TALK[:5], asked]).how == "rewritten"
    summed = [SYSTEM, user("<summary>\nfirst\n</summary>"), *TALK[5:]]
    assert parted(summed, [SYSTEM, user("<summary>\nsecond\n</summary>")]).how == "rewritten"
    assert (
        parted([SYSTEM, user("Sum it up.")], [SYSTEM, user("Make a summary of it, please.")]).how
        == "rewritten"
    )


def thoughtful(*thoughts: str) -> list[Json]:
    return [user("a"), assistant("b", thoughts[0]), user("c"), assistant("d", thoughts[1]), user("e")]


def test_thoughts_that_are_no_longer_sent() -> None:
    one = parted(thoughtful("hm", "so"), thoughtful("", ""))
    assert found(one) == ("reasoning", "message", 1)
    assert one.detail == "in 2 messages"
    assert parted(thoughtful("hm", "so"), thoughtful("", "so")).detail == "in 1 message"
    assert parted(thoughtful("", "so"), thoughtful("hm", "so")).how == "rewritten"
    inline = [user("a"), assistant("<think>hm</think>\nb"), user("c")]
    assert parted(inline, [user("a"), assistant("b"), user("c"), assistant("d")]).how == "reasoning"


def test_reasoning_items_that_are_no_longer_sent() -> None:
    def items(*reasoned: bool) -> Outline:
        listed: list[Json] = []
        for number, with_item in enumerate(reasoned):
            item = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": f"hm {number}"}]}
            listed += [user(f"ask {number}"), *([{**item, "summary": []}] if with_item else [])]
            listed += [{"type": "message", **assistant(f"answer {number}")}]
        return outline(read("responses", {"input": listed}))

    one = diverge(items(True, True), items(False, True))
    assert (one.how, one.name, one.detail) == ("reasoning", "message 2 (reasoning)", "in 1 message")
    assert diverge(items(True, True), items(False, False)).detail == "in 2 messages"


@pytest.mark.parametrize("said", ["é" * 30, "🙂" * 30, "a\u0301" * 30])
def test_positions_are_characters_and_none_is_torn(said: str) -> None:
    one = parted([user(said + "é")], [user(said + "è")])
    assert one.offset == len(said)
    assert one.excerpt is not None
    assert (one.excerpt.previous, one.excerpt.current) == ("é", "è")


@given(pairs())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_two_requests_can_be_compared(both: tuple[Outline, Outline]) -> None:
    for previous, current in (both, both[::-1]):
        one = diverge(previous, current)
        assert 0 <= one.shared <= min(previous.size, current.size)
        assert (one.previous_size, one.size) == (previous.size, current.size)
        assert (one.how == "extended") == (one.part is None) == (one.excerpt is None)
        if one.how == "extended":
            assert one.shared == previous.size
        else:
            assert one.name
            assert one.detail
            assert len(one.detail) <= 60
            _is_exact(previous, current, one)


def _is_exact(previous: Outline, current: Outline, one: Divergence) -> None:
    """All components before the first one that differs are counted, and no more than that one."""
    same = 0
    for old, new in zip(previous.components, current.components, strict=False):
        if not old.same(new):
            assert one.shared <= same + min(old.size, new.size)
            break
        same += old.size
    assert one.shared >= same


@given(pairs())
def test_a_prompt_extends_itself(both: tuple[Outline, Outline]) -> None:
    for each in both:
        one = diverge(each, each)
        assert (one.how, one.shared, one.size) == ("extended", each.size, each.size)
        longer = Outline((*each.components, *chat(user("more")).components))
        assert diverge(each, longer).how == "extended"
