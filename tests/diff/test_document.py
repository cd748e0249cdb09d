from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.diff.document import Section, document
from proxy_core.visible import LONGEST_LINE, visible


def _document(body: object, api: str | None = None) -> tuple[Section, ...]:
    return document(json.dumps(body).encode(), api)


def _headings(sections: tuple[Section, ...]) -> list[str]:
    return [section.heading for section in sections]


def test_chat_completion_becomes_settings_tools_system_and_messages() -> None:
    sections = _document(
        {
            "messages": [
                {"role": "system", "content": "Be brief.\nBe kind."},
                {"role": "user", "content": [{"type": "text", "text": "Hi\nthere"}]},
                {"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}]},
                {"role": "tool", "tool_call_id": "c1", "content": "42"},
            ],
            "model": "tiny",
            "tools": [{"type": "function", "function": {"name": "read"}}],
        }
    )
    assert _headings(sections) == [
        "request settings",
        "tool read",
        "system",
        "user · 2",
        "assistant · 3",
        "tool · 4",
    ]
    assert sections[0].lines == ("{", '  "model": "tiny"', "}")
    assert sections[2].lines == ("Be brief.", "Be kind.")
    assert sections[3].lines == ("Hi", "there")
    assert '      "id": "c1"' in sections[4].lines
    assert sections[5].lines == ("42", "{", '  "tool_call_id": "c1"', "}")


def test_anthropic_messages_show_system_blocks_and_tool_results_as_text() -> None:
    sections = _document(
        {
            "system": [{"type": "text", "text": "One\nTwo", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t1",
                            "content": [{"type": "text", "text": "a\nb"}],
                        },
                        {"type": "text", "text": "go on"},
                    ],
                }
            ],
            "tools": [{"name": "write", "input_schema": {}}],
        }
    )
    assert _headings(sections) == ["request settings", "tool write", "system", "user · 1"]
    assert sections[2].lines[:2] == ("One", "Two")
    assert any("ephemeral" in line for line in sections[2].lines)
    assert sections[3].lines == (
        "▸ part 1 of 2 · tool_result",
        "a",
        "b",
        "{",
        '  "tool_use_id": "t1"',
        "}",
        "▸ part 2 of 2 · text",
        "go on",
    )


def test_responses_show_instructions_and_items() -> None:
    sections = _document(
        {
            "instructions": "Help.",
            "input": [
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
                {"type": "function_call", "name": "read", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "x\ny"},
            ],
        }
    )
    assert _headings(sections) == [
        "request settings",
        "instructions",
        "user · 1",
        "function_call · 2",
        "function_call_output · 3",
    ]
    assert sections[2].lines == ("Hi",)
    assert sections[4].lines[:2] == ("x", "y")


def test_responses_input_may_be_a_string() -> None:
    assert _document({"model": "m", "input": "Hi\nyou"}, "responses")[1] == Section(
        "message", "user", "user · 1", ("Hi", "you")
    )


def test_argument_decides_between_two_shapes() -> None:
    body = {"messages": [{"role": "user", "content": "a"}], "input": "b"}
    assert _document(body, "responses")[1].lines == ("b",)
    assert _document(body, "chat")[1].lines == ("a",)
    assert _document(body)[1].lines == ("a",)


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"not json\nat all", ("not json", "at all")),
        (b"", ("",)),
        (b'{"prompt": "x"}', ("{", '  "prompt": "x"', "}")),
        (b'{"messages": "no list"}', ("{", '  "messages": "no list"', "}")),
        (b'{"input": ["embed", "me"]}', ("{", '  "input": [', '    "embed",', '    "me"', "  ]", "}")),
        (b"17", ("17",)),
    ],
)
def test_bodies_of_another_shape_are_one_section(body: bytes, lines: tuple[str, ...]) -> None:
    assert document(body) == (Section("body", "body", "body", lines),)


def test_binary_bodies_are_told_apart_by_a_note() -> None:
    first, second = document(b"\xff\xfe\x00abc"), document(b"\xff\xfe\x00abd")
    assert first[0].lines[0].startswith("binary, 6 bytes")
    assert first != second


def test_nesting_too_deep_to_read_is_shown_as_text() -> None:
    body = '{"messages": ' + "[" * 50_000 + "]" * 50_000 + "}"
    assert document(body.encode())[0].lines[0].startswith('{"messages": [[[')


def test_numbers_are_spelled_as_they_were_sent() -> None:
    body = b'{"messages": [], "temperature": 1.00, "seed": ' + b"7" * 5000 + b"}"
    assert '  "temperature": 1.00,' in document(body)[0].lines
    assert f'  "seed": {"7" * 5000}' in document(body)[0].lines


def test_strings_in_json_go_on_in_the_next_line_after_a_line_feed() -> None:
    tool = {"name": "t", "description": "One.\nTwo.\n"}
    assert _document({"messages": [], "tools": [tool]})[1].lines == (
        "{",
        '  "name": "t",',
        '  "description": "One.\\n',
        '    Two.\\n"',
        "}",
    )


def test_long_data_urls_are_cut_yet_differ_when_what_was_cut_differs() -> None:
    def section(data: str) -> Section:
        part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
        return _document({"messages": [{"role": "user", "content": [part]}]})[1]

    first, second = section("A" * 90_000), section("A" * 89_999 + "B")
    assert max(map(len, first.lines)) < 150
    assert any("89,974 more characters" in line for line in first.lines)
    assert first != second


def test_long_lines_are_capped_with_a_note_and_differ_when_the_rest_differs() -> None:
    first, second = document(b"x" * 1_000_000), document(b"x" * 999_999 + b"y")
    assert first[0].lines[0].startswith("x" * LONGEST_LINE + " ⋯ 990,000 more characters")
    assert first != second


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "␛[31m"),
        ("a\x00b\x7f\r", "a␀b␡␍"),
        ("\x9b", "‹009B›"),
        ("a\u202eb\u200b\ufeff", "a‹202E›b‹200B›‹FEFF›"),
        ("\U000e0041\ud800", "‹E0041›‹D800›"),
        ("日本 ⚠️ [/foo]\n", "日本 ⚠️ [/foo]\n"),
    ],
)
def test_what_cannot_be_seen_gets_a_sign(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_tab_takes_four_cells_yet_is_not_four_spaces() -> None:
    assert visible("\t").isspace()
    assert len(visible("\t")) == 4
    assert visible("\t") != "    "


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["messages", "input", "system", "tools", "role", "content", "type", "text", "name"]
            )
            | st.text(max_size=5),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(_json, st.sampled_from([None, "chat", "responses", "messages", "other"]))
def test_every_json_body_becomes_safe_lines(body: object, api: str | None) -> None:
    sections = _document(body, api)
    assert sections
    for section in sections:
        assert section.lines
        for line in (*section.lines, section.heading):
            assert "\n" not in line
            assert visible(line) == line


@given(st.binary(max_size=200))
def test_every_body_becomes_safe_lines(body: bytes) -> None:
    for section in document(body):
        assert all(visible(line) == line and "\n" not in line for line in section.lines)
