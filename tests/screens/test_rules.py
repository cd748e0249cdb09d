"""The rules pane and the level: whose rules show, what the cursor does, and what the keys do."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from textual.widgets import Static

from console.screens.help import HelpScreen
from console.widgets.rule_lines import More
from console.widgets.rules import RuleList, RulesPanel
from proxy_core import paths
from proxy_core.events import RecordChanged, RulesChanged
from proxy_core.exchange import Exchange, Record
from proxy_core.rules import RuleSet
from proxy_core.rules.rule import LEVELS
from proxy_core.state import load_state
from tests.real_llama import LlamaServer
from tests.screens.kit import Driven, conversation, driven
from tests.screens.test_main import status


def lines(d: Driven) -> list[str]:
    """The list, line by line."""
    return [str(option.prompt) for option in listed(d).options]


def listed(d: Driven) -> RuleList:
    return d.screen.query_one(RuleList)


def panel(d: Driven) -> RulesPanel:
    return d.screen.query_one(RulesPanel)


def under_cursor(d: Driven) -> str | None:
    option = listed(d).highlighted_option
    return option.id if option else None


def said(d: Driven) -> str:
    return str(d.screen.query_one("#rule-words Static", Static).render())


def headings(d: Driven) -> list[str]:
    return [line.split(" ─")[0] for line in lines(d) if " ──" in line]


def hits_of(d: Driven, rule_id: str) -> int:
    return dict(d.app._model.totals.hits).get(rule_id, 0)


def above(d: Driven, level: str) -> bool:
    """Whether the status line tells that level."""
    return level in status(d)


async def there(d: Driven) -> RuleSet:
    """Wait for the rules, and go to them."""
    await d.until(lambda: d.app._model.rules.rules)
    await d.pilot.press("r")
    await d.until(lambda: listed(d).options)
    return d.app._model.rules


def comes(d: Driven, client: str, number: int) -> None:
    """A request of that client is reported."""
    exchange = Exchange("POST", "/x", "chat", "chat", True, client=client, status="done")
    d.app._events.append(RecordChanged(Record(number, 1.0, exchange)))


async def test_before_any_request_the_rules_for_any_client_show(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        rules = await there(d)
        assert headings(d) == ["any client"]
        others = [rule for rule in rules.rules if rule.client != "any"]
        clients = {rule.client for rule in others}
        assert lines(d)[-1].startswith(f"▸ {len(clients)} more clients, {len(others)} rules")
        assert len(lines(d)) == 2 + len(rules.rules) - len(others)
        await d.pilot.press("end")
        assert "have sent nothing yet" in said(d)
        assert all(f"{client} " in said(d) for client in clients)


async def test_a_client_that_comes_shows_its_rules_and_leaves_the_cursor(llama: LlamaServer) -> None:
    async with driven(llama.url, size=(80, 24)) as d:
        await there(d)
        await d.pilot.press("down", "down", "down")
        held = under_cursor(d)
        row = listed(d).highlighted or 0
        await d.send(conversation(1)[0])
        await d.until(lambda: "openclaw" in headings(d))
        assert headings(d) == ["openclaw", "any client"]
        assert under_cursor(d) == held
        assert (listed(d).highlighted or 0) > row
        assert (listed(d).highlighted or 0) - listed(d).scroll_offset.y == row, "it stays in its place"
        # The hits of the request stand in their lines.
        await d.until(lambda: hits_of(d, "openclaw.message-id") > 0)
        await d.until(lambda: lines(d)[1].split()[-1] == str(hits_of(d, "openclaw.message-id")))
        assert lines(d)[1].startswith("■ message-id ")


async def test_clients_without_rules_make_no_group(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        await there(d)
        comes(d, "curl", 1)
        comes(d, "zed", 2)
        await d.until(lambda: "zed" in headings(d))
        assert headings(d) == ["zed", "any client"]


async def test_folding_and_unfolding_keep_the_cursor(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        rules = await there(d)
        await d.pilot.press("down")
        held = under_cursor(d)
        await d.pilot.press("a")
        assert len(headings(d)) == len({rule.client for rule in rules.rules})
        assert under_cursor(d) == held
        # What is unfolded may stand below what is in sight.
        assert str(panel(d).border_subtitle).endswith("all clients: a folds")
        await d.pilot.press("end")
        assert under_cursor(d) == rules.rules[-1].id
        # A rule that is folded away leaves the cursor on the line that hides it.
        await d.pilot.press("a")
        assert under_cursor(d) == More.id
        assert len(headings(d)) == 1
        await d.pilot.press("space")
        assert len(headings(d)) > 1
        assert under_cursor(d) == More.id
        await d.pilot.press("enter")
        assert len(headings(d)) == 1


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)])
async def test_no_line_is_wider_than_its_pane(llama: LlamaServer, size: tuple[int, int]) -> None:
    async with driven(llama.url, size=size) as d:
        await there(d)
        await d.pilot.press("a")
        await d.pilot.pause()
        assert {len(line) for line in lines(d)} == {listed(d).line_width}
        await d.pilot.resize_terminal(60, 20)
        # Less the border, the scroll bar and the padding.
        await d.until(lambda: {len(line) for line in lines(d)} == {60 - 2 - 1 - 2})
        assert listed(d).virtual_size.height == len(lines(d)), "none is wrapped"


async def test_the_level_is_shown_cycled_and_remembered(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        rules = await there(d)
        assert str(panel(d).border_title) == "rules · ◇ safe"
        before = len(rules.enabled)
        for level, sign in (("careful", "◈"), ("aggressive", "◆")):
            await d.pilot.press("L")
            await d.until(partial(above, d, level))
            assert f"{sign} {level}" in status(d)
            assert str(panel(d).border_title) == f"rules · {sign} {level}"
            assert panel(d).has_class("-above-safe")
            assert len(d.app._model.rules.enabled) > before
            before = len(d.app._model.rules.enabled)
        await d.until(lambda: load_state(paths.state_file())[0].level == "aggressive")
    async with driven(llama.url) as d:
        await there(d)
        assert "◆ aggressive" in status(d)
        await d.pilot.press("L")
        await d.until(lambda: d.app._model.rules.level == "safe")
        assert not panel(d).has_class("-above-safe")


async def test_two_quick_presses_are_two_steps(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        await there(d)
        d.app.action_next_level()
        d.app.action_next_level()
        await d.until(lambda: d.app._model.rules.level == "aggressive")


async def test_rules_above_the_level_say_so_and_can_be_switched_on(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        rules = await there(d)
        at = next(
            index
            for index, option in enumerate(listed(d).options)
            if (rule := rules.get(option.id or "")) and rule.level == "careful" and rule.on
        )
        listed(d).highlighted = at
        await d.pilot.pause()
        rule_id = under_cursor(d) or ""
        assert lines(d)[at].startswith("□ ")
        assert "◈ careful" in lines(d)[at]
        assert "off at this level" in said(d)
        rule = rules.get(rule_id)
        assert rule is not None
        assert rule.does in said(d)
        assert rule.cost in said(d)
        assert rule.source in said(d)
        await d.pilot.press("space")
        await d.until(lambda: rule_id in d.app._model.rules.enabled)
        await d.until(lambda: "switched on by you" in said(d))
        assert lines(d)[at].startswith("■ ")


async def test_the_palette_has_each_level_and_what_changes_mean(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        await there(d)
        commands = {command.title: command for command in d.app.get_system_commands(d.screen)}
        assert {f"level: Use {level}" for level in LEVELS if level != "safe"} <= set(commands)
        assert "level: Use safe" not in commands, "it is in use"
        commands["level: Use aggressive"].callback()
        commands["rule changes: In new conversations only"].callback()
        await d.until(lambda: d.app._model.flips == "new-lanes" and d.app._model.rules.level == "aggressive")
        await d.until(lambda: "new conversations only" in str(panel(d).border_subtitle))
        titles = {command.title for command in d.app.get_system_commands(d.screen)}
        assert "rule changes: At once" in titles
        assert "rule changes: In new conversations only" not in titles
        assert "level: Use safe" in titles
        await d.pilot.press("question_mark")
        assert isinstance(d.app.screen, HelpScreen)


async def test_a_stale_rule_is_marked_in_its_line_its_words_and_above(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        rules = await there(d)
        comes(d, "openclaw", 1)
        stale = frozenset({"openclaw.message-id", "no.such-rule"})
        d.app._events.append(RulesChanged(rules, stale=stale))
        await d.until(lambda: any("! stale" in line for line in lines(d)))
        assert [line.split()[1] for line in lines(d) if "! stale" in line] == ["message-id"]
        assert "! 1 stale" in status(d)
        await d.until(lambda: under_cursor(d) is not None)
        await d.pilot.press("home")
        assert under_cursor(d) == "openclaw.message-id"
        words = said(d).replace("\n", " ")
        assert "found nothing in its client's last 20 requests; its format may have changed" in words
        # Switched off, it is not expected to find anything.
        off = rules.toggled("openclaw.message-id", False)
        d.app._events.append(RulesChanged(off, stale=stale))
        await d.until(lambda: not any("! stale" in line for line in lines(d)))
        assert "stale" not in status(d)


async def test_names_from_rule_files_are_never_markup(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        rules = await there(d)
        odd = replace(rules.rules[0], id="odd", client="any", title="[red]x[/] \x1b", does="[/b] $primary")
        d.app._events.append(RulesChanged(RuleSet((odd,), frozenset({"odd"}))))
        await d.until(lambda: len(lines(d)) == 2)
        await d.until(lambda: "[/b] $primary" in said(d))
        assert "[red]x[/] ␛" in said(d)
        await d.pilot.resize_terminal(80, 24)
        await d.until(lambda: "[red]x[/] ␛" in lines(d)[1])


async def test_what_is_wrong_with_rule_files_is_told_above_the_words(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        rules = await there(d)
        d.app._events.append(RulesChanged(rules, problem="mine.toml: rule 'mine.x': missing key `cost`."))
        await d.until(lambda: "mine.x" in said(d))
        assert str(panel(d).border_subtitle).startswith("! rule files · ")
        d.app._events.append(RulesChanged(rules))
        await d.until(lambda: "mine.x" not in said(d))
        assert "!" not in str(panel(d).border_subtitle)


async def test_a_rule_set_without_rules_leaves_an_empty_pane(llama: LlamaServer) -> None:
    async with driven(llama.url) as d:
        await there(d)
        d.app._events.append(RulesChanged(RuleSet()))
        await d.until(lambda: not lines(d))
        await d.pilot.press("space", "down", "a", "home", "end")
        assert under_cursor(d) is None
        assert said(d) == ""
