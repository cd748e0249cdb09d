"""Slots, conversations and the ledger as lines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len
from textual.content import Content

from console.widgets.lane_lines import journal_lines, lane_heading, lane_line, ledger_lines, slot_lines
from proxy_core.board import Board, SlotView
from proxy_core.events import JournalState
from proxy_core.ledger import EMPTY, Account, Amount, Ledger
from tests.screens.explained import MAIN, START, board, ledger

NOW = START + 640.0


def text(lines: list[Content]) -> str:
    return "\n".join(line.plain for line in lines)


def test_who_holds_which_slot_and_what_it_does() -> None:
    said = text(slot_lines(board(), 80)).split("\n")
    assert "What did the build say" in said[0]
    assert "◐ 43 % · 12s left" in said[0]
    assert "Fix the flaky test" in said[1]
    assert said[1].endswith("idle")
    assert "No slot is known yet" in text(slot_lines(Board(), 80))


def test_slots_that_nobody_holds_stand_behind_one_line() -> None:
    slots = tuple(SlotView(n, 5001, MAIN if n == 3 else None, None, n == 7, None, None) for n in range(32))
    said = text(slot_lines(Board(board().lanes, slots), 80))
    assert "slot 3 :5001" in said
    assert "slot 7 :5001" in said
    assert "busy" in said
    assert "and 30 more slots" in said


@pytest.mark.parametrize("width", [40, 76, 90, 116, 180])
def test_a_conversation_fits_and_columns_line_up(width: int) -> None:
    heading = lane_heading(width).plain
    for lane in board().lanes:
        line = lane_line(lane, EMPTY, NOW, width).plain
        if width >= 76:
            assert cell_len(line) <= width
            assert line[heading.index("verdict") - 2 : heading.index("verdict")] == "  "
    main = lane_line(board().lanes[0], dict(ledger().lanes)[MAIN], NOW, width).plain
    assert "■ 0" in main
    assert "20s" in main
    assert ("2m03s" in main) == (width >= 84)
    assert ("openclaw" in main) == (width >= 100)


def test_a_lost_slot_and_unknown_figures_are_told() -> None:
    lane = replace(board().lanes[2], slot=None, tokens=None, reused=None, verdict=None, client=None, label="")
    line = lane_line(lane, EMPTY, NOW, 120).plain
    assert lane.id in line
    assert line.count("–") == 6
    assert "□ 0" in lane_line(board().lanes[2], EMPTY, NOW, 120).plain


def test_the_ledger_counts_all_and_the_chosen_conversation() -> None:
    said = text(ledger_lines(ledger(), board().lanes[0], 54)).split("\n")
    saved = next(line for line in said if line.startswith("saved by rules"))
    assert saved.split()[-4:] == ["47.2k", "2m03s", "47.2k", "2m03s"]
    evicted = next(line for line in said if "evicted" in line)
    assert evicted.split()[-3:] == ["18.9k", "49s", "–"]
    lost = next(line for line in said if line.startswith("lost in all"))
    assert lost.split()[-4:] == ["111k", "4m49s", "82.5k", "3m34s"]
    assert "off by 0.8 % of the prompt" in " ".join(said)
    assert max(cell_len(line) for line in said) <= 54


def test_an_empty_ledger_and_one_without_speed() -> None:
    assert "Nothing was saved or lost yet." in text(ledger_lines(Ledger(), None, 54))
    slow = Ledger(Account(1, Amount(1_200, 0.0, 1)))
    said = text(ledger_lines(slow, None, 54))
    assert "1.2k      –" in said, "without a measured speed nobody knows the time"
    assert "not checked yet" in said


@pytest.mark.parametrize("width", [20, 38, 54, 120])
def test_what_is_wrong_with_the_journal_is_told_in_full(width: int) -> None:
    assert journal_lines(JournalState("journal.sqlite"), width) == []
    assert journal_lines(JournalState(), width) == []
    lines = journal_lines(JournalState("j", 1, "The disk\x1b[31m is full."), width)
    assert all(line.cell_length <= width for line in lines)
    said = " ".join(line.plain.strip() for line in lines)
    assert "1 request is not in it" in said
    assert "The disk␛[31m is full." in said
