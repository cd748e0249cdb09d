from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from proxy_core.diff.align import align_lines
from proxy_core.diff.document import document
from proxy_core.diff.fold import CHANGED, Row
from proxy_core.diff.marks import mark_changes
from proxy_core.diff.rows import Diff, diff

_LINES = st.lists(
    st.sampled_from(["", "a", "b", "same", "  key: 1,", "  key: 2,", "日本"]) | st.text("ab\t", max_size=6)
)
_MESSAGES = st.lists(
    st.builds(
        lambda role, lines: {"role": role, "content": "\n".join(lines)},
        st.sampled_from(["system", "user", "assistant", "tool"]),
        _LINES,
    ),
    max_size=6,
)


def _body(messages: Sequence[object], **settings: object) -> bytes:
    return json.dumps({**settings, "messages": messages}).encode()


def _chat(*contents: str) -> bytes:
    return _body([{"role": "user", "content": content} for content in contents])


def _shown(result: Diff) -> list[tuple[str, str | None, str | None]]:
    return [(row.kind, row.left, row.right) for row in result.rows]


def _document_lines(body: bytes) -> list[tuple[int, str]]:
    return [line for section in document(body) for line in enumerate(section.lines, 1)]


@given(_MESSAGES, _MESSAGES)
def test_columns_hold_both_documents_whole_and_in_order(
    left: list[dict[str, str]], right: list[dict[str, str]]
) -> None:
    before, after = _body(left), _body(right)
    folded = diff(before, after, "chat")
    rows = folded.unfold_all().rows
    assert [(row.left_no, row.left) for row in rows if row.left_no] == _document_lines(before)
    assert [(row.right_no, row.right) for row in rows if row.right_no] == _document_lines(after)
    for row in rows:
        if row.kind == "same":
            assert row.left == row.right
        for text, marks in ((row.left, row.left_marks), (row.right, row.right_marks)):
            ends = [place for mark in marks for place in mark]
            assert ends == sorted(set(ends))
            assert all(0 <= place <= len(text or "") for place in ends)
    assert folded.removed == sum(row.kind in CHANGED and row.left_no is not None for row in rows)
    assert folded.added == sum(row.kind in CHANGED and row.right_no is not None for row in rows)


@given(_MESSAGES, _MESSAGES, st.data())
def test_unfolding_step_by_step_loses_nothing(
    left: list[dict[str, str]], right: list[dict[str, str]], data: st.DataObject
) -> None:
    result = diff(_body(left), _body(right))
    whole = result.unfold_all().rows
    count = len(result.changes)
    while folds := [index for index, row in enumerate(result.rows) if row.kind == "fold"]:
        index = data.draw(st.sampled_from(folds))
        assert result.index_at(result.place(index)) == index
        result = result.unfold(index)
        assert len(result.changes) == count
    assert result.rows == whole


@given(_LINES, _LINES)
def test_alignment_takes_every_line_once_and_in_order(left: list[str], right: list[str]) -> None:
    places = list(align_lines(left, right))
    assert [i for i, _ in places if i is not None] == list(range(len(left)))
    assert [j for _, j in places if j is not None] == list(range(len(right)))


@given(st.text("ab 1é日", max_size=30), st.text("ab 1é日", max_size=30))
def test_what_is_not_marked_is_equal(left: str, right: str) -> None:
    left_marks, right_marks = mark_changes(left, right)
    if left_marks or right_marks or left == right:
        assert _without(left, left_marks) == _without(right, right_marks)


def _without(text: str, marks: tuple[tuple[int, int], ...]) -> str:
    for start, end in reversed(marks):
        text = text[:start] + text[end:]
    return text


def test_a_removed_stamp_is_marked_and_nothing_else() -> None:
    row = diff(_chat("[Wed 2026-02-18 20:48 UTC] Hello"), _chat("Hello")).rows[-1]
    assert row.kind == "changed"
    assert row.left is not None
    assert [row.left[a:b] for a, b in row.left_marks] == ["[Wed 2026-02-18 20:48 UTC] "]
    assert row.right_marks == ()


def test_two_places_in_a_line_are_marked_apart() -> None:
    left, right = "take the red bus at noon today", "take the blue bus at dawn today"
    marks, _ = mark_changes(left, right)
    assert [left[a:b] for a, b in marks] == ["red", "noo"]


def test_marks_do_not_part_an_accent_from_its_letter() -> None:
    assert mark_changes("resume\u0301 x", "resume x")[0] == ((5, 7),)


def test_very_long_lines_are_not_marked() -> None:
    row = diff(_chat("x" * 3000), _chat("x" * 2999)).rows[-1]
    assert (row.kind, row.left_marks, row.right_marks) == ("changed", (), ())


def test_a_removed_line_leaves_its_neighbours_in_place() -> None:
    left = '{\n  "schema": "v1",\n  "message_id": "775b",\n  "channel": "web"\n}'
    right = '{\n  "schema": "v1",\n  "channel": "web"\n}'
    rows = diff(_chat(left), _chat(right)).rows
    assert [(row.left_no, row.right_no) for row in rows[-5:]] == [(1, 1), (2, 2), (3, None), (4, 3), (5, 4)]
    assert rows[-3].kind == "removed"


def test_the_most_similar_lines_of_a_changed_block_stand_opposite() -> None:
    left = '  "a": 1,\n  "message_id": "x",\n  "channel": "web",'
    right = '  "a": 1,\n  "channel": "web"'
    rows = diff(_chat(left), _chat(right)).rows
    assert [(row.kind, row.left, row.right) for row in rows[-2:]] == [
        ("removed", '  "message_id": "x",', None),
        ("changed", '  "channel": "web",', '  "channel": "web"'),
    ]


def test_three_lines_around_a_change_stay_and_the_rest_folds() -> None:
    lines = [f"line {number}" for number in range(40)]
    other = [*lines[:20], "changed", *lines[21:]]
    rows = diff(_chat("\n".join(lines)), _chat("\n".join(other))).rows[-9:]
    assert [row.kind for row in rows] == ["fold", *["same"] * 3, "changed", *["same"] * 3, "fold"]
    assert (rows[0].left, rows[-1].left) == ("17 lines unchanged", "16 lines unchanged")
    assert [row.left for row in rows[0].inner] == lines[:17]


def test_a_single_hidden_line_is_shown_instead_of_a_fold() -> None:
    rows = diff(_chat("a\nb\nc\nd\nold"), _chat("a\nb\nc\nd\nnew")).rows
    assert [row.left for row in rows[-5:]] == ["a", "b", "c", "d", "old"]


def test_runs_of_unchanged_sections_become_one_row() -> None:
    tools = [{"name": "read"}, {"name": "write"}]
    messages = [{"role": "user", "content": str(number)} for number in range(12)]
    rows = diff(_body([*messages, {"role": "user", "content": "x"}], tools=tools),
                _body([*messages, {"role": "user", "content": "y"}], tools=tools)).rows  # fmt: skip
    assert rows[0].left == "request settings, 2 tools and 12 messages unchanged"
    assert [row.kind for row in rows[1:]] == ["heading", "changed"]


def test_equal_bodies_say_so_and_can_be_unfolded() -> None:
    body = _chat("one\ntwo\nthree", "four")
    result = diff(body, body)
    assert result.identical
    assert (result.changes, result.removed, result.added) == ((), 0, 0)
    assert result.rows[0].kind == "note"
    assert "equal" in str(result.rows[0].left)
    assert Row("same", 2, 2, "two", "two") in result.unfold_all().rows
    assert Row("same", 2, 2, "two", "two") not in result.rows


def test_same_content_in_another_spelling_is_not_called_equal() -> None:
    result = diff(b'{"messages": [{"role": "user", "content": "a"}]}', _chat("\u0061") + b" ")
    assert not result.identical
    assert result.changes == ()
    assert "bytes differ" in str(result.rows[0].left)


def test_later_requests_pair_history_with_history() -> None:
    before = _chat("one", "two", "three")
    after = _chat("two", "three", "four")
    middle = _body([{"role": "user", "content": c} for c in ("one", "two", "three")]
                   + [{"role": "assistant", "content": "new"}])  # fmt: skip
    assert diff(before, after).removed == 3  # the same make: places are compared
    result = diff(before, middle)
    assert (result.removed, result.added) == (0, 1)
    assert result.rows[-2:] == (
        Row("heading", left=None, right="assistant · 4"),
        Row("added", None, 1, None, "new"),
    )


def test_a_message_that_went_leaves_the_next_one_opposite_its_own() -> None:
    before = _chat("Hi.", "Context for the turn:\nbranch main", "What is left?\nTell me.")
    told = "What is left?\nTell me.\n\nContext for the turn:\nbranch main"
    shown = _shown(diff(before, _chat("Hi.", told), "chat"))
    assert ("removed", "branch main", None) in shown
    assert ("same", "What is left?", "What is left?") in shown
    assert ("added", None, "branch main") in shown
    # The same with the note in front of a message that had a stamp.
    shown = _shown(diff(_chat("a note", "[20:48] What is left?"), _chat("What is left?"), "chat"))
    assert ("removed", "a note", None) in shown
    assert ("changed", "[20:48] What is left?", "What is left?") in shown


def test_tools_in_another_order_pair_by_content() -> None:
    tools = [{"name": name, "description": name} for name in ("a", "b", "c")]
    result = diff(_body([], tools=tools), _body([], tools=tools[1:] + tools[:1]))
    kinds = [(row.left, row.right) for row in result.rows if row.kind == "heading"]
    assert ("tool a", None) in kinds
    assert (None, "tool a") in kinds


def test_each_run_of_changed_rows_is_one_change() -> None:
    lines = [f"line {number}" for number in range(30)]
    other = list(lines)
    other[3:5] = ["x", "y"]
    other[20] = "z"
    result = diff(_chat("\n".join(lines)), _chat("\n".join(other)))
    assert [result.rows[index].left for index in result.changes] == ["line 3", "line 20"]
    unfolded = result.unfold_all()
    assert [unfolded.rows[index].left for index in unfolded.changes] == ["line 3", "line 20"]


def test_hard_texts_stay_far_from_quadratic_time() -> None:
    # Two sides of many repeated lines have next to nothing to match by; this must end, not be pretty.
    left = "\n".join("abcdefgh"[number * 7 % 8] for number in range(20_000))
    right = "\n".join("abcdefgh"[number * 5 % 8] for number in range(20_000))
    rows = diff(_chat(left), _chat(right)).unfold_all().rows
    assert sum(row.left_no is not None for row in rows) == 20_000 + 1


def test_fold_is_the_only_row_that_unfolds() -> None:
    result = diff(_chat("a"), _chat("b"))
    assert result.unfold(len(result.rows) - 1) is result
    assert ("changed", "a", "b") in _shown(result)


def test_a_tool_in_another_place_is_said_to_have_moved_and_folded() -> None:
    tools = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
        for name in ("read", "write", "exec")
    ]
    message = {"role": "user", "content": "Hi"}
    result = diff(_body([message], tools=tools), _body([message], tools=[tools[2], *tools[:2]]), "chat")
    rows = _shown(result)
    start = rows.index(("heading", None, "tool exec"))
    assert rows[start + 1][2] == "⇅ moved, and otherwise unchanged"
    assert rows[start + 2][0] == "fold"
    start = rows.index(("heading", "tool exec", None))
    assert rows[start + 1][1] == "⇅ moved, and otherwise unchanged"
    assert len(result.changes) == 2
    assert not any("write" in str(text) for row in rows for text in row), "the others stay opposite"
    unfolded = result.unfold(start + 2)
    assert "parameters" in "".join(str(row.left) for row in unfolded.rows)
    assert unfolded.unfold_all() == result.unfold_all()
