"""Turns explained on the screen: why pane, comparison with the request before, slots and lanes, notices."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.content import Content
from textual.widgets import Static

from console.widgets.chart import TurnChart
from console.widgets.lanes import LaneList, LanesPanel
from console.widgets.status import StatusBar
from console.widgets.why import WhyPane
from proxy_core.board import Board, LaneView, SlotView
from proxy_core.events import BoardChanged, LedgerChanged, RecordChanged, RulesChanged
from proxy_core.exchange import Exchange, Record
from proxy_core.ledger import Account, Amount, Ledger
from proxy_core.llama.turns import Turn
from proxy_core.rules import RuleSet
from proxy_core.verdict import Advice, Predicted, Verdict
from tests.screens.explained import ADVISED, MAIN, MIDWAY, OTHER, running, story, system_changed, turn
from tests.screens.few_rules import FEW_RULES
from tests.screens.fixed import afternoon, facts
from tests.screens.shown import plain, shown

EVIL = "[red]x[/] [@click=app.quit]y[/]\x1b[31m\nz"


async def test_the_selected_turn_is_explained_while_stepping() -> None:
    async with shown(afternoon()) as s:
        assert "is being evaluated" in s.why
        assert "43 % · 12s left" in s.why
        await s.press("[")
        assert "✗ system changed: Inbound Context" in s.why
        assert "Lost 16 190 tokens" in s.why
        await s.press("[")
        assert "Rules saved 16 020 tokens" in s.why
        assert str(s.screen.query_one(WhyPane).border_title) == "why · request 15"


async def test_verdicts_stand_in_the_table_and_progress_before_them() -> None:
    async with shown(afternoon()) as s:
        assert s.verdict(7) == "✓ healthy"
        assert s.verdict(8) == "▲ slot taken: by titles"
        assert s.verdict(13).startswith("✗ ~system changed")
        assert s.verdict(14) == "✕ cancelled"
        assert s.verdict(17) == "◐ 43 % · 12s left"
        await s.tell(RecordChanged(running(17, MIDWAY._replace(share=0.9, seconds_left=2.0))))
        assert s.verdict(17) == "◐ 90 % · 2s left"
        await s.tell(RecordChanged(turn(17, "healthy", reused=19_300, tokens=19_600)))
        assert s.verdict(17) == "✓ healthy"


async def test_who_reads_why_keeps_the_turn_and_the_place() -> None:
    async with shown(afternoon(), (80, 24)) as s:
        await s.press("[", "e", "pagedown")
        pane = s.screen.query_one(WhyPane)
        assert pane.has_focus
        scrolled = pane.scroll_offset.y
        assert scrolled > 0
        known = story()[15]
        assert known.diagnosis is not None
        counted = replace(known.diagnosis, predicted=Predicted(3_050, 19_400, "tokens"))
        await s.tell(RecordChanged(turn(18, "healthy", reused=9, tokens=10)),
                     RecordChanged(replace(known, diagnosis=counted)))  # fmt: skip
        assert s.table.selected == 16, "the next turn does not take it away"
        assert pane.scroll_offset.y == scrolled, "more is known, and nothing moves"
        assert "predicted (tokens)" in s.why
        await s.press("[")
        assert pane.scroll_offset.y == 0, "another turn begins at its headline"


async def test_an_advised_rule_is_switched_on_right_there() -> None:
    async with shown(afternoon()) as s:
        await s.press("[", "e", "n", "space")
        assert s.switched == [(ADVISED, True)]
        await s.press("p", "space")
        assert s.switched[1:] == [("openclaw.message-id", True)]
        await s.tell(RulesChanged(RuleSet.of(FEW_RULES, {})))
        assert "on · space undoes it" in s.why
        assert "on by now" in s.why
        await s.press("space")
        assert s.switched[2:] == [("openclaw.message-id", False)], "what was done here is undone here"


async def test_a_rule_that_is_on_by_now_is_not_switched_off_by_chance() -> None:
    async with shown(afternoon()) as s:
        await s.tell(RulesChanged(RuleSet.of(FEW_RULES, {})))
        await s.press("[", "e")
        assert "space" not in s.keys
        await s.press("space", "enter")
        assert s.switched == []
        await s.press("n", "space")
        assert s.switched == [("openclaw.message-id", False)], "who marks it means it"


async def test_rules_that_help_together_are_switched_together() -> None:
    both = Advice("rule", f"openclaw.message-id, {ADVISED}", "Together they keep 97 %.")
    record = turn(1, "system changed", reused=100, tokens=9_000, lost=8_000, advice=(both,))
    async with shown([*afternoon()[:2], RecordChanged(record)]) as s:
        await s.press("e", "space")
        assert s.switched == [("openclaw.message-id", True), (ADVISED, True)]
        await s.tell(RulesChanged(RuleSet.of(FEW_RULES, {})))
        assert f"■ openclaw.message-id, {ADVISED}" in s.why
        await s.press("space")
        assert s.switched[2:] == [("openclaw.message-id", False), (ADVISED, False)]


async def test_the_key_line_leaves_out_a_switch_that_would_do_nothing() -> None:
    async with shown(afternoon()) as s:
        await s.press("[", "e")
        assert "space switch rule" in s.keys
        await s.press("[")
        assert "space" not in s.keys
        await s.press("space")
        assert s.switched == []
        assert any("No rule is advised" in n.message for n in s.app._notifications)


async def test_a_key_that_follows_at_once_is_the_pane_s() -> None:
    async with shown(afternoon()) as s:
        await s.press("[", "e", "t")
        s.screen.action_pane("why")
        assert s.screen.focused is s.screen.query_one(WhyPane)


async def test_conversations_that_nothing_is_known_of_but_their_id_are_only_counted() -> None:
    bare = LaneView("0f3d0847", None, "", None, None, False, 0, 1.0, None, None, None)
    board = Board((*afternoon_board().lanes, bare), afternoon_board().slots)
    async with shown([*afternoon(), BoardChanged(board)]) as s:
        await s.press("s")
        assert s.screen.query_one(LaneList).option_count == 3
        subtitle = str(s.screen.query_one(LanesPanel).border_subtitle)
        assert subtitle == "2 slots · 3 lanes · 1 remembered from before"


async def test_the_newest_conversation_shows_until_somebody_reads_the_list() -> None:
    board = afternoon_board()
    async with shown(afternoon(), (160, 48)) as s:
        await s.press("s", "t")
        await s.tell(BoardChanged(Board(tuple(reversed(board.lanes)), board.slots)))
        assert "Write a tit…" in s.ledger
        await s.press("s")
        await s.tell(BoardChanged(board))
        assert "Write a tit…" in s.ledger, "now it is read"


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (160, 48), (200, 60)])
async def test_every_slot_can_be_seen(size: tuple[int, int]) -> None:
    slots = tuple(SlotView(n, None, MAIN, 9_100, True, 0.43, 612.0) for n in range(8))
    async with shown([*afternoon(), BoardChanged(Board(afternoon_board().lanes, slots))], size) as s:
        await s.press("s", "tab")
        below, drawn = s.screen.query_one("#below"), s.screen.query_one("#slots")
        assert drawn.size.height == 8
        assert all("10m12s" in line for line in plain(s.screen.query_one("#slots", Static)).split("\n"))
        await s.press("end")
        assert below.scroll_offset.y == below.max_scroll_y
        assert s.screen.focused is below or below.max_scroll_y == 0


async def test_tokens_are_counted_for_a_turn_that_is_looked_at() -> None:
    async with shown(afternoon()) as s:
        await s.pilot.press("f", *["left_square_bracket"] * 3)
        assert s.looks == [], "who steps through turns wants none counted"
        await s.press("]", "]")
        await s.pilot.pause(0.6)
        assert s.looks == [16]
        await s.tell(RecordChanged(replace(story()[15], flipped="rules on")))
        await s.pilot.pause(0.6)
        assert s.looks == [16], "once a look"


async def test_tokens_are_not_counted_twice_nor_out_of_sight() -> None:
    known = system_changed(1)
    assert known.diagnosis is not None
    counted = replace(known.diagnosis, predicted=Predicted(3_050, 19_400, "tokens"))
    async with shown([*facts(), RecordChanged(replace(known, diagnosis=counted))]) as s:
        await s.pilot.pause(0.6)
        assert s.looks == []
    async with shown([*facts(), RecordChanged(known)], (80, 24)) as s:
        await s.pilot.pause(0.6)
        assert s.looks == [], "the pane is not there"
        await s.press("e")
        await s.pilot.pause(0.6)
        assert s.looks == [1]


async def test_v_compares_with_the_request_before_and_stays_so() -> None:
    async with shown(afternoon()) as s:
        await s.press("[", "d")
        assert "no rule changed it" in str(s.diff.border_title)
        await s.press("v")
        assert "previous (15) → current" in str(s.diff.border_title)
        assert "as forwarded" in str(s.diff.border_subtitle)
        assert s.diff.diff is not None
        texts = [f"{row.left} {row.right}" for row in s.diff.diff.rows]
        assert any("run 15" in text and "run 16" in text for text in texts)
        await s.press("[")
        assert "previous (14) → current" in str(s.diff.border_title)
        await s.press("v")
        assert "raw → normalized" in str(s.diff.border_title)


async def test_v_brings_the_diff_and_says_what_is_missing() -> None:
    async with shown(afternoon()) as s:
        s.engine.gone.add(15)
        await s.press("v")
        assert s.diff.has_focus
        assert "worked out when it has ended" in s.diff._message
        await s.press("[")
        assert "request 15, which this one continues, is no longer in memory" in s.diff._message
        await s.press("[")
        assert "body of request 15 is no longer in memory" in s.diff._message
        await s.press(*["["] * 14)
        assert s.table.selected == 1
        assert "It is the first request of its conversation. v shows" in s.diff._message


async def test_the_comparison_comes_with_the_diagnosis() -> None:
    async with shown(afternoon()) as s:
        await s.press("v")
        await s.tell(RecordChanged(turn(17, "healthy", reused=19_300, tokens=19_600)))
        assert "previous (16) → current" in str(s.diff.border_title)


async def test_slots_lanes_and_the_ledger_of_one_of_them() -> None:
    async with shown(afternoon()) as s:
        await s.press("s")
        assert s.screen.query_one(LaneList).has_focus
        assert "What did th…" in s.ledger
        assert "saved by rules" in s.ledger
        await s.press("down")
        assert "Fix the fla…" in s.ledger
        turned = Board(tuple(reversed(afternoon_board().lanes)), afternoon_board().slots)
        await s.tell(BoardChanged(turned))
        assert "Fix the fla…" in s.ledger, "the cursor stays on its conversation"
        assert "2 slots · 3 lanes" in str(s.screen.query_one(LanesPanel).border_subtitle)
        await s.press("enter")
        newest = max(r.id for r in story() if r.exchange and r.exchange.lane == OTHER)
        assert s.table.selected == newest


def afternoon_board() -> Board:
    return next(event.board for event in afternoon() if isinstance(event, BoardChanged))


async def test_no_slots_no_lanes_no_turns() -> None:
    async with shown(facts()) as s:
        assert "The selected turn is explained here" in s.why
        await s.press("s")
        assert "Nothing was saved or lost yet." in s.ledger
        await s.press("enter", "e", "space", "n", "v")
        assert s.engine.wishes == []


@pytest.mark.parametrize("size", [(150, 44), (160, 48), (200, 60)])
async def test_why_and_diff_stand_together_where_there_is_room(size: tuple[int, int]) -> None:
    async with shown(afternoon(), size) as s:
        await s.press("[")
        assert s.sees("diff")
        assert "✗ system changed" in s.why
        assert "request 16" in str(s.diff.border_title)
        await s.press("s")
        assert s.sees("lanes")
        assert not s.sees("diff")
        await s.press("e")
        assert s.sees("lanes"), "why has a place of its own"
        await s.press("d")
        assert s.sees("diff")


async def test_the_pane_below_the_turns_stays_when_they_take_the_keys() -> None:
    async with shown(afternoon()) as s:
        for key, name in (("d", "diff"), ("s", "lanes"), ("l", "log"), ("r", "rules"), ("e", "why")):
            await s.press(key, "t")
            assert s.table.has_focus
            assert s.sees(name)


async def test_one_quiet_notice_for_many_losses() -> None:
    lossy = [
        turn(n, "system changed", "Inbound Context", reused=100, tokens=9_000, lost=8_000)
        for n in range(1, 9)
    ]
    async with shown([*facts(), *map(RecordChanged, lossy)]) as s:
        told = [n for n in s.app._notifications if "system changed" in n.title]
        assert len(told) == 1
        assert told[0].message.startswith("openclaw, request 1 at ")


async def test_foreign_text_is_never_markup() -> None:
    record = turn(
        1, "system changed", EVIL, reused=100, tokens=9_000, lost=8_000, evidence=(EVIL,), client=EVIL
    )
    lane = LaneView(MAIN, EVIL, EVIL, None, 0, True, 1, 1.0, 9_000, None, Verdict("system changed", EVIL))
    async with shown([*facts(), RecordChanged(record), BoardChanged(Board((lane,)))], (200, 60)) as s:
        assert "system changed: [red]x[/] [@click=app.quit]y[/]␛[31m␊z" in s.why
        assert "\x1b" not in s.why
        await s.press("s", "down")
        option = s.screen.query_one(LaneList).get_option_at_index(0).prompt
        assert isinstance(option, Content)
        assert "[red]x[/]" in option.plain
        assert "\x1b" not in option.plain
        assert all("\x1b" not in n.title + n.message for n in s.app._notifications)


async def test_saved_and_reused_stand_in_the_status_line() -> None:
    async with shown(afternoon()) as s:
        line = str(s.screen.query_one(StatusBar).render())
        assert "saved 2m03s" in line
        assert "reused 57 %" in line
        await s.tell(LedgerChanged(Ledger(Account(1, Amount(1_200, 0.0, 1)))))
        assert "saved 1.2k tokens" in str(s.screen.query_one(StatusBar).render())
    async with shown(facts()) as s:
        line = str(s.screen.query_one(StatusBar).render())
        assert "saved" not in line
        assert "reused –" not in line


async def test_similarity_of_old_builds_is_not_charted() -> None:
    old = Turn(slot=0, task=1, similarity=0.7, prompt_n=10, cached_n=20, prompt_ms=5.0)
    exchange = Exchange("POST", "/x", "chat", "chat", True, status="done")
    async with shown([*facts(), RecordChanged(Record(1, 1.0, exchange, old))]) as s:
        points = s.screen.query_one("#sim-chart", TurnChart)._points
        assert [(point.value, point.second) for point in points] == [(None, 20 / 30)]
        assert "similarity" in s.why
