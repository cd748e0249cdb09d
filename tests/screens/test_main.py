"""The main screen: rules obeyed, requests stepped through, trouble shown."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from textual.widget import Widget
from textual.widgets import Input, Static

from console.screens.charts import Charts
from console.screens.help import HelpScreen
from console.widgets.chart import TurnChart
from console.widgets.diff_pane import DiffPane
from console.widgets.keyline import MOST_KEYS, KeyLine
from console.widgets.lanes import LaneList
from console.widgets.log import LogPane
from console.widgets.rules import RuleList, RulesPanel
from console.widgets.status import StatusBar
from console.widgets.turns import TurnsTable
from console.widgets.why import WhyPane
from proxy_core import paths
from proxy_core.events import RecordChanged
from proxy_core.exchange import Exchange, Record
from tests.real_llama import LlamaFactory, LlamaServer, stop
from tests.screens.kit import Driven, conversation, driven

KEYS = {"d": "diff", "e": "why", "s": "lanes", "r": "rules", "l": "log", "t": "turns"}

RULE = """
[[rule]]
id = "mine.hello"
title = "Greetings"
does = "Removes a greeting."
cost = "Politeness."

[[rule.look]]
in = ["user"]
pattern = '{pattern}'
"""


def table(d: Driven) -> TurnsTable:
    return d.screen.query_one(TurnsTable)


def cell(d: Driven, row: int, column: str) -> str:
    return table(d).get_row_at(row)[[c.value for c in table(d).columns].index(column)].plain.strip()


def ended(d: Driven, turns: int) -> bool:
    """Whether so many turns have come, and the last one has ended."""
    records = d.app._model.turns()
    return len(records) == table(d).row_count == turns and not records[-1].open


def notices(d: Driven) -> list[str]:
    return [f"{n.title}: {n.message}" for n in d.app._notifications]


def told(d: Driven, words: str) -> bool:
    return any(words in text for text in notices(d))


def maximized(d: Driven) -> Widget | None:
    return d.screen.maximized


def following(d: Driven) -> bool:
    return d.screen.query_one(LogPane).following


def status(d: Driven) -> str:
    return str(d.screen.query_one(StatusBar).render())


def edited_by(d: Driven) -> set[str]:
    """The rules that changed something in the newest request."""
    exchange = d.app._model.turns()[-1].exchange
    assert exchange is not None
    return {edit.rule for edit in exchange.edits}


async def test_a_switched_rule_is_obeyed_by_the_next_request(llama: LlamaServer) -> None:
    first, second, *_ = conversation()
    async with driven(llama.url) as d:
        await d.until(lambda: d.app._model.rules.enabled)
        rules = d.app._model.rules
        await d.send(first)
        await d.until(lambda: ended(d, 1))
        assert cell(d, 0, "edits") != "0"
        assert {"openclaw.message-id", "openclaw.timestamp"} <= edited_by(d)
        # OpenClaw has come, so its rules stand first, and the cursor is on the first of them.
        await d.pilot.press("r", "space", "down", "space")
        await d.until(lambda: len(d.app._model.rules.enabled) == len(rules.enabled) - 2)
        switched = rules.enabled - d.app._model.rules.enabled
        assert switched == {"openclaw.message-id", "openclaw.timestamp"}
        await d.send(second)
        await d.until(lambda: ended(d, 2))
        assert not edited_by(d) & switched
        counts = f"{len(rules.enabled) - 2} of {len(rules.rules)} on"
        assert str(d.screen.query_one(RulesPanel).border_subtitle) == counts
        chart = d.screen.query_one("#sim-chart", TurnChart)
        assert [point.mark for point in chart._points] == [None, "rules off"]
        assert f"rules {len(rules.enabled) - 2}/{len(rules.rules)} safe" in status(d)


async def test_figures_come_from_the_log(llama_factory: LlamaFactory) -> None:
    server = llama_factory()
    async with driven(server.url, log=server.log_path) as d:
        for request in conversation(2):
            await d.send(request)
        await d.until(lambda: table(d).row_count >= 2 and cell(d, table(d).row_count - 1, "sim") != "–")
        last = table(d).row_count - 1
        assert cell(d, last, "number") == str(last + 1)
        assert cell(d, last, "client") == "openclaw"
        assert float(cell(d, last, "sim")) > 0.95
        assert cell(d, last, "reused") in ("97 %", "98 %", "99 %")
        assert d.screen.query_one("#sim-chart", TurnChart).figures[0] == f"sim {cell(d, last, 'sim')}"


async def test_turns_are_explained(llama_factory: LlamaFactory) -> None:
    server = llama_factory()
    async with driven(server.url, log=server.log_path) as d:
        for request in conversation(2):
            await d.send(request)
        last = len(conversation(2)) - 1
        await d.until(lambda: ended(d, last + 1) and cell(d, last, "verdict") == "✓ healthy")
        assert cell(d, 0, "verdict").startswith("· cold start")
        why = d.screen.query_one(WhyPane)
        await d.until(lambda: "✓ healthy" in str(why.query(Static).first().render()))
        await d.until(lambda: d.app._model.board.lanes and d.app._model.ledger.total.turns)
        await d.pilot.press("s")
        await d.until(lambda: d.screen.query_one(LaneList).option_count == 1)


async def test_without_a_log_sim_is_unknown_and_the_rest_is_there(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        await d.send(conversation(1)[0])
        await d.until(lambda: table(d).row_count == 1 and cell(d, 0, "eval") != "–")
        assert cell(d, 0, "sim") == "–"
        assert cell(d, 0, "reused") != "–"
        assert "sim unknown" in d.screen.query_one("#sim-chart", TurnChart).figures[1]
        await d.pilot.press("l")
        assert "--log" in d.screen.query_one(LogPane)._empty


async def test_stepping_through_requests(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        for request in conversation(3):
            await d.send(request)
        await d.until(lambda: table(d).row_count == len(conversation(3)))
        newest = table(d).selected
        assert table(d).following
        await d.pilot.press("d", "t", "f", "left_square_bracket")
        assert table(d).selected == (newest or 0) - 1
        assert not table(d).following
        pane = d.screen.query_one(DiffPane)
        await d.until(lambda: f"request {table(d).selected} " in str(pane.border_title))
        assert d.screen.query_one("#sim-chart", TurnChart).selected == table(d).selected
        await d.send(conversation(1)[0])
        await d.until(lambda: table(d).row_count == len(conversation(3)) + 1)
        assert table(d).selected == (newest or 0) - 1, "what the person reads does not move"
        await d.pilot.press("f")
        assert table(d).selected == (newest or 0) + 1
        await d.pilot.press("d", "n")
        subtitle = str(pane.border_subtitle)
        assert subtitle.startswith("change ")
        assert " edits: " in subtitle
        assert "message-id" in subtitle


async def test_a_click_on_a_bar_selects_its_turn(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        for request in conversation(2):
            await d.send(request)
        await d.until(lambda: table(d).row_count >= 2)
        await d.pilot.pause(0.3)
        chart = d.screen.query_one("#eval-chart", TurnChart)
        grid = chart._grid()
        y, x = next(
            (y, x) for y, row in enumerate(grid) for x, c in enumerate(row) if c.key == 1 or c.key == 2
        )
        await d.pilot.click(chart, offset=(x + 2, y + 1))
        await d.until(lambda: table(d).selected == grid[y][x].key)


async def test_rule_files_are_read_while_it_runs(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        await d.until(lambda: paths.rules_dir().is_dir())
        await d.pilot.pause(0.5)
        file = paths.rules_dir() / "mine.toml"
        file.write_text(RULE.format(pattern="Hello "), encoding="utf-8")
        await d.until(lambda: d.app._model.rules.get("mine.hello"))
        assert "mine.hello" in d.app._model.rules.enabled
        for wrong in ("(?=x)", "(?!x)", "(?=y)"):
            file.write_text(RULE.format(pattern=wrong), encoding="utf-8")
            await d.until(partial(told, d, wrong))
        errors = [text for text in notices(d) if "mine.toml" in text]
        assert len(errors) == 1, "one notice for one trouble"
        assert "mine.hello" in errors[0]
        words = str(d.screen.query_one("#rule-words Static", Static).render())
        assert "! mine.toml" in words
        assert d.app._model.rules.get("mine.hello") is not None, "the rules that were in force stay"
        file.unlink()
        await d.until(lambda: d.app._model.rules.get("mine.hello") is None)


async def test_upstream_down_and_back(llama_factory: LlamaFactory) -> None:
    server = llama_factory()
    port = int(server.url.rsplit(":", 1)[1])
    async with driven(server.url) as d:
        await d.until(lambda: "● llama-server" in status(d))
        stop(server.process)
        await d.until(lambda: "down" in status(d))
        answer = await d.send(conversation(1)[0])
        assert answer.status_code == 502
        await d.until(lambda: table(d).row_count == 1 and cell(d, 0, "verdict") == "! error 502")
        llama_factory(port=port)
        await d.until(lambda: "● llama-server" in status(d))


async def test_a_rotated_log_goes_on(llama: LlamaServer, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    async with driven(llama.url, log=log) as d:
        pane = d.screen.query_one(LogPane)
        log.write_text(
            "slot get_availabl: id  0 | task -1 | selected slot by LRU, t_last = -1\n", encoding="utf-8"
        )
        await d.until(lambda: len(pane._lines) == 1)
        log.rename(tmp_path / "server.log.1")
        log.write_text("srv  update_slots: all slots are idle\n", encoding="utf-8")
        await d.until(lambda: len(pane._lines) == 2)
        assert [line.category for line in pane._lines] == ["select", "server"]


async def test_the_log_is_searched_and_held(llama: LlamaServer, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text(
        "".join(f"line {n} {'needle' if n % 50 == 0 else ''}\n" for n in range(200)), encoding="utf-8"
    )
    async with driven(llama.url, log=log) as d:
        pane = d.screen.query_one(LogPane)
        await d.until(lambda: len(pane._lines) == 200)
        await d.pilot.press("l", "slash", *"NEEDLE")
        assert pane._hits == [0, 50, 100, 150]
        assert pane._at == 150
        await d.pilot.press("enter", "n")
        assert pane._at == 100
        await d.pilot.press("N")
        assert pane._at == 150
        assert not following(d)
        assert "4 hits" in str(d.screen.query_one("#log").border_subtitle)
        await d.pilot.press("escape")
        assert not d.screen.query_one("#search", Input).display
        await d.pilot.press("w")
        assert following(d)
        await d.until(lambda: pane.scroll_offset.y == pane.max_scroll_y)


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)])
async def test_every_pane_can_be_shown_and_maximized(llama: LlamaServer, size: tuple[int, int]) -> None:
    async with driven(llama.url, size=size) as d:
        for key, name in KEYS.items():
            await d.pilot.press(key)
            await d.pilot.pause()
            pane = d.screen.query_one(f"#{name}")
            assert pane.is_on_screen
            await d.pilot.press("z")
            await d.pilot.pause()
            assert maximized(d) is pane
            assert pane.region.height >= size[1] - 2
            await d.pilot.press("z")
            assert maximized(d) is None
            assert 1 <= len(d.screen.query_one(KeyLine)._keys) <= MOST_KEYS


async def test_help_palette_theme_and_bypass(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        await d.pilot.press("question_mark")
        assert isinstance(d.app.screen, HelpScreen)
        await d.pilot.press("escape")
        await d.pilot.press("T")
        assert d.app.theme == "kvconsole-light"
        await d.pilot.press("b")
        await d.until(lambda: "bypassed" in status(d))
        await d.send(conversation(1)[0])
        await d.until(lambda: table(d).row_count == 1)
        assert cell(d, 0, "edits") == "0"
        titles = [command.title for command in d.app.get_system_commands(d.screen)]
        assert "rules: Switch off openclaw.timestamp" in titles
        assert "theme: kvconsole-dark" in titles


async def test_foreign_text_is_never_markup(llama: LlamaServer, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    odd = "[/foo] [red]not red[/] \x1b[31mnor this\x1b[0m \x07 😀 [@click=app.quit]x[/]"
    log.write_text(odd + "\n", encoding="utf-8")
    async with driven(llama.url, log=log) as d:
        await d.pilot.press("l")
        pane = d.screen.query_one(LogPane)
        await d.until(lambda: len(pane._lines) == 1)
        shown = pane.render_line(0).text
        assert "[/foo] [red]not red[/] nor this ␇ 😀 [@click=app.quit]x[/]" in shown
        request = conversation(1)[0]
        body = b'{"messages":[{"role":"user","content":"[/foo] \\u001b[31m [bold]"}],"max_tokens":1}'
        await d.send(type(request)(request.path, body, {**request.headers, "User-Agent": "[/evil]/1"}, 1))
        await d.until(lambda: table(d).row_count == 1)
        assert cell(d, 0, "client") == "["


async def test_the_charts_know_what_they_hold(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        assert d.screen.query_one(Charts).query_one("#sim-chart", TurnChart).empty
        assert "No request yet" in str(d.screen.query_one("#no-turns").render())


async def test_the_diff_is_of_the_selected_request_after_it_was_hidden(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        requests = conversation(3)
        for request in requests[:2]:
            await d.send(request)
        await d.until(lambda: table(d).row_count == 2)
        await d.pilot.press("r")
        await d.send(requests[2])
        await d.until(lambda: table(d).row_count == 3)
        await d.pilot.press("d")
        pane = d.screen.query_one(DiffPane)
        await d.until(lambda: f"request {table(d).selected} " in str(pane.border_title))
        held = table(d).selected
        await d.send(requests[3])
        await d.until(lambda: table(d).row_count == 4)
        assert table(d).selected == held, "who reads a diff keeps it"


async def test_dropping_old_turns_moves_nothing_that_is_read(llama: LlamaServer) -> None:
    async with driven(llama.url, history=10) as d:
        body = b'{"messages":[{"role":"user","content":"Hi"}],"max_tokens":1}'
        request = type(conversation(1)[0])("/v1/chat/completions", body, {}, 1)
        for _ in range(10):
            await d.send(request)
        await d.until(lambda: table(d).row_count == 10)
        await d.pilot.press(*["left_square_bracket"] * 4)
        selected = table(d).selected
        for _ in range(3):
            await d.send(request)
        await d.until(lambda: table(d).row_count == 10 and max(d.app._model.records) > (selected or 0) + 6)
        assert table(d).selected == selected


async def test_the_scroll_bar_stands_at_the_end_with_the_newest_turn(llama: LlamaServer) -> None:
    exchange = Exchange("POST", "/x", "chat", "chat", True, status="done")
    async with driven(llama.url) as d:
        d.app._events.extend(RecordChanged(Record(number, 1.0, exchange)) for number in range(1, 40))
        await d.until(lambda: table(d).row_count == 39 and table(d).max_scroll_y > 0)
        await d.until(lambda: table(d).scroll_offset.y == table(d).max_scroll_y)
        await d.until(lambda: table(d).vertical_scrollbar.position == table(d).scroll_y)


async def test_why_a_request_failed_is_said(llama_factory: LlamaFactory) -> None:
    server = llama_factory()
    async with driven(server.url) as d:
        await d.until(lambda: "● llama-server" in status(d))
        stop(server.process)
        await d.send(conversation(1)[0])
        await d.pilot.press("d")
        pane = d.screen.query_one(DiffPane)
        await d.until(lambda: "nobody listens there" in pane._message)
        assert "--upstream" in pane._message


async def test_a_click_on_a_rule_first_goes_there(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        await d.until(lambda: d.app._model.rules.enabled)
        enabled = d.app._model.rules.enabled
        await d.pilot.press("r")
        await d.pilot.pause()
        # The first line is a heading, the second one under the cursor.
        for _ in range(2):
            await d.pilot.click(RuleList, offset=(3, 0))
        await d.pilot.click(RuleList, offset=(3, 2))
        await d.pilot.pause(0.3)
        assert d.app._model.rules.enabled == enabled
        await d.pilot.click(RuleList, offset=(3, 2))
        await d.until(lambda: d.app._model.rules.enabled != enabled)
