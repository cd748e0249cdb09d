"""What else changed behind the first difference."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy_core.diagnosis.divergence import diverge
from proxy_core.diagnosis.further import further
from proxy_core.diagnosis.outline import Outline, ToolsAt, outline
from tests.diagnosis.kit import chat, read, system, tool, user

TEXT = "You help.\n\n## Clock\n{}\n\n## Rules\nKeep order.\n\n## Runtime\n{}"


def more(previous: Outline, current: Outline) -> tuple[str, ...]:
    return further(previous, current, diverge(previous, current))


def made(clock: str, runtime: str, *names: str, tools_at: ToolsAt = "after system") -> Outline:
    said = [system(TEXT.format(clock, runtime)), user("Hi.")]
    return outline(read("chat", {"messages": said, "tools": [tool(name) for name in names]}), tools_at)


def test_one_change_is_all() -> None:
    assert more(made("20:48", "x"), made("20:51", "x")) == ()
    assert more(made("20:48", "x", "read"), made("20:48", "x", "read", "exec")) == ()
    assert more(made("20:48", "x"), made("20:48", "x")) == ()


def test_another_section_is_named() -> None:
    assert more(made("20:48", "x"), made("20:51", "y")) == ('system, "Runtime"',)


def test_tools_are_named_behind_a_system_text_and_the_other_way_round() -> None:
    old, new = made("20:48", "x", "read"), made("20:51", "x", "read", "exec")
    assert more(old, new) == ("tools (added: exec)",)
    first = made("20:48", "x", "read", tools_at="first"), made("20:51", "x", "exec", tools_at="first")
    assert more(*first) == ('system, "Clock"',)


def test_a_changed_message_is_alone() -> None:
    assert more(chat(system("A"), user("b")), chat(system("A"), user("c"))) == ()


_TEXTS = st.text("ab#\n ", max_size=30)


@given(_TEXTS, _TEXTS)
def test_no_texts_raise(old: str, new: str) -> None:
    assert len(more(chat(system(old), user("x")), chat(system(new), user("x")))) <= 3
