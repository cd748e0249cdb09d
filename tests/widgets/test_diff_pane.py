from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from console.widgets import diff_pane
from console.widgets.diff_painter import DIVIDER, clip
from console.widgets.diff_pane import DiffPane
from proxy_core.diff.rows import Diff, diff
from tests.bench.diff import chat_body

WIDE = (120, 30)
NARROW = (80, 24)


class PaneApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.moves: list[tuple[int, int]] = []
        self.shown: list[Diff] = []

    def compose(self) -> ComposeResult:
        yield DiffPane()

    def on_diff_pane_moved(self, message: DiffPane.Moved) -> None:
        self.moves.append((message.change, message.changes))

    def on_diff_pane_shown(self, message: DiffPane.Shown) -> None:
        self.shown.append(message.diff)


def _chat(*contents: str) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": content} for content in contents]}).encode()


def _numbered(*changed: int) -> bytes:
    lines = [f"line {number}" + (" is new" if number in changed else "") for number in range(1, 201)]
    return _chat("\n".join(lines))


async def _show(pilot: Pilot[None], left: bytes, right: bytes, key: object = "key") -> DiffPane:
    pane = pilot.app.query_one(DiffPane)
    pane.focus()
    await pane.show(left, right, "chat", title="request 1", key=key)
    await pilot.pause()
    return pane


def _screen(pane: DiffPane) -> list[str]:
    return [pane.render_line(y).text for y in range(pane.size.height)]


def _current(pane: DiffPane) -> str | None:
    assert pane.diff is not None
    return pane.diff.rows[pane.cursor_row].right


async def test_a_change_is_shown_in_the_upper_third() -> None:
    async with PaneApp().run_test(size=WIDE) as pilot:
        pane = await _show(pilot, _numbered(), _numbered(100, 150))
        assert _current(pane) == "line 100 is new"
        await pilot.press("u", "n")
        assert "line 150 is new" in _screen(pane)[pane.size.height // 3]


async def test_opens_at_a_first_change_that_is_far_down() -> None:
    many = [f"section {number}" for number in range(100)]
    left, right = (_chat(*many, *(f"{word} {number}" for number in range(60))) for word in ("old", "new"))
    async with PaneApp().run_test(size=WIDE) as pilot:
        pane = await _show(pilot, left, right)
        await pilot.press("u", "end")
        await _show(pilot, left + b" ", right, "other")
        assert _current(pane) == "new 0"
        assert any("new 0" in text for text in _screen(pane))


async def test_n_and_p_step_through_changes_and_stop_at_the_ends() -> None:
    app = PaneApp()
    async with app.run_test(size=WIDE) as pilot:
        pane = await _show(pilot, _numbered(), _numbered(10, 100, 190))
        await pilot.press("u")
        seen = []
        for key in "nnnpp":
            await pilot.press(key)
            seen.append(_current(pane))
            marked = [text for text in _screen(pane) if text.startswith("▌")]
            assert len(marked) == 1
            assert str(_current(pane)) in marked[0]
    assert seen == [f"line {number} is new" for number in (100, 190, 190, 100, 10)]
    assert app.moves == [(1, 3), (2, 3), (3, 3), (2, 3), (1, 3)]
    assert [len(shown.changes) for shown in app.shown] == [3]


async def test_enter_unfolds_the_fold_under_the_cursor() -> None:
    async with PaneApp().run_test(size=WIDE) as pilot:
        pane = await _show(pilot, _numbered(), _numbered(100))
        assert not any("line 90" in text for text in _screen(pane))
        await pilot.press("home", "down", "down", "down")
        assert _current(pane) == "96 lines unchanged"
        await pilot.press("enter")
        assert _current(pane) == "line 1"
        await pilot.press(*["pagedown"] * 4)
        assert any("line 90" in text for text in _screen(pane))


async def test_a_click_unfolds_and_leaves_what_is_above_in_place() -> None:
    async with PaneApp().run_test(size=WIDE) as pilot:
        pane = await _show(pilot, _numbered(), _numbered(100))
        before = _screen(pane)
        y = next(y for y, text in enumerate(before) if "97 lines unchanged" in text)
        await pilot.click(pane, offset=(20, y))
        assert [text[1:] for text in _screen(pane)[:y]] == [text[1:] for text in before[:y]]
        assert "line 104" in _screen(pane)[y]


async def test_u_unfolds_everything_and_folds_it_again() -> None:
    async with PaneApp().run_test(size=WIDE) as pilot:
        pane = await _show(pilot, _numbered(), _numbered(100))
        folded = pane.diff
        await pilot.press("u")
        assert pane.diff is not None
        assert not any(row.kind == "fold" for row in pane.diff.rows)
        assert _current(pane) == "line 100 is new"
        await pilot.press("u")
        assert pane.diff == folded
        assert _current(pane) == "line 100 is new"


async def test_wide_panes_have_two_columns_and_narrow_ones_signs() -> None:
    async with PaneApp().run_test(size=WIDE) as pilot:
        pane = await _show(pilot, _chat("same\nold words"), _chat("same\nnew words"))
        changed = next(text for text in _screen(pane) if "old words" in text)
        left, right = changed.split(DIVIDER)
        assert left.split() == ["▌2", "-", "old", "words"]
        assert right.split() == ["2", "+", "new", "words"]
        await pilot.resize_terminal(*NARROW)
        await pilot.pause()
        shown = _screen(pane)
        assert not any(DIVIDER in text for text in shown)
        assert any("- old words" in text for text in shown)
        assert any("+ new words" in text for text in shown)
        await pilot.resize_terminal(*WIDE)
        await pilot.pause()
        assert any(DIVIDER in text for text in _screen(pane))


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_odd_text_is_shown_as_text_and_keeps_the_columns(size: tuple[int, int]) -> None:
    odd = "[/foo] [bold]x[/] \x1b[31mred \t 漢字漢字 👍🏽 ⚠️ e\u0301 \u202e \ud800 " * 4
    async with PaneApp().run_test(size=size) as pilot:
        pane = await _show(pilot, _chat(odd, "[/title]"), _chat(odd + "!", "x"))
        assert any("[/foo] [bold]x[/] ␛[31mred" in text for text in _screen(pane))
        for _ in range(12):
            shown = _screen(pane)
            assert {cell_len(text) for text in shown} == {pane.size.width}
            columns = {cell_len(text[: text.index(DIVIDER)]) for text in shown if DIVIDER in text}
            assert len(columns) == (1 if size == WIDE else 0)
            await pilot.press("right")


async def test_titles_are_not_markup() -> None:
    async with PaneApp().run_test() as pilot:
        pane = await _show(pilot, _chat("a"), _chat("b"))
        await pane.show(_chat("a"), _chat("b"), None, title="[/foo] \x1b[31m", key=2)
        assert "foo" in str(pane.border_title)
        assert "\x1b" not in str(pane.border_title)


async def test_both_sides_scroll_together_to_the_end_of_the_widest_line() -> None:
    async with PaneApp().run_test(size=WIDE) as pilot:
        pane = await _show(pilot, _chat("x" * 110 + "left end"), _chat("x" * 110 + "right end"))
        for _ in range(15):
            await pilot.press("right")
        row = next(text for text in _screen(pane) if "left end" in text)
        assert "right end" in row
        assert row.index("left end") < row.index(DIVIDER) < row.index("right end")


@contextmanager
def _counted_rows(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    rendered: list[int] = []
    render_line = DiffPane.render_line

    def count(self: DiffPane, y: int) -> object:
        rendered.append(y)
        return render_line(self, y)

    monkeypatch.setattr(DiffPane, "render_line", count)
    yield rendered


@pytest.mark.parametrize("content", ["lines", "one line"])
async def test_only_lines_in_sight_are_rendered(content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if content == "lines":
        left, right = (chat_body(615_000, stamp=stamp, every=1) for stamp in ("20:48 UTC", "20:49 UTC"))
    else:
        left, right = _chat("x" * 1_000_000), _chat("x" * 999_999)
    with _counted_rows(monkeypatch) as rendered:
        async with PaneApp().run_test(size=WIDE) as pilot:
            pane = await _show(pilot, left, right)
            await pilot.press("u", "end", "home", "n")
            assert pane.diff is not None
            assert set(rendered) <= set(range(WIDE[1]))
            assert len(rendered) < 60 * WIDE[1]
            assert content == "one line" or len(pane.diff.rows) > 10_000


async def test_comparing_leaves_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def compare(left: bytes, right: bytes, api: str | None) -> Diff:
        threads.append(threading.get_ident())
        return diff(left, right, api)

    monkeypatch.setattr(diff_pane, "diff", compare)
    async with PaneApp().run_test() as pilot:
        for key in (1, 1, 2, 1):
            await _show(pilot, _chat("a"), _chat("b"), key)
    assert len(threads) == 2
    assert threading.get_ident() not in threads


async def test_a_slower_older_request_does_not_replace_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def compare(left: bytes, right: bytes, api: str | None) -> Diff:
        if b"slow" in left:
            release.wait(30)
        return diff(left, right, api)

    monkeypatch.setattr(diff_pane, "diff", compare)
    async with PaneApp().run_test() as pilot:
        pane = pilot.app.query_one(DiffPane)
        async with asyncio.TaskGroup() as group:
            group.create_task(pane.show(_chat("slow"), _chat("b"), None, title="old", key=1))
            await pilot.pause()
            await _show(pilot, _chat("quick"), _chat("b"), key=2)
            release.set()
        assert any("quick" in text for text in _screen(pane))
        assert not any("slow" in text for text in _screen(pane))


async def test_a_message_takes_the_place_of_a_comparison() -> None:
    async with PaneApp().run_test(size=WIDE) as pilot:
        pane = await _show(pilot, _chat("a"), _chat("b"))
        pane.show_message("Nothing yet.\nPoint a client at [here]\x1b")
        await pilot.press("n", "p", "enter", "u", "down", "end", "pageup")
        assert pane.diff is None
        assert any("Point a client at [here]␛" in text for text in _screen(pane))
        await _show(pilot, _chat("a"), _chat("b"))
        assert not any("Nothing yet" in text for text in _screen(pane))


async def test_equal_bodies_say_so_and_unfold() -> None:
    body = _chat("one\ntwo\nthree")
    async with PaneApp().run_test(size=WIDE) as pilot:
        pane = await _show(pilot, body, body)
        assert "equal, byte for byte" in _screen(pane)[0]
        await pilot.press("u")
        assert any("two" in text for text in _screen(pane))


async def test_other_colours_are_used_at_once() -> None:
    async with PaneApp().run_test(size=WIDE) as pilot:
        pane = await _show(pilot, _chat("a"), _chat("b"))
        before = pane.render_line(2)
        pilot.app.theme = "textual-light"
        await pilot.pause()
        after = pane.render_line(2)
        assert after.text == before.text != ""
        assert after != before


def test_wide_characters_are_cut_to_spaces_at_both_edges() -> None:
    assert "".join(piece for piece, _ in clip("漢字漢字", (), 1, 4)) == " 字 "
    assert list(clip("a漢b", ((1, 2),), 0, 6)) == [("a", False), ("漢", True), ("b", False), ("  ", False)]
